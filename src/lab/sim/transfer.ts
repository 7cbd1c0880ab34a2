/** A transfer between two stacks over one link, in virtual time: what `tcpnet sim` runs. */
import { Histogram } from "#base/histogram";
import { NEVER, SECOND } from "#base/time";
import type { CaptureSink } from "#device/capture";
import { joinObservers } from "#device/link-observers";
import { linksText } from "#device/link-text";
import type { LinkProfiles } from "#device/link-words";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { type Address, parseAddress } from "#ip/address";
import type { EventSink } from "#observe/events";
import { type FateSink, MarkedCapture } from "#observe/marked-capture";
import { Recorder } from "#observe/recorder";
import { Stack } from "#stack/stack";
import { DEFAULT_PARAMS, type TcpSettings } from "#tcp/words/params";
import { CapturedStack } from "./captured-stack.ts";
import { FlowEnd } from "./flow.ts";
import { type FlowResult, flowResult } from "./flow-result.ts";
import { SimHost } from "./host.ts";
import { Simulation, type Wires } from "./simulation.ts";
import { logStackEvents } from "./stack-events.ts";

export interface TransferOptions {
  readonly seed: number;
  /** `out` is the direction from the left stack to the right one, which flows use unless reversed. */
  readonly link: LinkProfiles;
  /** Largest IP packet, octets. */
  readonly mtu: number;
  readonly family: 4 | 6;
  readonly flows: number;
  /** Which ends send. */
  readonly direction: "there" | "back" | "both";
  /** Octets of each sending end; `Infinity`: until the time is over. */
  readonly bytes: number;
  /** Virtual µs after which the run ends, even if data is in flight. */
  readonly time: number;
  /** Virtual µs at the beginning that goodput and waiting times leave out. Default 0. */
  readonly omit?: number;
  /** Connection i has entry i, modulo the length. At least one. */
  readonly params: readonly TcpSettings[];
  /** Periods in which the receiving ends do not read. */
  readonly stalls: readonly { readonly from: number; readonly to: number }[];
  /** Takes the events of the run: what both stacks and the link do. */
  readonly sink?: EventSink | undefined;
  /** Take the packets of the left and of the right stack. */
  readonly captures?: readonly [FateSink | undefined, FateSink | undefined] | undefined;
}

export interface TransferResult {
  readonly seed: number;
  /** The link, in the words of `--link`. */
  readonly words: string;
  /** Virtual seconds: the whole time limit, or less if no event was left. */
  readonly time: number;
  /** Lines of the event log, whether or not they were requested. */
  readonly events: number;
  /** Depends on every event and on their order: equal for equal runs, whether or not lines are requested. */
  readonly digest: string;
  readonly flows: readonly FlowResult[];
  /** Packet counts of each direction of the link, by name. */
  readonly link: { readonly there: Record<string, number>; readonly back: Record<string, number> };
  /** How long packets waited in the queue of each direction. */
  readonly waiting: { readonly there: Waiting; readonly back: Waiting };
}

/** Waiting times of the packets that were sent, µs. */
export interface Waiting {
  readonly median: number;
  readonly p95: number;
  readonly max: number;
}

const PORT = 7000;
/** The smallest memory of a host, octets; below, the largest. */
const MEMORY_MIN = 16 << 20;
const MEMORY_MAX = 512 << 20;
const TRACE = 1 << 14;

/** A transfer that is run piece by piece, for somebody who watches. */
export interface TransferRun {
  /** Virtual time, µs. */
  readonly now: number;
  readonly wires: Wires;
  /** Both ends of each connection: the left one, then the right one. */
  readonly ends: readonly FlowEnd[];
  /** Whether every connection has carried its data. */
  readonly isDone: boolean;
  /** Runs what is due by this virtual time. False: nothing is left, or the time is over. */
  runUntil(time: number): boolean;
  /** Ends the recording. @param time at which it is over; default: that of the options */
  end(time?: number): TransferResult;
}

/** Runs the transfer. The same options give the same result and the same lines. */
export function transfer(options: TransferOptions): TransferResult {
  const run = beginTransfer(options);
  run.runUntil(options.time);
  return run.end();
}

/** Makes stacks, link and connections; nothing has run yet. */
export function beginTransfer(options: TransferOptions): TransferRun {
  const { sink, seed, time } = options;
  const sim = new Simulation({ seed, errors: { tooBig, timeExceeded } });
  const captures = options.captures?.map(
    (sink) => sink && new MarkedCapture(sink, { outbound: true, patience: NEVER }),
  );
  const [left, right] = hosts(sim, options, captures ?? []);
  const wires = sim.connect(left.node, right.node, {
    there: options.link.out,
    back: options.link.in,
    mtu: options.mtu,
    isTrusted: isTrusted(options),
  });
  const recorder = sink === undefined ? null : record(sink, options, [left, right], wires);
  for (const [i, wire] of [wires.there, wires.back].entries())
    if (captures?.[i] !== undefined) wire.recorder = joinObservers(wire.recorder, captures[i]);
  const sends = (way: "there" | "back") =>
    options.direction === way || options.direction === "both" ? options.bytes : 0;
  const flow = (host: SimHost, bytes: number) =>
    new FlowEnd({ bytes, stalls: options.stalls }, sim, host.stack, () => host.node.wake());
  const pairs = Array.from({ length: options.flows }, (_, i) => {
    const params = options.params[i % options.params.length]!;
    const far = flow(right, sends("back"));
    right.listen(PORT + i, () => far, { params });
    const near = flow(left, sends("there"));
    left.connect(address(options.family, "right"), PORT + i, near, { params });
    return { near, far };
  });
  const ends = pairs.flatMap(({ near, far }) => [near, far]);
  const counting = count(sim, wires, ends, options.omit ?? 0);
  const end = (time: number): TransferResult => {
    for (const capture of captures ?? []) capture?.finish();
    const ended = Number.isFinite(time) ? time : sim.now;
    const span = { from: options.omit ?? 0, to: ended };
    const results = pairs.flatMap(({ near, far }, flow) => [
      ...(sends("there") > 0 ? [flowResult(flow, "there", near, far, span)] : []),
      ...(sends("back") > 0 ? [flowResult(flow, "back", far, near, span)] : []),
    ]);
    return {
      seed,
      words: linksText(options.link),
      time: (sim.isIdle ? sim.now : ended) / SECOND,
      events: sim.log.count,
      digest: sim.log.digest(),
      flows: results,
      link: counted(wires),
      waiting: { there: waiting(counting.there), back: waiting(counting.back) },
    };
  };
  return {
    get now() {
      return sim.now;
    },
    wires,
    ends,
    get isDone() {
      return ends.every(({ completedAt, endedAt }) => completedAt >= 0 || endedAt >= 0);
    },
    runUntil: (until) => {
      const bound = Math.min(until, time);
      run(sim, bound, ends, [left, right], recorder);
      return bound < time && !sim.isIdle;
    },
    end: (over = time) => end(over),
  };
}

