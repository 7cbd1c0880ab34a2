/**
 * What a connection sends next (RFC 9293 §3.8.6, §3.10.2): `pollTransmit` writes one segment, or says that there is none.
 * Order: RST, SYN, what was lost, new data and FIN as far as windows, Nagle and silly-window avoidance allow, probes, ACKs.
 * Data goes out in super-segments where the device cuts them.
 */

import { GSO_NONE, GSO_TCP4, GSO_TCP6, type Packet } from "#base/packet";
import { MILLISECOND, NEVER } from "#base/time";
import { EV_TX } from "#base/trace";
import * as tcphdr from "#wire/tcp";
import { ACK, CWR, ECE, FIN, HEADER_MIN, PSH, RST, SYN, URG } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import * as M from "./marks.ts";
import { HAS_FIN, HAS_SYN, NONE } from "./records.ts";
import { restartAfterIdle } from "./recovery.ts";
import { tsval } from "./rto.ts";
import { append, nextLost, resent, splitAt } from "./sack.ts";
import { diff, gt, lt } from "./seq.ts";
import { CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, LAST_ACK, LISTEN, SYN_RECEIVED } from "./state.ts";
import { CA_CWR, CA_RECOVERY, T_DELAYED_ACK, T_PERSIST, T_RETRANSMIT, type Tcb } from "./tcb.ts";
import { advertise, advertiseUnscaled, scaleFor } from "./window.ts";

/** Payload of the largest super-segment: an IP packet's 65,535 octets less the largest headers. */
export const SUPER_MAX = 65_535 - 60 - 60;

/** The ECN codepoint of a packet that may be marked instead of dropped. */
const ECT_0 = 2;

/** States in which data or a FIN may have to be sent or resent. */
const SENDING = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | CLOSING | LAST_ACK;

/**
 * Writes the next segment of this connection: header and options at `packet.o`, payload as slices of the send queue.
 * The IP header and the checksum are the floor below's. Returns false when there is nothing to send now.
 * @param superSegments whether the device takes segments larger than the path's MTU.
 */
export function pollTransmit(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  if (tcb.rstNow !== 0) return emitReset(tcb, packet, now);
  if (tcb.state & (CLOSED | LISTEN)) return false;
  if (tcb.synNow !== 0) return emitSyn(tcb, packet, now);
  if (tcb.state & SENDING) {
    if (resend(tcb, packet, superSegments, now)) return true;
    if (sendNew(tcb, packet, superSegments, now)) return true;
  }
  if (tcb.probeNow !== 0) return emitProbe(tcb, packet, now);
  if (tcb.ackNow === 0) return false;
  if (tcb.ackDuplicates > 0) tcb.ackDuplicates--;
  const cause = tcb.ackNow;
  emit(tcb, packet, tcb.snd.nxt, 0, ACK, cause, now);
  if (tcb.ackDuplicates > 0) tcb.ackNow = cause;
  return true;
}

/** Sends the first thing that is lost, as far as cwnd allows it. */
function resend(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  const r = nextLost(tcb);
  if (r === NONE) return false;
  const { env, cc, snd } = tcb;
  const records = env.records;
  const mss = segmentRoom(tcb);
  const start = records.start[r]!;
  const length = diff(records.end[r]!, start);
  let allowed = cc.cwnd - tcb.inFlight();
  if (allowed < Math.min(length, mss)) {
    if (!cc.force) {
      cc.limited = true;
      return false;
    }
    allowed = mss;
  }
  // SHLD-16: within the window as it is now; the first segment always, so that a shrunken window is probed (MUST-35).
  const window = diff((snd.una + snd.wnd) | 0, start);
  if (r !== tcb.head) {
    if (window < Math.min(length, mss)) return false;
    allowed = Math.min(allowed, window);
  } else if (window < allowed) allowed = Math.max(window, mss);
  const most = superSegments ? Math.max(wholeSegments(Math.min(allowed, SUPER_MAX), mss), mss) : mss;
  if (length > most && records.has(1)) splitAt(tcb, r, (start + most) | 0);
  cc.force = false;
  const flags = records.flags[r]!;
  const fin = flags & HAS_FIN ? 1 : 0;
  const n = diff(records.end[r]!, start) - fin;
  const at = diff(start, snd.una);
  const cause = cc.phase === CA_RECOVERY ? M.TX_FAST : tcb.retries > 0 && r === tcb.head ? M.TX_RTO : M.TX_LOSS;
  resent(tcb, r, now);
  const last = at + n === snd.queued;
  attach(tcb, packet, at, n, mss);
  emit(tcb, packet, start, n, ACK | (n > 0 && last ? PSH : 0) | (fin ? FIN : 0), cause, now);
  tcb.bytesRetransmitted += n;
  tcb.retransmissionsTotal++;
  sent(tcb, n + fin, now);
  return true;
}

