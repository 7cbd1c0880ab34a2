import type { Device } from "#device/device";
import { withSegmentation } from "#device/segmentation";
import { Driver } from "#driver/driver";
import type { Engine } from "#driver/engine";
import { nextTurn } from "#driver/event-loop";
import type { Address } from "#ip/address";
import type { StackOptions } from "#stack/options";
import { Stack } from "#stack/stack";
import { PROFILES } from "#tcp/words/profiles";
import { checkStackOptions } from "./arguments.ts";
import { invalid } from "./checks.ts";
import { addressOf, prefixOf } from "./endpoint.ts";
import { loadCodec } from "./names/dns-message.ts";
import { namesOf } from "./names/names-of.ts";
import type { QueueSiblings } from "./queue-siblings.ts";
import type { CreateStackOptions, DeviceStackOptions, EngineStack, Host, HostedStackOptions } from "./stack-types.ts";
import { type Platform, TcpNetStack } from "./tcp-net-stack.ts";
import { TracingEngine } from "./tracing-engine.ts";

/** Limit of driver turns to send the last packets when a stack is closed. */
const LAST_TURNS_MAX = 4_096;

/** In real time, µs: timers are late, and with one for each super-segment a paced sender is a third slower over a TUN (docs/adr/0064). */
const PACING_SLACK = 1000;

/** Devices that stacks drive or have closed. */
const taken = new WeakSet<Device>();

/**
 * Makes a stack on a device, or on a host such as a node of the simulator, which drives it. @throws CallError EINVAL for an
 * address that no host can have, and for other invalid arguments.
 */
export async function createStack(options: CreateStackOptions): Promise<EngineStack> {
  checkStackOptions(options);
  const names = namesOf(options);
  const net =
    "device" in options && options.device !== undefined ? onDevice(options) : hosted(options as HostedStackOptions);
  net.names = names(net);
  // In virtual time nothing waits for a file.
  if (options.dns) await loadCodec();
  return net;
}

/** A stack on a host, which drives it: at once, without a promise. It asks no DNS servers. @throws CallError EINVAL. */
export function createHostedStack(options: HostedStackOptions): EngineStack {
  checkStackOptions(options);
  const names = namesOf(options);
  const net = hosted(options);
  net.names = names(net);
  return net;
}

function hosted(options: HostedStackOptions): TcpNetStack {
  const stack = new Stack({ ...engineOptions(options), mtu: options.mtu ?? 1_500 });
  const host = options.host(tellingOfTrace(stack));
  return new TcpNetStack(stack, host, { ref() {}, unref() {}, end: async () => {} });
}

/** A stack on one queue of a device. @param secret of the stacks of all queues */
export function createQueueStack(
  options: DeviceStackOptions,
  secret: readonly [number, number],
  siblings: QueueSiblings,
): EngineStack {
  checkStackOptions(options);
  const names = namesOf(options);
  const net = onDevice(options, { secret, siblings });
  net.names = names(net);
  return net;
}

function onDevice(
  options: DeviceStackOptions,
  group: { secret?: readonly [number, number]; siblings?: QueueSiblings } = {},
): TcpNetStack {
  if (taken.has(options.device)) {
    throw invalid(`the device ${options.device.name} has a stack, or had one: each stack needs a device of its own`);
  }
  // An observer of events sees each segment that the device delivers.
  const device = withSegmentation(options.device, options.trace === undefined || options.trace === 0);
  const { mtu, offload, filter } = device;
  const engine = engineOptions(options);
  const params = { pacingSlack: PACING_SLACK, ...engine.params };
  const stack = new Stack({ ...engine, ...group, params, mtu, offload, filter });
  group.siblings?.attach(stack.slab, stack.counters);
  const clock = options.clock;
  const driver = new Driver(tellingOfTrace(stack), device, clock === undefined ? {} : { clock });
  taken.add(options.device);
  const host: Host & Platform = {
    now: driver.now,
    wake: () => driver.wake(),
    onEvents: null,
    onText: null,
    ref: () => driver.ref(),
    unref: () => driver.unref(),
    end: async () => {
      await lastTurns(driver);
      driver.stop();
      device.close();
    },
  };
  const net = new TcpNetStack(stack, host, host);
  driver.onEvents = (beforeSending) => host.onEvents?.(beforeSending);
  driver.onText = () => host.onText?.();
  driver.onGone = () => net.gone(device.name);
  driver.start();
  return net;
}

/** Lets the driver run until a turn sends nothing, so that RSTs are sent. */
async function lastTurns(driver: Driver): Promise<void> {
  for (let turns = 0, before = -1; turns < LAST_TURNS_MAX && driver.statistics.packetsOut !== before; turns++) {
    before = driver.statistics.packetsOut;
    driver.wake();
    // The driver's turn was scheduled before this one.
    await nextTurn();
    await nextTurn();
  }
}

function tellingOfTrace(stack: Stack): Engine {
  return stack.trace.enabled ? new TracingEngine(stack) : stack;
}

function engineOptions(options: CreateStackOptions): Omit<StackOptions, "mtu"> {
  const { limits, trace, profile } = options;
  const params = profile === undefined ? options.params : { ...PROFILES[profile], ...options.params };
  const prefixes = several(options.address).map(prefixOf);
  if (prefixes.length === 0) throw invalid("a stack needs an address, such as 10.0.0.7/24");
  const kernel = several(options.kernelAddress).map(addressOf);
  const addresses = prefixes.map((prefix) => prefix.address);
  for (const prefix of prefixes) checkOwn(prefix.address, prefix.isUsable(prefix.address), kernel);
  return {
    addresses,
    prefixes,
    ...randomness(options.seed),
    ...(options.owned === undefined ? {} : { owned: prefixOf(options.owned) }),
    except: kernel,
    ...(params === undefined ? {} : { params }),
    ...(limits === undefined ? {} : { limits }),
    ...(trace === undefined ? {} : { trace }),
  };
}

function checkOwn(address: Address, usable: boolean, kernel: readonly Address[]): void {
  if (address.isMulticast) throw invalid(`${address} is a multicast address: a stack needs the address of one host`);
  if (!usable) throw invalid(`no host can use ${address}: it is the network or the broadcast address`);
  if (kernel.some((other) => other.equals(address))) {
    throw invalid(`${address} is the kernel's address: the stack needs another one in that subnet`);
  }
}

/** RFC 6528, 6056: outsiders must not guess our ISNs and ports. With a seed, a run can be repeated. */
function randomness(seed: number | undefined): Pick<StackOptions, "seed" | "secret"> {
  if (seed !== undefined) return { seed };
  const words = crypto.getRandomValues(new Int32Array(3));
  return { seed: words[0]! >>> 0, secret: [words[1]!, words[2]!] };
}

function several(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
