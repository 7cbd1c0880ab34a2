import { ACK, AE, type Event, type Packet, ScriptError, type TcpPacket, Unsupported } from "../language/ast.ts";
import { deviation, type Moment, PACKET_PATIENCE_USECS, seconds, tolerance } from "../language/timing.ts";
import { encodeOptions, type Live } from "../packets/codec.ts";
import type { Flow } from "../packets/flow.ts";
import { aggregate, compareIcmp, compareTcp, compareUdp, type Difference, mayAggregate } from "../packets/match.ts";
import { expectedText, liveText } from "../packets/render.ts";
import { type Bench, Failure } from "./bench.ts";

/** Expected packets: the next packet that the stack sends must match, and must be sent at the expected time. */

/** How long `*` waits. */
const ANY_PATIENCE_USECS = 600e6;
/** FreeBSD's dialect: a delayed ACK may be this much later than in the script. */
const LATE_ACK_USECS = 250_000;
/** Timers of older kernels have a resolution of one tick, at worst 1/100 s. */
const JIFFY_USECS = 10_000;

export function expect(bench: Bench, event: Event, packet: Packet, at: Moment, distance: number): void {
  const flow = bench.flowOut(packet);
  if (packet.kind === "tcp") checkWritten(packet);
  const limit = at.any ? bench.now + ANY_PATIENCE_USECS : Math.max(bench.now, at.to + PACKET_PATIENCE_USECS);
  let live = next(bench, flow, limit);
  while (live && skippable(bench, packet, live, flow)) live = next(bench, flow, limit);
  if (!live) {
    throw new Failure(event.position, `no packet was sent by ${seconds(bench.now)}`, [
      `expected: ${moments(at)} ${expectedText(packet)}`,
      "actual:   nothing",
    ]);
  }
  if (packet.kind === "tcp") live = merged(bench, packet, live, flow, limit);
  remember(live, flow);
  const differences = compare(bench, packet, live, flow);
  if (differences.length > 0) mismatch(event, packet, live, flow, at, differences);
  checkTime(bench, event, packet, live, flow, at, distance);
}

function checkWritten(packet: TcpPacket): void {
  if (packet.flags & AE) throw new Unsupported("accurate ECN", packet.position);
  if (packet.options === "any") return;
  for (const { kind } of packet.options) {
    if (kind === "accecn") throw new Unsupported("accurate ECN", packet.position);
    if (kind === "md5") throw new Unsupported("TCP MD5 signatures", packet.position);
  }
  // The length of a cookie given by name is known only from the packet.
  if (packet.options.some((option) => option.kind === "fastopen" && option.name !== undefined)) return;
  const n = encodeOptions(packet.options).length;
  if (n % 4 === 0 && n <= 40) return;
  throw new ScriptError(
    packet.position,
    `expected options of a multiple of 4 octets up to 40 (add nop), and found ${n}`,
  );
}

/** The oldest unmatched packet of this connection, advancing time until there is one. */
function next(bench: Bench, flow: Flow | undefined, limit: number): Live | undefined {
  for (;;) {
    for (let live = bench.queue.shift(); live; live = bench.queue.shift()) {
      if (bench.concerns(live, flow)) return live;
      bench.passOver(live);
    }
    if (!bench.step(limit) && bench.queue.length === 0) return undefined;
  }
}

/** Merges more live segments if the script's packet is longer than the first: the stack may segment its data in any way. */
function merged(bench: Bench, packet: TcpPacket, first: Live, flow: Flow | undefined, limit: number): Live {
  const rest: Live[] = [];
  if (bench.config.strictSegments || !first.tcp) return first;
  const size = first.tcp.payload.length;
  let sum = size;
  let last = first;
  while (sum < packet.sequence.length && last.tcp!.payload.length === size && size > 0) {
    const more = next(bench, flow, limit);
    if (!more) break;
    if (!mayAggregate(last, more) || sum + more.tcp!.payload.length > packet.sequence.length) {
      bench.queue.unshift(more);
      break;
    }
    rest.push(more);
    sum += more.tcp!.payload.length;
    last = more;
  }
  return aggregate(first, rest);
}

function compare(bench: Bench, packet: Packet, live: Live, flow: Flow | undefined): Difference[] {
  if (packet.kind === "udp") return compareUdp(packet, live, bench.datagrams.shift());
  if (packet.kind === "icmp") return compareIcmp(packet, live, flow ?? bench.current);
  if (!flow) throw new ScriptError(packet.position, "there is no connection yet to which this packet could belong");
  return compareTcp(packet, live, flow, {
    neutral: bench.config.neutral,
    freePush: bench.config.neutral && bench.config.profile !== "freebsd",
    tsTickUsecs: bench.config.tsTickUsecs,
    cookies: bench.cookies,
  });
}

function mismatch(
  event: Event,
  packet: Packet,
  live: Live,
  flow: Flow | undefined,
  at: Moment,
  differences: readonly Difference[],
): never {
  const fields = differences.map((d) => `${d.field}: expected ${d.expected}, and found ${d.actual}`);
  throw new Failure(event.position, `the packet differs in ${differences.map((d) => d.field).join(", ")}`, [
    `expected: ${moments(at)} ${expectedText(packet)}`,
    `actual:   ${seconds(live.time)} ${liveText(live, flow)}`,
    ...fields.map((field) => `          ${field}`),
  ]);
}

function checkTime(
  bench: Bench,
  event: Event,
  packet: Packet,
  live: Live,
  flow: Flow | undefined,
  at: Moment,
  distance: number,
): void {
  const off = deviation(live.time, at);
  const allowed = tolerance(distance, bench.config);
  const { profile, neutral } = bench.config;
  const lateAck = profile === "freebsd" && pureAck(packet) ? LATE_ACK_USECS : neutral ? JIFFY_USECS : 0;
  if (off >= -allowed && off <= allowed + lateAck) return;
  throw new Failure(event.position, `the packet came ${seconds(Math.abs(off))} s too ${off < 0 ? "early" : "late"}`, [
    `expected: ${moments(at)} ${expectedText(packet)}`,
    `actual:   ${seconds(live.time)} ${liveText(live, flow)}`,
    `          tolerance ${seconds(allowed)} s`,
  ]);
}

function moments(at: Moment): string {
  if (at.any) return "*";
  return at.from === at.to ? seconds(at.from) : `${seconds(at.from)}~${seconds(at.to)}`;
}

function pureAck(packet: Packet): boolean {
  return packet.kind === "tcp" && packet.flags === ACK && packet.sequence.length === 0;
}

/** The last acknowledgment on each connection, to recognize pure window updates. */
const acknowledged = new WeakMap<Flow, { readonly ack: number; readonly sequence: number }>();

function remember(live: Live, flow: Flow | undefined): void {
  if (flow && live.tcp) acknowledged.set(flow, { ack: live.tcp.ack, sequence: live.tcp.sequence });
}

/** Neutral matching: a pure window update in place of another expected packet is skipped. */
function skippable(bench: Bench, packet: Packet, live: Live, flow: Flow | undefined): boolean {
  if (!bench.config.neutral || packet.kind !== "tcp" || !flow || !live.tcp) return false;
  const last = acknowledged.get(flow);
  const update =
    live.tcp.flags === ACK &&
    live.tcp.payload.length === 0 &&
    live.tcp.ack === last?.ack &&
    live.tcp.sequence >= last.sequence;
  return update && (!pureAck(packet) || packet.ack !== flow.outAck(live, packet.ackAbsolute));
}