/** Sends new data and the FIN, if the rules let something go. */
function sendNew(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  const { snd, cc } = tcb;
  if (snd.finSent) return false;
  const at = diff(snd.nxt, snd.una);
  const unsent = snd.queued - at;
  if (unsent === 0 && !snd.fin) return false;
  if (at === 0) restartAfterIdle(tcb, now);
  const mss = segmentRoom(tcb);
  const window = snd.wnd - at;
  const quota = cc.cwnd - tcb.inFlight();
  let n = Math.min(unsent, window, superSegments ? SUPER_MAX : mss);
  if (n < unsent || n > mss) n = n >= mss ? wholeUnlessLast(n, mss, unsent) : n;
  if (n > quota) {
    // Whole segments only; a last small one waits until it fits, too.
    n = wholeSegments(Math.max(quota, 0), mss);
    if (n === 0) {
      if (window > 0 && (window >= unsent || window >= mss)) cc.limited = true;
      return waiting(tcb, now);
    }
  }
  if (n < 0) n = 0;
  const fin = snd.fin && n === unsent && window > n ? 1 : 0;
  if (n === 0 && fin === 0) return waiting(tcb, now);
  // What is cut off below a segment boundary by Nagle goes later with more.
  if (fin === 0 && n % mss !== 0 && !smallMayGo(tcb, n % mss, n === unsent, at)) {
    n -= n % mss;
    if (n === 0) return waiting(tcb, now);
  }
  if (!tcb.env.records.has(1)) return waiting(tcb, now);
  tcb.probeNow = 0;
  transmitNew(tcb, packet, at, n, fin, mss, M.TX_DATA, now);
  return true;
}

function transmitNew(
  tcb: Tcb,
  packet: Packet,
  at: number,
  n: number,
  fin: number,
  mss: number,
  cause: number,
  now: number,
): void {
  const { snd, cc } = tcb;
  const start = snd.nxt;
  const last = at + n === snd.queued;
  append(tcb, start, (start + n + fin) | 0, fin ? HAS_FIN : 0, now);
  snd.nxt = (start + n + fin) | 0;
  if (fin) snd.finSent = true;
  if (n % mss !== 0) snd.small = snd.nxt;
  attach(tcb, packet, at, n, mss);
  cc.force = false;
  let flags = ACK | (n > 0 && last ? PSH : 0) | (fin ? FIN : 0);
  if (tcb.ecnOk && n > 0) {
    // RFC 3168 §6.1.2, §6.1.5: new data, never a retransmission, can be marked; the first after a reduction says CWR.
    packet.ecn = ECT_0;
    if (tcb.ecnReduced) flags |= CWR;
    tcb.ecnReduced = false;
  }
  emit(tcb, packet, start, n, flags, n === 0 && fin ? M.TX_FIN : cause, now);
  tcb.bytesSent += n;
  // Data in answer to data: the user converses, and the ACK rides on what it says (quick ACKs would double the packets).
  if (n > 0 && now - tcb.lastReceiveTime < tcb.params.delayedAck && tcb.lastReceiveTime > 0) tcb.interactive = true;
  sent(tcb, n + fin, now);
  cc.limited = false;
}

/** Whether a segment below SMSS may go now: Nagle (SHLD-7) and silly-window avoidance (RFC 9293 §3.8.6.2.1). */
function smallMayGo(tcb: Tcb, n: number, all: boolean, at: number): boolean {
  const { snd, params } = tcb;
  // The window, not the data, ends it: worth sending only if it is half of the largest window we saw.
  if (!all) return n >= snd.wndMax / 2 && at === 0;
  if (snd.fin) return true;
  if (snd.cork) return false;
  if (snd.urgent) return true;
  switch (params.nagle) {
    case "off":
      return true;
    case "rfc896":
      return at === 0;
    default:
      return at === 0 || !(gt(snd.small, snd.una) && !gt(snd.small, snd.nxt));
  }
}

