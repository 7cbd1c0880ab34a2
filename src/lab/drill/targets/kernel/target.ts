import { readFileSync } from "node:fs";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { openTun, type TunDevice } from "#device/tun";
import { CallThread } from "#ffi/call-thread";
import { findTool, toolEnvironment } from "#ffi/environment";
import * as netif from "#ffi/interface";
import { check } from "#ffi/system-error";
import type { Syscall } from "../../language/ast.ts";
import { Unsupported } from "../../language/ast.ts";
import type { Attempt, Descriptor, Surroundings } from "../../posix/sockets.ts";
import type { MachineSocket, Profile, SettingValue, StateName, SystemTarget, TargetSetup } from "../../posix/target.ts";
import { KernelCall, KernelSocket, kernelCall } from "./calls/connection.ts";
import { information } from "./calls/options.ts";
import { Clock } from "./clock.ts";
import { counters } from "./counters.ts";
import { readSysctl, setDefaults, writeSysctl } from "./sysctl.ts";

const TUN = "tun0";
/** How far ahead the interpreter may advance before it checks what has changed. */
const STEP_USECS = 500;

/**
 * This machine's own TCP under test, in real time: packets go through a TUN device, calls are system calls. It needs a network namespace to
 * itself, which `namespace.ts` makes.
 */
export class Kernel implements SystemTarget {
  readonly profile: Profile;
  readonly #setup: TargetSetup;
  readonly #clock = new Clock();
  readonly #tun: TunDevice;
  readonly #slab = new Slab(4 * PACKET_MAX);
  readonly #packet = new Packet();
  readonly #slot: number;
  readonly #metrics = new Map<string, string>();
  /** An unprivileged namespace cannot choose every congestion control as its default; a privileged socket can. */
  #control: string | undefined = "cubic";
  #thread: CallThread | undefined;

  /**
   * Throws SystemError if no TUN device can be created.
   * @param thread for blocking calls; undefined: made when first needed
   */
  constructor(setup: TargetSetup, thread?: CallThread) {
    this.#setup = setup;
    this.#thread = thread;
    this.profile = setup.profile;
    setDefaults();
    const { local, remote, mtu } = setup;
    const length = 8 * local.length;
    this.#tun = openTun({ name: TUN, checksums: false, mtu, prefix: { address: local, length } });
    const routed = local.length === 4 ? netif.setPeer4(TUN, remote) : netif.addRoute6(TUN, remote);
    check(routed, "SIOCADDRT", TUN);
    if (local.length === 16) awaitAddress(local);
    this.#tun.attach(this.#slab);
    this.#slot = this.#slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  input(bytes: Uint8Array, now: number): void {
    this.#slab.u8.set(bytes, this.#slot);
    this.#packet.clear();
    this.#packet.o = this.#slot;
    this.#packet.n = bytes.length;
    this.#tun.transmit(this.#packet, now);
  }

  now(): number {
    return this.#clock.now();
  }

