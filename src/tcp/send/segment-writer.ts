/** Writes segments: headers and options at the start of the packet, payload attached as slices; and counts them. */
import { copyBytes } from "#base/copy";
import { GSO_NONE, GSO_TCP4, GSO_TCP6, type Packet } from "#base/packet";
import { MILLISECOND, NEVER } from "#base/time";
import { EV_TX } from "#base/trace";
import * as tcphdr from "#wire/tcp";
import { ACK, ECE, HEADER_MIN, RST, URG } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import { tsval } from "../loss/rto.ts";
import { finApart, sackBlocks } from "../loss/segment-size.ts";
import { acked } from "../receive/acknowledging.ts";
import { advertise } from "../receive/window.ts";
import * as M from "../words/marks.ts";
import { noteSize } from "../words/path.ts";
import { diff, gt, lt } from "../words/seq.ts";
import { T_RETRANSMIT, type Tcb } from "../words/tcb.ts";

/** A payload of at most so many octets is copied behind its header: that costs less than a gathering write. */
export const SMALL_MAX = 256;

/** Indices of the ranges that go into a SACK option: scratch. */
const newest = new Int32Array(opt.SACK_BLOCKS_MAX + 1);

function writeOptions(tcb: Tcb, v: DataView, o: number, now: number): number {
  let at = o;
  if (tcb.timestampsOk) at = opt.writeTimestamps(v, at, tsval(tcb, now), tcb.tsRecent);
  const blocks = sackBlocks(tcb, at - o);
  if (blocks === 0) return at;
  at = opt.writeSackHead(v, at, blocks);
  let left = blocks;
  if (tcb.dsackLeft !== tcb.dsackRight) {
    at = opt.writeSackBlock(v, at, tcb.dsackLeft, tcb.dsackRight);
    tcb.dsackLeft = tcb.dsackRight;
    left--;
  }
  if (left > 0 && finApart(tcb)) {
    at = opt.writeSackBlock(v, at, tcb.rcv.fin, (tcb.rcv.fin + 1) | 0);
    left--;
  }
  const skipped = tcb.rcv.reportsBefore ? 1 : 0;
  const n = tcb.ranges.recent(newest, left + skipped);
  for (let i = skipped; i < n; i++) {
    const r = newest[i]!;
    const right = tcb.ranges.right[r]!;
    // A FIN that arrived early also counts as received.
    const fin = tcb.rcv.finSeen && right === tcb.rcv.fin ? 1 : 0;
    at = opt.writeSackBlock(v, at, tcb.ranges.left[r]!, (right + fin) | 0);
  }
  return at;
}

/** Adds the payload as slices and, if longer than one segment, the fields of a super-segment. */
export function attach(tcb: Tcb, packet: Packet, at: number, n: number, mss: number): void {
  if (n > 0) tcb.sendQueue.slices(at, n, packet);
  packet.gso = n <= mss ? GSO_NONE : tcb.remote.family === 4 ? GSO_TCP4 : GSO_TCP6;
  packet.gsoSize = n <= mss ? 0 : mss;
}

/**
 * Writes the header of a segment of a synchronized connection. It carries the ACK, so no other ACK is due after it. `packet.cause` is the
 * mark of its reason.
 */
export function emit(tcb: Tcb, packet: Packet, seq: number, n: number, flags: number, now: number): void {
  const v = tcb.env.slab.view;
  const { snd, rcv } = tcb;
  const o = packet.o;
  const at = writeOptions(tcb, v, o + HEADER_MIN, now);
  let up = 0;
  if (snd.urgent && gt(snd.up, seq)) {
    // MUST-62: the pointer names the octet after the urgent data.
    flags |= URG;
    up = Math.min(diff(snd.up, seq), 0xffff);
  }
  if (tcb.ecnEcho) flags |= ECE;
  const window = advertise(tcb);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, seq, rcv.nxt, at - o, flags, window, up);
  packet.n = at - o;
  if (n > 0) {
    if (n <= SMALL_MAX) putBehind(tcb, packet);
    noteSize(tcb, packet, seq, n);
  }
  acked(tcb, now);
  count(tcb, packet, n);
  if (!tcb.env.trace.enabled) return;
  const again = lt(seq, snd.nxt) && n > 0 && isResend(packet.cause) ? 1 : 0;
  const i = tcb.env.trace.record(now, EV_TX, packet.cause, tcb.id, diff(seq, snd.iss), n, flags, again);
  traceHeader(tcb, packet, i, window << rcv.shift);
}