/** Nothing can go. If nothing is in flight either, no ACK will come to change that: the persist timer must (MUST-36). */
function waiting(tcb: Tcb, now: number): false {
  if (tcb.snd.nxt === tcb.snd.una && tcb.timers[T_PERSIST] === NEVER) {
    tcb.timers[T_PERSIST] = now + persistInterval(tcb);
  }
  return false;
}

/** SHLD-29, SHLD-30: one RTO first, doubled for each probe. */
export function persistInterval(tcb: Tcb): number {
  const { rtoMax, rtoMin } = tcb.params;
  return Math.min(Math.max(tcb.rto, rtoMin) * 2 ** Math.min(tcb.probes, 20), rtoMax);
}

/**
 * A segment that the windows do not allow: a zero-window probe, the override of silly-window avoidance, a keep-alive probe.
 */
function emitProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  const cause = tcb.probeNow;
  const { snd } = tcb;
  tcb.probeNow = 0;
  const at = diff(snd.nxt, snd.una);
  const unsent = snd.queued - at;
  const mss = segmentRoom(tcb);
  if (cause !== M.TX_KEEPALIVE && !snd.finSent && at === 0 && tcb.env.records.has(1)) {
    const window = snd.wnd;
    if (window > 0 || tcb.params.probeWithData) {
      // The override timeout (RFC 9293 §3.8.6.2.1 (4)), or one octet into a closed window (§3.8.6.1).
      const n = Math.min(unsent, mss, Math.max(window, 1));
      const fin = snd.fin && n === unsent && window > n ? 1 : 0;
      if (n + fin > 0) {
        transmitNew(tcb, packet, at, n, fin, mss, window > 0 ? M.TX_OVERRIDE : M.TX_PROBE, now);
        return true;
      }
    }
  }
  // An octet below the window, which the peer has: it answers with an ACK that tells its window.
  emit(tcb, packet, (snd.una - 1) | 0, 0, ACK, cause, now);
  return true;
}

function emitReset(tcb: Tcb, packet: Packet, now: number): boolean {
  const cause = tcb.rstNow;
  tcb.rstNow = 0;
  const v = tcb.env.slab.view;
  const o = packet.o;
  const timestamps = tcb.timestampsOk;
  const header = HEADER_MIN + (timestamps ? 12 : 0);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, tcb.snd.nxt, tcb.rcv.nxt, header, RST | ACK, 0, 0);
  if (timestamps) opt.writeTimestamps(v, o + HEADER_MIN, tsval(tcb, now), tcb.tsRecent);
  packet.n = header;
  packet.cause = cause;
  tcb.segmentsOut++;
  tcb.env.counters.count(cause);
  tcb.env.trace.record(now, EV_TX, cause, tcb.id, diff(tcb.snd.nxt, tcb.snd.iss), 0, RST | ACK, 0);
  return true;
}

/** SYN, or SYN,ACK; the same again when it is resent (RFC 9293 §3.5). */
function emitSyn(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd, rcv, params } = tcb;
  const cause = tcb.synNow;
  tcb.synNow = 0;
  const answer = tcb.state === SYN_RECEIVED;
  const v = tcb.env.slab.view;
  const o = packet.o;
  const offerTimestamps = answer ? tcb.timestampsOk : params.timestamps;
  const offerSack = answer ? tcb.sackOk : params.sack;
  const offerScale = answer ? tcb.windowScaleOk : params.windowScale;
  let at = opt.writeMss(v, o + HEADER_MIN, announcedMss(tcb));
  const tsecr = answer ? tcb.tsRecent : 0;
  if (offerSack && offerTimestamps) at = opt.writeSackPermittedAndTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerTimestamps) at = opt.writeTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerSack) at = opt.writeSackPermitted(v, at);
  if (offerScale) at = opt.writeWindowScale(v, at, (rcv.shift = scaleFor(params.receiveBufferMax)));
  // RFC 3168 §6.1.1.1: a SYN that was lost may have been lost for its ECN flags: the next one goes without.
  if (!answer) tcb.ecnOk = params.ecn === "on" && tcb.retries === 0;
  const flags = (answer ? SYN | ACK : SYN) | (tcb.ecnOk ? (answer ? ECE : ECE | CWR) : 0);
  const ackNumber = answer ? rcv.nxt : 0;
  const window = advertiseUnscaled(tcb);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, snd.iss, ackNumber, at - o, flags, window, 0);
  packet.n = at - o;
  packet.cause = cause;
  const first = tcb.head === NONE;
  if (first) {
    append(tcb, snd.iss, (snd.iss + 1) | 0, HAS_SYN, now);
    snd.nxt = (snd.iss + 1) | 0;
  } else {
    resent(tcb, tcb.head, now);
    tcb.retransmissionsTotal++;
  }
  if (answer) acked(tcb);
  count(tcb, packet, snd.iss, 0, flags, cause, first ? 0 : 1, now);
  armRetransmit(tcb, now);
  tcb.lastSendTime = now;
  return true;
}

