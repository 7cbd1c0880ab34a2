import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { type Device, RX_GONE, RX_NONE } from "#device/device";
import { openTun } from "#device/tun";
import { SystemError } from "#ffi/system-error";
import { readLinks } from "./facts.ts";
import type { Settings, Side } from "./options.ts";
import { icmpError, isProbe, writeSyn } from "./probe-packet.ts";
import type { System } from "./run.ts";

/** One probe: a SYN as `host` and `peer` would send it, written into one TUN and expected from the other. */
export interface Trial {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly arrived: boolean;
  readonly sent: number;
  /** Milliseconds from sending to arrival; 0 if the probe did not arrive. */
  readonly ms: number;
  /** Type and code of the kernel's ICMP error, "3/13"; null without one. */
  readonly icmp: string | null;
  /** By how much the kernel's counters rose meanwhile, by name ("Ip.InAddrErrors", "tun1.tx"). */
  readonly counters: Readonly<Record<string, number>>;
}

export type Probe = (system: System, settings: Settings) => ProbeReport;

/** untried: a device could not be opened, usually because a program has it open; `why` names the reason. */
export interface ProbeReport {
  readonly outcome: "passed" | "dropped" | "untried";
  readonly trials: readonly Trial[];
  readonly why: string;
}

/** How often the probe is resent. */
const SENDS = 5;
/** After a TUN is opened, a worker of the kernel starts its queue; packets before that are dropped. On a busy machine it may take a while. */
const QUEUES_MS = 5_000;
const WAIT_MS = 60;
/** How many packets are read before the clock is looked at. Other programs may send packets to the devices without end. */
const READS = 256;

/** Opens both devices for a moment and sends probes both ways in each family. */
export const probe: Probe = (system, settings) => {
  const open: End[] = [];
  let opening = "";
  try {
    for (const side of settings.sides) {
      opening = side.name;
      open.push(new End(side, openTun({ name: side.name, checksums: false })));
    }
    const [a, b] = open as [End, End];
    awaitQueues(system, [a.side.name, b.side.name]);
    const families = settings.sides[0].prefixes.map((_, i) => i);
    const trials = families.flatMap((i) => [trial(system, a, b, i), trial(system, b, a, i)]);
    const dropped = trials.some((each) => !each.arrived);
    return { outcome: dropped ? "dropped" : "passed", trials, why: "" };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { outcome: "untried", trials: [], why: error.code === "EBUSY" ? `${opening} is in use` : error.message };
  } finally {
    for (const end of open) end.device.close();
  }
};

/** A device with memory for one packet each way. */
export class End {
  readonly side: Side;
  readonly device: Device;
  readonly slab = new Slab(2 * (HEADROOM + PACKET_MAX));
  readonly packet = new Packet();
  readonly #o: number;
  /** `find` stopped with packets left. */
  isBehind = false;

  constructor(side: Side, device: Device) {
    this.side = side;
    this.device = device;
    this.#o = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    this.device.attach(this.slab);
  }

  send(other: End, index: number): void {
    const n = writeSyn(this.slab.view, this.#o, this.side, other.side, index);
    this.packet.clear();
    this.packet.o = this.#o;
    this.packet.n = n;
    this.device.transmit(this.packet, 0);
  }

  /** Reads waiting packets, at most READS, until `accept` returns true for one; false if it does for none of them. */
  find(accept: (v: DataView, o: number) => boolean): boolean {
    this.isBehind = false;
    for (let i = 0; i < READS; i++) {
      this.packet.clear();
      this.packet.o = this.#o;
      const n = this.device.receive(this.packet, 0);
      if (n === RX_NONE || n === RX_GONE) return false;
      if (accept(this.slab.view, this.#o)) return true;
    }
    this.isBehind = true;
    return false;
  }
}

/** Waits until the kernel has started the queue of each device, but not for ever: the probe shows then what is wrong. */
export function awaitQueues(system: System, names: readonly string[]): void {
  const until = performance.now() + QUEUES_MS;
  while (!names.every((name) => hasQueue(system, name)) && performance.now() < until) Bun.sleepSync(5);
}

/** The kernel calls a device up when it starts its queue (linkwatch_do_dev). A device that cannot be asked is not waited for. */
function hasQueue(system: System, name: string): boolean {
  return !/"operstate":"DOWN"/.test(system.run(["ip", "-j", "link", "show", "dev", name]).out);
}

export function trial(system: System, from: End, to: End, index: number): Trial {
  const { family } = from.side.prefixes[index]!;
  const names = [from.side.name, to.side.name];
  const before = readCounters(system, names);
  let icmp: string | null = null;
  let sent = 0;
  let arrived = false;
  let ms = 0;
  while (sent < SENDS && !arrived && icmp === null) {
    const start = performance.now();
    from.send(to, index);
    sent++;
    while (!arrived && icmp === null && performance.now() - start < WAIT_MS) {
      arrived = to.find((v, o) => isProbe(v, o, family));
      from.find((v, o) => (icmp = icmpError(v, o)) !== null);
      if (!arrived && icmp === null && !to.isBehind && !from.isBehind) Bun.sleepSync(1);
      ms = performance.now() - start;
    }
  }
  const after = readCounters(system, names);
  const counters: Record<string, number> = {};
  for (const [key, value] of Object.entries(after)) {
    const moved = value - (before[key] ?? 0);
    if (moved !== 0) counters[key] = moved;
  }
  const [a, b] = names as [string, string];
  return { from: a, to: b, family, arrived, sent, ms: arrived ? ms : 0, icmp, counters };
}

/** This network namespace's counters, as "Group.Name", and those of the links, as "tun0.tx". */
export function readCounters(system: System, names: readonly string[]): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const path of ["/proc/net/snmp", "/proc/net/netstat"]) {
    const lines = (system.read(path) ?? "").split("\n");
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [group, ...keys] = lines[i]!.split(" ");
      const values = lines[i + 1]!.split(" ").slice(1);
      for (const [k, key] of keys.entries()) counters[group!.replace(":", ".") + key] = Number(values[k]);
    }
  }
  for (const line of (system.read("/proc/net/snmp6") ?? "").split("\n")) {
    const [key, value] = line.split(/\s+/);
    if (key?.startsWith("Ip6")) counters[key.replace("Ip6", "Ip6.")] = Number(value);
  }
  for (const link of readLinks(system.run(["ip", "-d", "-s", "-j", "addr", "show"]).out)) {
    if (names.includes(link.name)) counters[`${link.name}.tx`] = link.tx.packets;
  }
  return counters;
}
