/** Segments as they go out: headers and options written where the packet begins, payload attached as slices, all of it counted. */
import { GSO_NONE, GSO_TCP4, GSO_TCP6, type Packet } from "#base/packet";
import { MILLISECOND, NEVER } from "#base/time";
import { EV_TX } from "#base/trace";
import * as tcphdr from "#wire/tcp";
import { ACK, CWR, ECE, HEADER_MIN, RST, SYN, URG } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import { ENOBUFS } from "./error.ts";
import { writeOffer } from "./fast-open.ts";
import { dataOnSynResent, synRoom, takeOntoSyn, writeSynOption } from "./fast-open-client.ts";
import { finish } from "./finish.ts";
import { append, synResent } from "./linux/scoreboard.ts";
import * as M from "./marks.ts";
import { noteSize } from "./path.ts";
import { AMBIGUOUS, HAS_SYN, NONE } from "./records.ts";
import { tsval } from "./rto.ts";
import { diff, gt, lt } from "./seq.ts";
import { SYN_RECEIVED } from "./state.ts";
import { T_DELAYED_ACK, T_RETRANSMIT, type Tcb } from "./tcb.ts";
import { advertise, advertiseUnscaled, announcedMss, scaleFor } from "./window.ts";

/** Octets of payload a segment has room for, once its options are known (MUST-16). */
export function segmentRoom(tcb: Tcb): number {
  return tcb.snd.mssBase - optionBytes(tcb);
}

function optionBytes(tcb: Tcb): number {
  const timestamps = tcb.timestampsOk ? 12 : 0;
  const blocks = sackBlocks(tcb, timestamps);
  return timestamps + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/** SACK and D-SACK blocks that go with the next segment (RFC 2018 §3, RFC 2883). */
function sackBlocks(tcb: Tcb, timestamps: number): number {
  if (!tcb.sackOk) return 0;
  const due = tcb.ranges.count + (tcb.dsackLeft !== tcb.dsackRight ? 1 : 0) + (finApart(tcb) ? 1 : 0);
  return Math.min(due, timestamps > 0 ? 3 : 4);
}

/** The peer's FIN came, and neither what goes right before it nor all of the rest: it is a block of its own. */
function finApart(tcb: Tcb): boolean {
  const { rcv, ranges } = tcb;
  if (!rcv.finSeen || !gt(rcv.fin, rcv.nxt)) return false;
  return ranges.count === 0 || ranges.right[ranges.count - 1] !== rcv.fin;
}

/** Indices of the ranges that go into a SACK option: scratch. */
const newest = new Int32Array(opt.SACK_BLOCKS_MAX);

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
  const n = tcb.ranges.recent(newest, left);
  for (let i = 0; i < n; i++) {
    const r = newest[i]!;
    const right = tcb.ranges.right[r]!;
    // A FIN that came early counts as received, too.
    const fin = tcb.rcv.finSeen && right === tcb.rcv.fin ? 1 : 0;
    at = opt.writeSackBlock(v, at, tcb.ranges.left[r]!, (right + fin) | 0);
  }
  return at;
}

/** Adds the payload as slices and, beyond one segment, the marks of a super-segment. */
export function attach(tcb: Tcb, packet: Packet, at: number, n: number, mss: number): void {
  if (n > 0) tcb.sendQueue.slices(at, n, packet);
  packet.gso = n <= mss ? GSO_NONE : tcb.remote.family === 4 ? GSO_TCP4 : GSO_TCP6;
  packet.gsoSize = n <= mss ? 0 : mss;
}

/** The header of every segment of a synchronized connection. It carries the ACK, so no other ACK is due after it. */
export function emit(
  tcb: Tcb,
  packet: Packet,
  seq: number,
  n: number,
  flags: number,
  cause: number,
  now: number,
): void {
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
  packet.cause = cause;
  if (n > 0) noteSize(tcb, packet, seq, n);
  acked(tcb);
  count(tcb, packet, seq, n, flags, cause, lt(seq, snd.nxt) && n > 0 && isResend(cause) ? 1 : 0, now);
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

function count(
  tcb: Tcb,
  packet: Packet,
  seq: number,
  n: number,
  flags: number,
  cause: number,
  again: number,
  now: number,
): void {
  packet.connection = tcb.id;
  packet.headerLength = packet.n;
  const segments = packet.gso === GSO_NONE ? 1 : Math.ceil(n / packet.gsoSize);
  tcb.segmentsOut += segments;
  if (n > 0) tcb.dataSegmentsOut += segments;
  tcb.env.counters.add(cause, segments);
  tcb.env.trace.record(now, EV_TX, cause, tcb.id, diff(seq, tcb.snd.iss), n, flags, again);
}

/** An ACK of everything up to RCV.NXT is on its way. */
function acked(tcb: Tcb): void {
  tcb.ackNow = 0;
  tcb.ackDuplicates = 0;
  tcb.rcv.acked = tcb.rcv.nxt;
  tcb.rcv.pushes = 0;
  tcb.rcv.heldAcks = 0;
  tcb.timers[T_DELAYED_ACK] = NEVER;
  if (tcb.quickAcks > 0) tcb.quickAcks--;
}

/** RFC 6298 (5.1) */
export function armRetransmit(tcb: Tcb, now: number): void {
  if (tcb.timers[T_RETRANSMIT] !== NEVER) return;
  tcb.timers[T_RETRANSMIT] = now + Math.max(tcb.rto, MILLISECOND);
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
}

/** The RST of ABORT (RFC 9293 §3.10.5), or of a connection that ends with unread data. */
export function emitReset(tcb: Tcb, packet: Packet, now: number): boolean {
  const cause = tcb.rstNow;
  tcb.rstNow = 0;
  const v = tcb.env.slab.view;
  const o = packet.o;
  const timestamps = tcb.timestampsOk;
  const header = HEADER_MIN + (timestamps ? 12 : 0);
  const window = Math.min(Math.max(0, diff(tcb.rcv.adv, tcb.rcv.nxt)) >> tcb.rcv.shift, 0xffff);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, tcb.snd.nxt, tcb.rcv.nxt, header, RST | ACK, window, 0);
  if (timestamps) opt.writeTimestamps(v, o + HEADER_MIN, tsval(tcb, now), tcb.tsRecent);
  packet.n = header;
  packet.cause = cause;
  tcb.segmentsOut++;
  tcb.env.counters.count(cause);
  tcb.env.trace.record(now, EV_TX, cause, tcb.id, diff(tcb.snd.nxt, tcb.snd.iss), 0, RST | ACK, 0);
  return true;
}