/** The MSS option: what fits the path less the fixed headers (MUST-67), less if the user asked for less. */
export function announcedMss(tcb: Tcb): number {
  const { mss } = tcb.params;
  return mss > 0 ? Math.min(mss, tcb.localMss) : tcb.localMss;
}

/** Octets of payload a segment has room for, once its options are known (MUST-16). */
function segmentRoom(tcb: Tcb): number {
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
  const due = tcb.ranges.count + (tcb.dsackLeft !== tcb.dsackRight ? 1 : 0);
  return Math.min(due, timestamps > 0 ? 3 : 4);
}

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
  for (let i = 0; i < left; i++) {
    const r = tcb.ranges.recent(i);
    at = opt.writeSackBlock(v, at, tcb.ranges.left[r]!, tcb.ranges.right[r]!);
  }
  return at;
}

/** Adds the payload as slices and, beyond one segment, the marks of a super-segment. */
function attach(tcb: Tcb, packet: Packet, at: number, n: number, mss: number): void {
  if (n > 0) tcb.sendQueue.slices(at, n, packet);
  packet.gso = n <= mss ? GSO_NONE : tcb.remote.family === 4 ? GSO_TCP4 : GSO_TCP6;
  packet.gsoSize = n <= mss ? 0 : mss;
}

/** The header of every segment of a synchronized connection. It carries the ACK, so no other ACK is due after it. */
function emit(tcb: Tcb, packet: Packet, seq: number, n: number, flags: number, cause: number, now: number): void {
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
  acked(tcb);
  count(tcb, packet, seq, n, flags, cause, lt(seq, snd.nxt) && n > 0 && isResend(cause) ? 1 : 0, now);
}

function isResend(cause: number): boolean {
  return cause === M.TX_RTO || cause === M.TX_FAST || cause === M.TX_LOSS;
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
  tcb.rcv.acked = tcb.rcv.nxt;
  tcb.timers[T_DELAYED_ACK] = NEVER;
  if (tcb.quickAcks > 0) tcb.quickAcks--;
}

/** After anything that takes sequence space was sent. */
function sent(tcb: Tcb, octets: number, now: number): void {
  const cc = tcb.cc;
  if (cc.phase === CA_RECOVERY || cc.phase === CA_CWR) cc.prrOut += octets;
  tcb.lastSendTime = now;
  tcb.timers[T_PERSIST] = NEVER;
  armRetransmit(tcb, now);
}

/** RFC 6298 (5.1) */
export function armRetransmit(tcb: Tcb, now: number): void {
  if (tcb.timers[T_RETRANSMIT] !== NEVER) return;
  tcb.timers[T_RETRANSMIT] = now + Math.max(tcb.rto, MILLISECOND);
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
}

function wholeSegments(n: number, mss: number): number {
  return n - (n % mss);
}

function wholeUnlessLast(n: number, mss: number, unsent: number): number {
  return n === unsent ? n : n - (n % mss);
}

/** True while the connection has something that a poll could send: for assertions of the simulator. */
export function hasOutputDue(tcb: Tcb): boolean {
  return tcb.rstNow !== 0 || tcb.synNow !== 0 || tcb.probeNow !== 0 || tcb.ackNow !== 0;
}