  advance(now: number): void {
    for (;;) {
      const left = now - this.#clock.now();
      if (left <= 0 || this.#tun.wait(left)) return;
    }
  }

  nextDeadline(): number {
    return this.#clock.now() + STEP_USECS;
  }

  output(now: number): Uint8Array | undefined {
    this.#packet.clear();
    this.#packet.o = this.#slot;
    const n = this.#tun.receive(this.#packet, now);
    return n > 0 ? this.#slab.u8.slice(this.#slot, this.#slot + n) : undefined;
  }

  get #calls(): CallThread {
    return (this.#thread ??= new CallThread());
  }

  systemCall(around: Surroundings, syscall: Syscall): Attempt {
    const attempt = kernelCall(new KernelCall(around, this.#setup, this.#control, () => this.#calls, syscall));
    if (!attempt) throw new Unsupported(`system call ${syscall.name}`, syscall.position);
    return attempt;
  }

  /** A call that still blocks does not prevent the end. */
  end(): void {
    this.#thread?.end();
  }

  information(descriptor: Descriptor): Readonly<Record<string, number>> | undefined {
    return descriptor instanceof KernelSocket ? information(descriptor.fd) : undefined;
  }

  sysctl(name: string, value: string): boolean {
    if (name === "net.ipv4.tcp_congestion_control") {
      this.#control = value;
      return true;
    }
    return name.startsWith("net.") && writeSysctl(name, value);
  }

  configure(name: string, value: SettingValue): boolean {
    if (name === "mtu") return netif.setMtu(TUN, Number(value)) === 0;
    if (name === "queueLimit") return limitQueue(Number(value));
    if (name === "forgetPeers") return ipTool(["tcp_metrics", "flush"]);
    if (name === "forgetRoutes") return ipTool([`-${this.#setup.family}`, "route", "flush", "cache"]);
    if (name === "initialWindow") return this.#route("initcwnd", `${value}`);
    if (name === "quickRoute") return this.#route("quickack", value === true ? "1" : "0");
    if (name === "cookielessRoute") return this.#route("fastopen_no_cookie", value === true ? "1" : "0");
    return name === "rtoMin" && this.#route("rto_min", `${Number(value) / 1_000}ms`);
  }

  /** Sets a metric of the route to the script's peer, with iproute2. */
  #route(metric: string, value: string): boolean {
    this.#metrics.set(metric, value);
    const { family, remote } = this.#setup;
    // Replaces the route that the constructor made, which for IPv6 has that preference.
    const way = ["replace", textOf(remote), "dev", TUN, ...(family === 6 ? ["metric", "1"] : [])];
    return ipTool([`-${family}`, "route", ...way, ...[...this.#metrics].flat()]);
  }

  sockets(): readonly MachineSocket[] {
    const table = readFileSync(this.#setup.family === 6 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp", "utf8");
    const lines = table.trim().split("\n").slice(1);
    return lines.map((line) => {
      const [, local = "", remote = "", state = "", queues = ""] = line.trim().split(/\s+/);
      const [sendQueue, receiveQueue] = queues.split(":").map((digits) => Number.parseInt(digits, 16));
      return {
        state: STATES[state] ?? "CLOSED",
        localPort: portOf(local),
        remotePort: portOf(remote),
        receiveQueue: receiveQueue ?? 0,
        sendQueue: sendQueue ?? 0,
      };
    });
  }

  readSysctl(name: string): string | undefined {
    return name.startsWith("net.") ? readSysctl(name) : undefined;
  }

  counters(): Readonly<Record<string, number>> {
    return counters();
  }

  drop(): number {
    throw new Unsupported("tcpdrop against a kernel");
  }
}

/** @param packets a negative number restores the device's own queue, even if it was not changed */
function limitQueue(packets: number): boolean {
  if (packets >= 0) return tool("tc", ["qdisc", "replace", "dev", TUN, "root", "pfifo", "limit", `${packets}`]);
  tool("tc", ["qdisc", "del", "dev", TUN, "root"]);
  return true;
}

function ipTool(args: readonly string[]): boolean {
  return tool("ip", args);
}

function tool(name: "ip" | "tc", args: readonly string[]): boolean {
  const path = findTool(name);
  if (path === null) return false;
  const env = toolEnvironment();
  return Bun.spawnSync([path, ...args], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

/** In the format of iproute2. */
function textOf(address: Uint8Array): string {
  const hex = address.toHex();
  return address.length === 4 ? address.join(".") : hex.match(/..../g)!.join(":");
}

/** The kernel checks an IPv6 address for duplicates with a delay, even if there can be none. Until then bind() to it fails. */
function awaitAddress(address: Uint8Array): void {
  for (let tries = 0; tries < ADDRESS_TRIES; tries++) {
    const line = readFileSync("/proc/self/net/if_inet6", "utf8")
      .split("\n")
      .find((each) => each.startsWith(address.toHex()));
    const flags = Number.parseInt(line?.trim().split(/\s+/)[4] ?? "", 16);
    if ((flags & IFA_F_TENTATIVE) === 0) return;
    Bun.sleepSync(1);
  }
}

const IFA_F_TENTATIVE = 0x40;
const ADDRESS_TRIES = 1_000;

function portOf(address: string): number {
  return Number.parseInt(address.split(":")[1] ?? "", 16);
}

/** The codes of /proc/net/tcp. */
const STATES: Readonly<Record<string, StateName>> = {
  "01": "ESTABLISHED",
  "02": "SYN-SENT",
  "03": "SYN-RECEIVED",
  "04": "FIN-WAIT-1",
  "05": "FIN-WAIT-2",
  "06": "TIME-WAIT",
  "07": "CLOSED",
  "08": "CLOSE-WAIT",
  "09": "LAST-ACK",
  "0A": "LISTEN",
  "0B": "CLOSING",
};