/** SYN, or SYN,ACK; the same again when it is resent (RFC 9293 §3.5), but for data and cookies, which go once. */
export function emitSyn(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd, rcv, params, fast } = tcb;
  const cause = tcb.synNow;
  tcb.synNow = 0;
  const first = fast.early ? fast.answeredAt < 0 : tcb.head === NONE;
  if (first && !fast.early && !tcb.env.records.hasAny) {
    // Not even a SYN can be remembered: who asked is told, who knocked tries again.
    finish(tcb, ENOBUFS, M.GAVE_UP, now);
    return false;
  }
  const answer = tcb.state === SYN_RECEIVED;
  const v = tcb.env.slab.view;
  const o = packet.o;
  let at = writeSynOptions(tcb, v, o + HEADER_MIN, answer, now);
  if (answer) at = writeOffer(tcb, v, at);
  else if (first) at = writeSynOption(tcb, v, at, now);
  // RFC 3168 §6.1.1.1: a SYN that was lost may have been lost for its ECN flags: the next one goes without.
  if (!answer) tcb.ecnOk = params.ecn === "on" && tcb.retries <= params.ecnSynRetries;
  const flags = (answer ? SYN | ACK : SYN) | (tcb.ecnOk ? (answer ? ECE : ECE | CWR) : 0);
  const ackNumber = answer ? rcv.nxt : 0;
  const window = advertiseUnscaled(tcb);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, snd.iss, ackNumber, at - o, flags, window, 0);
  packet.n = at - o;
  packet.cause = cause;
  const n = recordSyn(tcb, first, answer, now);
  attach(tcb, packet, 0, n, n);
  if (answer) acked(tcb);
  count(tcb, packet, snd.iss, n, flags, cause, first ? 0 : 1, now);
  armRetransmit(tcb, now);
  tcb.lastSendTime = now;
  return true;
}

/** What we offer in a SYN, or what of the peer's offers we agree to. */
function writeSynOptions(tcb: Tcb, v: DataView, o: number, answer: boolean, now: number): number {
  const { rcv, params } = tcb;
  const plain = !answer && params.dropOptionsOnRetransmission && tcb.retries >= 3;
  const offerTimestamps = answer ? tcb.timestampsOk : params.timestamps && !plain;
  const offerSack = answer ? tcb.sackOk : params.sack && !plain;
  const offerScale = answer ? tcb.windowScaleOk : params.windowScale && !plain;
  let at = params.offerMss ? opt.writeMss(v, o, announcedMss(tcb)) : o;
  const tsecr = answer ? tcb.tsRecent : 0;
  if (offerSack && offerTimestamps) at = opt.writeSackPermittedAndTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerTimestamps) at = opt.writeTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerSack) at = opt.writeSackPermitted(v, at);
  if (offerScale) at = opt.writeWindowScale(v, at, (rcv.shift = scaleFor(params.receiveBufferMax)));
  return at;
}

/** Remembers the SYN in the scoreboard, or that it went again; returns how many octets go with it. */
function recordSyn(tcb: Tcb, first: boolean, answer: boolean, now: number): number {
  const { snd, fast } = tcb;
  if (!first) {
    tcb.retransmissionsTotal++;
    if (fast.early) return 0;
    synResent(tcb, now);
    dataOnSynResent(tcb);
    return 0;
  }
  if (fast.early) {
    fast.answeredAt = now;
    return 0;
  }
  // Where both opened at once the SYN went before without its ACK: which of the two is acknowledged nobody knows (Karn).
  const again = answer && !tcb.passive ? AMBIGUOUS : 0;
  append(tcb, snd.iss, (snd.iss + 1) | 0, HAS_SYN | again, now);
  snd.nxt = (snd.iss + 1) | 0;
  return answer ? 0 : takeOntoSyn(tcb, synRoom(tcb, announcedMss(tcb), now), now);
}
