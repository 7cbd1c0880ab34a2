/** Simulated transfers that are recorded by the stacks and captured at one side: the truth, and what there is to infer it from. */
import { SECOND } from "#base/time";
import type { LinkObserver } from "#device/link";
import * as marks from "#device/link-marks";
import { parseLinks } from "#device/link-words";
import { CaptureReader } from "#explain/capture/capture-reader";
import { Explainer } from "#explain/explainer";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { parseAddress } from "#ip/address";
import { FlowEnd } from "#lab/sim/flow";
import { type Application, SimHost } from "#lab/sim/host";
import { Simulation } from "#lab/sim/simulation";
import { Recorder } from "#observe/recorder";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import { EVENT_CLOSED, EVENT_OPENED, type Tcb } from "#tcp/words/tcb";

export interface Plan {
  readonly link: string;
  readonly seed: number;
  readonly bytes: number;
  readonly params?: TcpSettings;
  readonly stalls?: readonly { readonly from: number; readonly to: number }[];
  /** The sender's program writes `octets` every `every` µs. */
  readonly pauses?: { readonly octets: number; readonly every: number };
  /** Octets kept of each packet. */
  readonly snap?: number;
}

export type Side = "sender" | "receiver";

export interface Captured {
  readonly truth: Run;
  readonly pcap: Readonly<Record<Side, Uint8Array>>;
}

const PORT = 7000;
/** µs since 1970 at virtual time 0. */
const EPOCH = 1_700_000_000_000_000;

/** A pcap file (µs, raw IP) that grows. */
export class PcapWriter {
  #u8 = new Uint8Array(1 << 20);
  #end = 24;
  readonly #snap: number;

  constructor(snap = 65_535) {
    this.#snap = snap;
    const v = new DataView(this.#u8.buffer);
    v.setUint32(0, 0xa1b2c3d4);
    v.setUint16(4, 2);
    v.setUint16(6, 4);
    v.setUint32(16, snap);
    v.setUint32(20, 101);
  }

  add(time: number, from: DataView, o: number, n: number): void {
    const kept = Math.min(n, this.#snap);
    if (this.#end + 16 + kept > this.#u8.length) {
      const larger = new Uint8Array(this.#u8.length * 2);
      larger.set(this.#u8);
      this.#u8 = larger;
    }
    const v = new DataView(this.#u8.buffer);
    v.setUint32(this.#end, Math.floor((EPOCH + time) / 1e6));
    v.setUint32(this.#end + 4, (EPOCH + time) % 1e6);
    v.setUint32(this.#end + 8, kept);
    v.setUint32(this.#end + 12, n);
    this.#u8.set(new Uint8Array(from.buffer, from.byteOffset + o, kept), this.#end + 16);
    this.#end += 16 + kept;
  }

  bytes(): Uint8Array {
    return this.#u8.subarray(0, this.#end);
  }
}

/** Runs the plan: the left end sends. */
export function captured(plan: Plan): Captured {
  const sim = new Simulation({ seed: plan.seed, errors: { tooBig, timeExceeded } });
  const hosts = (["left", "right"] as const).map((name, i) => {
    const addresses = [parseAddress(name === "left" ? "10.0.0.7" : "10.0.1.5")!];
    const offload = { checksum: false, tso4: false, tso6: false };
    const limits = { memory: 64 << 20 };
    return new SimHost(
      sim,
      name,
      new Stack({ addresses, mtu: 1500, offload, seed: plan.seed * 2 + i, limits, trace: 1 << 14 }),
    );
  });
  const [left, right] = hosts as [SimHost, SimHost];
  const links = parseLinks(plan.link);
  const wires = sim.connect(left.node, right.node, { there: links.out, back: links.in, mtu: 1500, isTrusted: false });
  const builder = new RunBuilder();
  builder.event({ event: "run:started", time: 0, who: "sim", epoch: null, about: { link: plan.link } });
  const recorder = new Recorder([builder]);
  for (const host of hosts) recorder.follow(host.stack.trace, host.name, true);
  const pcap = { sender: new PcapWriter(plan.snap), receiver: new PcapWriter(plan.snap) };
  const tap = (wire: (typeof wires)["there"], offered: Side, delivered: Side): void => {
    const inner = recorder.observer(wire.link, wire.name);
    const observer: LinkObserver = {
      onLink(at, mark, v, o, n, id) {
        inner.onLink(at, mark, v, o, n, id);
        if (mark === marks.LINK_OFFERED) pcap[offered].add(at, v, o, n);
        if (mark === marks.LINK_DELIVERED) pcap[delivered].add(at, v, o, n);
      },
    };
    wire.recorder = observer;
  };
  tap(wires.there, "sender", "receiver");
  tap(wires.back, "receiver", "sender");
  const buffers = { sendBuffer: 16 << 20, receiveBuffer: 16 << 20, receiveBufferMax: 16 << 20 };
  const params = { ...buffers, ...plan.params };
  const far = new FlowEnd({ bytes: 0, stalls: plan.stalls ?? [] }, sim, right.stack, () => right.node.wake());
  right.listen(PORT, () => far, { params });
  const near = sender(plan, sim, left);
  left.connect(parseAddress("10.0.1.5")!, PORT, near, { params });
  while (sim.step(300 * SECOND)) {
    recorder.read();
    for (const { stack } of hosts) stack.trace.drain();
  }
  return { truth: builder.build(), pcap: { sender: pcap.sender.bytes(), receiver: pcap.receiver.bytes() } };
}

/** The program that sends: all at once, or a piece from time to time. */
function sender({ bytes, pauses }: Plan, sim: Simulation, { stack, node }: SimHost): Application {
  if (pauses === undefined) return new FlowEnd({ bytes, stalls: [] }, sim, stack, () => node.wake());
  const octets = new Uint8Array(pauses.octets);
  let sent = 0;
  const write = (tcb: Tcb) => {
    if (sent >= bytes) stack.closeSend(tcb, sim.now);
    else {
      sent += Math.max(0, stack.send(tcb, octets, 0, octets.length, sim.now));
      sim.at(sim.now + pauses.every, () => write(tcb));
    }
    node.wake();
  };
  return {
    onEvents(tcb, events) {
      if (events & EVENT_OPENED) write(tcb);
      if (events & EVENT_CLOSED) stack.release(tcb);
    },
  };
}

/** What is inferred from a capture. */
export function explained(bytes: Uint8Array, name = "capture"): Run {
  const explainer = new Explainer();
  const reader = new CaptureReader(name, explainer);
  for (let o = 0; o < bytes.length; o += 65_536) reader.push(bytes.subarray(o, o + 65_536));
  reader.end();
  return explainer.build({}, reader.missed);
}