/** The payload moves behind the header, where there is room for it. */
function putBehind(tcb: Tcb, packet: Packet): void {
  const { u8 } = tcb.env.slab;
  for (let i = 0; i < packet.slices; i++) {
    copyBytes(u8, packet.sliceO[i]!, u8, packet.o + packet.n, packet.sliceN[i]!);
    packet.n += packet.sliceN[i]!;
  }
  packet.slices = 0;
}

/** Adds the rest of a sent segment to record `i` of the trace. @param window in octets */
export function traceHeader(tcb: Tcb, packet: Packet, i: number, window: number): void {
  const { trace, slab } = tcb.env;
  const o = packet.o;
  const ack = tcphdr.flags(slab.view, o) & ACK ? diff(tcphdr.ack(slab.view, o), tcb.rcv.irs) : 0;
  trace.more(i, ack, window, packet.gsoSize);
  trace.keep(i, slab.u8, o, tcphdr.headerLength(slab.view, o));
}

function isResend(cause: number): boolean {
  return (
    cause === M.TX_RTO ||
    cause === M.TX_FAST ||
    cause === M.TX_LOSS ||
    cause === M.TX_TAIL_PROBE ||
    cause === M.TX_SYN_DATA
  );
}

/** Counts a sent segment, or super-segment, with `n` octets of payload. */
export function count(tcb: Tcb, packet: Packet, n: number): void {
  packet.connection = tcb.id;
  const segments = packet.gso === GSO_NONE ? 1 : Math.ceil(n / packet.gsoSize);
  tcb.segmentsOut += segments;
  if (n > 0) tcb.delivery.dataSegmentsOut += segments;
  tcb.env.counters.add(packet.cause, segments);
}

/** RFC 6298 (5.1) */
export function armRetransmit(tcb: Tcb, now: number): void {
  if (tcb.timers[T_RETRANSMIT] !== NEVER) return;
  tcb.timers[T_RETRANSMIT] = now + Math.max(tcb.rto, MILLISECOND);
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
}

/**
 * SEG.SEQ of an ACK or RST without data: SND.NXT, but not beyond the window if the peer has shrunk it since, because the peer would consider
 * the segment unacceptable (RFC 9293 §3.4). The rounding of a scaled window does not shrink it.
 */
export function acceptableSeq({ snd }: Tcb): number {
  const right = (snd.una + snd.wnd) | 0;
  const beyond = diff(snd.nxt, right);
  return beyond <= 0 || (snd.shift > 0 && beyond < 1 << snd.shift) ? snd.nxt : right;
}

/** Sends the RST of ABORT (RFC 9293 §3.10.5), or of a connection that ends with unread data. */
export function emitReset(tcb: Tcb, packet: Packet, now: number): boolean {
  const cause = tcb.rstNow;
  tcb.rstNow = 0;
  const v = tcb.env.slab.view;
  const o = packet.o;
  const seq = acceptableSeq(tcb);
  const header = writeOptions(tcb, v, o + HEADER_MIN, now) - o;
  tcb.ranges.clear();
  const window = Math.min(Math.max(0, diff(tcb.rcv.adv, tcb.rcv.nxt)) >> tcb.rcv.shift, 0xffff);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, seq, tcb.rcv.nxt, header, RST | ACK, window, 0);
  packet.n = header;
  packet.cause = cause;
  tcb.segmentsOut++;
  tcb.env.counters.count(cause);
  const i = tcb.env.trace.record(now, EV_TX, cause, tcb.id, diff(seq, tcb.snd.iss), 0, RST | ACK, 0);
  traceHeader(tcb, packet, i, window << tcb.rcv.shift);
  return true;
}
