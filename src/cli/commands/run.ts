/** `tcpnet run [options] -- COMMAND` */
import { NEVER } from "#base/time";
import type { Device } from "#device/device";
import { offloadOf, TunDevice } from "#device/tun";
import { wholeEnvironment } from "#ffi/environment";
import { become } from "#ffi/privileges";
import type { ControlSocket } from "#lab/chaos/control";
import { counted } from "#observe/units";
import { createStack } from "#socket/create-stack";
import { endpointText } from "#socket/endpoint";
import type { NetStack } from "#socket/stack-types";
import type { Call } from "../commands.ts";
import { EXIT_FAILURE, EXIT_OK } from "../exit-codes.ts";
import { Explanation } from "../explanation.ts";
import { fromOutside, RUN_INSIDE, refuseInVain } from "../isolation.ts";
import { withoutChoice, withoutLastCompiler } from "../last-compiler.ts";
import { controlLink, openControlOf } from "../link-control.ts";
import { type RecordFile, recordAt } from "../named-files.ts";
import { captured, endCapture } from "../open-capture.ts";
import { impaired } from "../open-device.ts";
import { checkRights } from "../privileges.ts";
import { RunReport, tellReport } from "../report-file.ts";
import { Destinations } from "../run/destinations.ts";
import { runInsideNamespaces } from "../run/inside.ts";
import { Namespaces, namespaceCommand } from "../run/namespaces.ts";
import { GATEWAY_4, GATEWAY_6, GUEST_4, GUEST_6, type Plan, RESOLVERS, TUN_QUEUE } from "../run/network.ts";
import { type RunOptions, runOptions } from "../run/options.ts";
import { Outward } from "../run/outward.ts";
import { resolvConfFor } from "../run/resolvers.ts";
import { endBy, followSignals, signalExit } from "../run/signals.ts";
import { TRACE_RECORDS } from "../session.ts";
import { speakWithoutWaiting } from "../terminal.ts";
import { Voice } from "../voice.ts";

/** The name of the device and its link, for `tcpnet link --dev run`. */
const NAME = "run";

/** What was opened with the rights that the program began with. */
interface Opened {
  readonly inside: Namespaces;
  readonly device: Device;
  readonly control: ControlSocket | null;
  readonly write: RecordFile | null;
  readonly events: RecordFile | null;
  readonly report: RunReport | null;
}

export async function run(call: Call): Promise<number> {
  if (fromOutside(RUN_INSIDE) !== undefined) return runInsideNamespaces();
  refuseInVain(RUN_INSIDE, "the network of a command");
  const options = runOptions(call);
  await withoutLastCompiler(process.argv.slice(2));
  const rights = checkRights(call.flags);
  const way = namespaceCommand(options.mapRoot);
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const write = recordAt(options.write);
  const events = recordAt(options.events);
  const report = options.report === undefined ? null : new RunReport(options.report);
  const offload = offloadOf({ offload: options.impairment === null, checksums: options.impairment === null });
  const { inside, fd, warnings } = await Namespaces.open(way, planOf(options, offload.checksum));
  try {
    for (const what of warnings) voice.warn({ what, why: "", fix: "" });
    const tun = new TunDevice(fd, NAME, offload, { mtu: options.mtu, queueLength: TUN_QUEUE });
    const device = options.impairment === null ? tun : impaired(tun, options.impairment);
    const control = openControlOf(device, options.socket);
    const opened = { inside, device, control, write, events, report };
    return await forward(options, opened, voice, () => {
      // No packet is read as root.
      if (rights.kind === "become") become(rights.account);
    });
  } finally {
    inside.close();
  }
}

function planOf({ command, mtu, resolvers }: RunOptions, offload: boolean): Plan {
  return {
    command,
    env: withoutChoice(wholeEnvironment()),
    mtu,
    offload,
    checksums: offload,
    resolvConf: resolvConfFor(resolvers),
  };
}

/** Runs the command; returns its exit code. */
async function forward(options: RunOptions, opened: Opened, voice: Voice, dropRoot: () => void): Promise<number> {
  const { inside, report } = opened;
  const { device, capture } = captured(opened.device, options.write, opened.write, voice);
  const explanation = new Explanation(explained(options), opened.events, voice, report === null ? [] : [report.sink]);
  const stack = await createStack({
    device,
    address: [`${GATEWAY_4}/24`, `${GATEWAY_6}/64`],
    kernelAddress: [`${GUEST_4.address}`, `${GUEST_6.address}`],
    trace: explanation.isWanted ? TRACE_RECORDS : 0,
  });
  explanation.follow(stack.engine.trace, opened.device);
  if (explanation.isWanted) stack.onTrace = () => explanation.read();
  const outward = new Outward(stack, new Destinations(options.resolvers.servers, options.hostLoopback));
  const quiet = followSignals(inside);
  let endControl = () => {};
  try {
    for (const each of options.published) outward.publish(stack, each);
    dropRoot();
    tellStart(options, voice);
    endControl = controlLink(opened.device, opened.control, voice, DIRECTIONS);
    inside.start(opened.control?.path ?? "");
    const { code, signal } = await inside.ended();
    await outward.settled(() => opened.device.nextDeadline() === NEVER);
    outward.close();
    await stack.close();
    if (options.summary) voice.speakUp();
    endControl();
    endControl = () => {};
    tellEnd(outward, stack, voice);
    const complete = (await endCapture(capture, options.write, voice)) && (await explanation.end());
    await tellReport(report, "tcpnet run", voice);
    if (signal !== null) {
      quiet();
      await endBy(signal);
      return signalExit(signal);
    }
    return code === EXIT_OK && !complete ? EXIT_FAILURE : code;
  } finally {
    quiet();
    endControl();
    outward.close();
    await stack.close();
  }
}

function explained({ events, packets, explain, impairment }: RunOptions) {
  const endpoint = { role: "stack", tun: NAME, local: GATEWAY_4, remote: GUEST_4.address };
  return { events, packets, explain, impairment, keep: true, watch: false, offload: impairment === null, endpoint };
}

function tellStart({ command, published, hostLoopback, resolvers, mtu, impairment }: RunOptions, voice: Voice): void {
  const link = impairment?.text ?? null;
  const facts = { command, address: [`${GUEST_4}`, `${GUEST_6}`], mtu, link, published, hostLoopback };
  voice.lines("start", facts, [
    `tcpnet run ${command.join(" ")}`,
    `  command ${GUEST_4.address}, ${GUEST_6.address}   MTU ${mtu}`,
    `  names   ${resolvers.servers.map(({ hostname }, i) => `${RESOLVERS[i]} is ${hostname}`).join(", ")}`,
    ...published.map(
      ({ hostname, port, inside }) => `  publish ${endpointText({ hostname, port })} is the command's port ${inside}`,
    ),
    ...(hostLoopback ? [`  host    ${GATEWAY_4} is this machine's 127.0.0.1`] : []),
    ...(link === null ? [] : [`  link    ${link}`]),
  ]);
}

/** The link's directions, in the order `out`, `in`: out is what the stack sends, and the command gets. */
const DIRECTIONS = ["to the command", "from it"] as const;

/** What was moved. */
function tellEnd({ tcp, udp }: Outward, stack: NetStack, voice: Voice): void {
  const { opened: connections, failed, published } = tcp;
  const facts = { connections, failed, publishedConnections: published, flows: udp.opened, counters: stack.counters() };
  const more = [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(published === 0 ? [] : [`${published} to published ports`]),
    counted(udp.opened, "flow"),
  ];
  voice.lines("end", facts, [`  moved   ${[counted(connections, "connection"), ...more].join(", ")}`]);
}