/**
 * Twice the buffers of all flows. More would also cost time, because the engine zeroes all of it; so buffers that tune themselves count as what the
 * path can fill, three times over, or as a little more than they begin with.
 */
function memoryFor({ flows, params, link }: TransferOptions): number {
  const rate = Math.min(link.out.rate, link.in.rate);
  const bdp = Number.isFinite(rate) ? (rate / 8) * ((link.out.delay + link.in.delay) / SECOND) : 0;
  const tuned = Math.max(4 << 20, 3 * bdp);
  const buffers = params.map((each) => {
    const { sendBuffer, sendBufferMax, receiveBuffer, receiveBufferMax } = { ...DEFAULT_PARAMS, ...each };
    return (sendBuffer || Math.min(sendBufferMax, tuned)) + (receiveBuffer || Math.min(receiveBufferMax, tuned));
  });
  return Math.min(MEMORY_MAX, Math.max(MEMORY_MIN, 2 * flows * Math.max(...buffers)));
}

/** Whether checksums are left out: nothing corrupts a packet, and nobody reads one. */
function isTrusted({ link, sink, captures }: TransferOptions): boolean {
  return (
    sink === undefined &&
    captures === undefined &&
    link.out.corrupt.probability === 0 &&
    link.in.corrupt.probability === 0
  );
}

function hosts(
  sim: Simulation,
  options: TransferOptions,
  captures: readonly (CaptureSink | undefined)[],
): [SimHost, SimHost] {
  const { mtu, family, seed } = options;
  const limits = { memory: memoryFor(options) };
  const make = (side: "left" | "right", i: number) => {
    const addresses = [address(family, side)];
    const offload = { checksum: isTrusted(options), tso4: false, tso6: false };
    const stack = new Stack({ addresses, mtu, offload, seed: seed * 2 + i, limits, trace: TRACE });
    const capture = captures[i];
    return new SimHost(sim, side, stack, capture === undefined ? stack : new CapturedStack(stack, capture));
  };
  return [make("left", 0), make("right", 1)];
}

function address(family: 4 | 6, side: "left" | "right"): Address {
  const [four, six] = side === "left" ? ["10.0.0.7", "fd00:a::7"] : ["10.0.1.5", "fd00:b::5"];
  return parseAddress(family === 4 ? four : six)!;
}

/** What happens goes to the sink, whose events do not change the run. */
function record(sink: EventSink, options: TransferOptions, hosts: readonly SimHost[], wires: Wires): Recorder {
  const { seed, link, mtu, direction } = options;
  const about = { command: "sim", seed, link: linksText(link), mtu, direction };
  sink.event({ event: "run:started", time: 0, who: "sim", epoch: null, about });
  const recorder = new Recorder([sink]);
  for (const { stack, name } of hosts) recorder.follow(stack.trace, name, true);
  for (const wire of [wires.there, wires.back]) wire.recorder = recorder.observer(wire.link, wire.name);
  return recorder;
}

/** Runs until no event is left or the time is over; the stacks' trace entries go to the log as they occur. */
function run(
  sim: Simulation,
  until: number,
  ends: readonly FlowEnd[],
  hosts: readonly SimHost[],
  recorder: Recorder | null,
): void {
  while (sim.step(until)) {
    // One flow per event, in turn: each is sampled often enough, and many flows cost no more than one.
    ends[sim.events % ends.length]!.look();
    recorder?.read();
    for (const { stack, node, name } of hosts) logStackEvents(stack.trace, sim.log, node.id, name);
  }
}

/** Counts from `omit` on. */
function count(
  sim: Simulation,
  wires: Wires,
  ends: readonly FlowEnd[],
  omit: number,
): Record<"there" | "back", Histogram> {
  const waits = { there: new Histogram(), back: new Histogram() };
  wires.there.waits = waits.there;
  wires.back.waits = waits.back;
  if (omit > 0) {
    sim.at(omit, () => {
      for (const each of [waits.there, waits.back]) each.clear();
      for (const end of ends) end.omitted = end.received;
    });
  }
  return waits;
}

function waiting(waits: Histogram): Waiting {
  return { median: waits.percentile(0.5), p95: waits.percentile(0.95), max: waits.percentile(1) };
}

function counted({ there, back }: Wires): TransferResult["link"] {
  return { there: there.link.counters.snapshot(), back: back.link.counters.snapshot() };
}
