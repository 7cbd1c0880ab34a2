/** What goes next: the first segment after a timeout, what is lost, what was never sent, a tail loss probe. */
import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { ACK, CWR, FIN, PSH } from "#wire/tcp";
import { arm, cwndOf, inFlight } from "../loss/cwnd.ts";
import { beganToSend, validate } from "../loss/cwnd-validation.ts";
import { isReducing } from "../loss/reduction.ts";
import { tsval } from "../loss/rto.ts";
import {
  append,
  cut,
  EVER_RESENT,
  join,
  mayRecord,
  payloadOf,
  recut,
  remark,
  segmentsIn,
  setSegments,
  wasOnSyn,
} from "../loss/scoreboard.ts";
import { segmentRoom } from "../loss/segment-size.ts";
import { probeBase, rearm, scheduleProbe } from "../loss/timers.ts";
import * as M from "../words/marks.ts";
import { isRecordEnd } from "../words/record-ends.ts";
import { HAS_FIN, HAS_PSH, LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import { diff, gt, lt } from "../words/seq.ts";
import {
  CA_RECOVERY,
  EVENT_WRITABLE,
  T_LOSS_PROBE,
  T_PERSIST,
  T_REORDER,
  T_RETRANSMIT,
  type Tcb,
} from "../words/tcb.ts";
import { PUSH_ALL, PUSH_NONE, RESEND_AFTER_NEW, RESEND_HEAD, RESEND_LOST, RESEND_NONE } from "../words/variables.ts";
import { Deferral, mayGo, splitPoint, superSegments, waitsToGrow } from "./deferral.ts";
import { copiedEnd, copyOn, forget, headEnd, queueEnd } from "./pieces.ts";
import { attach, emit } from "./segment-writer.ts";
import { isWritable } from "./send-buffer.ts";

/** The ECN codepoint of a packet that may be marked instead of dropped. */
const ECT_0 = 2;

const deferral = new Deferral();

/** @param supers whether the device takes segments larger than the path's MTU. */
export function transmit(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  if (tcb.tailProbe.due) {
    tcb.tailProbe.due = false;
    if (sendProbe(tcb, packet, now)) return true;
  }
  if (tcb.windowProbe.due) {
    tcb.windowProbe.due = false;
    if (sendWindowProbe(tcb, packet, now)) return true;
  }
  if (tcb.output.resend === RESEND_HEAD) {
    tcb.output.resend = RESEND_NONE;
    if (tcb.board.head !== NONE && resendRecord(tcb, packet, tcb.board.head, 1, now)) return true;
  }
  if (tcb.output.resend === RESEND_LOST && resendLost(tcb, packet, supers, now)) return true;
  if (tcb.output.resend === RESEND_AFTER_NEW) tcb.output.push = PUSH_ALL;
  if (pushOn(tcb, packet, supers, now)) return true;
  if (tcb.output.resend !== RESEND_AFTER_NEW) return false;
  tcb.output.resend = RESEND_NONE;
  if (gt(tcb.snd.nxt, tcb.cc.recover)) return false;
  // Nothing new to send: the conventional way.
  tcb.recovery.frto = false;
  tcb.output.resend = RESEND_LOST;
  return resendLost(tcb, packet, supers, now);
}

/** Sends what may go, and takes more of what SEND was given for each that cannot. */
function pushOn(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  for (;;) {
    if (tcb.output.push !== PUSH_NONE) {
      const over = tcb.output.pushOne && tcb.output.pushed > 0;
      if (!over && sendNew(tcb, packet, supers, false, now)) return true;
      endPush(tcb, now);
    }
    if (!tcb.output.copying) return false;
    copyOn(tcb, now);
  }
}

/** All that may go has gone. */
function endPush(tcb: Tcb, now: number): void {
  validate(tcb, deferral.byCwnd, now);
  deferral.byCwnd = false;
  if (tcb.output.pushed > 0) {
    if (isReducing(tcb)) tcb.recovery.prrOut += tcb.output.pushed;
    scheduleProbe(tcb, false, now);
  } else if (tcb.board.packetsOut === 0 && headEnd(tcb) !== undefined && isIdle(tcb)) {
    arm(tcb, T_PERSIST, now + probeBase(tcb));
  }
  tcb.output.pushed = 0;
  tcb.output.pushOne = false;
  tcb.output.push = PUSH_NONE;
}

function isIdle({ timers }: Tcb): boolean {
  return (
    timers[T_RETRANSMIT] === NEVER &&
    timers[T_LOSS_PROBE] === NEVER &&
    timers[T_REORDER] === NEVER &&
    timers[T_PERSIST] === NEVER
  );
}

function resendLost(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  const { records } = tcb.env;
  const segments = Math.min(cwndOf(tcb) - inFlight(tcb), supers ? superSegments(tcb, segmentRoom(tcb)) : 1);
  let r = NONE;
  if (segments > 0 && tcb.board.retransOut < tcb.board.lostOut) {
    r = tcb.board.head;
    while (r !== NONE && (records.flags[r]! & (LOST | SACKED | RESENT)) !== LOST) r = records.next[r]!;
  }
  if (r === NONE || !resendRecord(tcb, packet, r, segments, now)) {
    tcb.output.resend = RESEND_NONE;
    return false;
  }
  if (isReducing(tcb)) tcb.recovery.prrOut += records.segments[r]!;
  if (r === tcb.board.head && tcb.timers[T_REORDER] === NEVER) arm(tcb, T_RETRANSMIT, now + tcb.rto);
  return true;
}

/** Record r goes again, up to so many segments of it. False: the peer's window does not reach there. */
function resendRecord(tcb: Tcb, packet: Packet, r: number, segments: number, now: number): boolean {
  if (!fitAgain(tcb, r, segments)) return false;
  const { records } = tcb.env;
  const n = records.segments[r]!;
  again(tcb, packet, r, causeOf(tcb, r), now);
  remark(tcb, r, RESENT | EVER_RESENT, 0);
  if (!tcb.recovery.resentSince) {
    tcb.recovery.resentSince = true;
    tcb.recovery.resentAt = now;
    tcb.recovery.retransStamp = tsval(tcb, now);
  }
  tcb.recovery.undoResent = Math.max(tcb.recovery.undoResent, 0) + n;
  return true;
}

/** Makes record r what can go again at once: cut to so many segments and to the window, or joined by small ones behind it. */
function fitAgain(tcb: Tcb, r: number, segments: number): boolean {
  const { snd } = tcb;
  const { records } = tcb.env;
  const mss = segmentRoom(tcb);
  const start = records.start[r]!;
  let window = diff((snd.una + snd.wnd) | 0, start);
  if (window <= 0) {
    // The first segment probes a window that was closed over it (MUST-35).
    if (start !== snd.una) return false;
    window = mss;
  }
  let most = mss * segments;
  if (most > window) most = window >= mss ? window - (window % mss) : window;
  const payload = payloadOf(tcb, r);
  if (payload > most) {
    if (!mayRecord(tcb)) return false;
    cut(tcb, r, (start + most) | 0, mss);
    return true;
  }
  recut(tcb, r, segmentsIn(payload, mss));
  const room = Math.min(window, mss);
  if (payload < room) join(tcb, r, room);
  return true;
}

function causeOf(tcb: Tcb, r: number): number {
  if (wasOnSyn(tcb, r)) return M.TX_SYN_DATA;
  if (tcb.cc.phase === CA_RECOVERY) return M.TX_FAST;
  return tcb.retries > 0 && r === tcb.board.head ? M.TX_RTO : M.TX_LOSS;
}

/** Writes record r, which was sent before. */
function again(tcb: Tcb, packet: Packet, r: number, cause: number, now: number): void {
  const { records } = tcb.env;
  const flags = records.flags[r]!;
  const start = records.start[r]!;
  const n = payloadOf(tcb, r);
  const mss = segmentRoom(tcb);
  const push = n > 0 && (flags & HAS_PSH || n > mss) ? PSH : 0;
  beganToSend(tcb, now);
  attach(tcb, packet, diff(start, tcb.snd.una), n, mss);
  emit(tcb, packet, start, n, ACK | push | (flags & HAS_FIN ? FIN : 0), cause, now);
  records.time[r] = sentAt(tcb, now);
  if (records.sends[r]! < 255) records.sends[r] = records.sends[r]! + 1;
  tcb.bytesRetransmitted += n;
  tcb.retransmissionsTotal += records.segments[r]!;
  tcb.lastSendTime = now;
  tcb.output.lastSent = now;
}

/** The first piece that was not sent, or its beginning. @param force whatever cwnd says: a probe */
function sendNew(tcb: Tcb, packet: Packet, supers: boolean, force: boolean, now: number): boolean {
  const { snd } = tcb;
  if (headEnd(tcb) === undefined || !mayRecord(tcb)) return false;
  const mss = segmentRoom(tcb);
  const free = cwndOf(tcb) - inFlight(tcb);
  if (free <= 0 && !force) return false;
  const quota = Math.max(1, Math.min(free, Math.max(cwndOf(tcb) >> 1, 1), supers ? superSegments(tcb, mss) : 1));
  const all = diff(copiedEnd(tcb), snd.nxt);
  let n = tcb.output.ends.length > 0 ? diff(tcb.output.ends[0]!, snd.nxt) : all;
  n = fill(tcb, n, all, quota * mss);
  const last = n === all;
  const fin = last && snd.fin && !tcb.output.copying && mayFinish(tcb);
  if (n === 0 && !fin) return false;
  if (gt((snd.nxt + (n > mss ? mss : n + (fin ? 1 : 0))) | 0, (snd.una + snd.wnd) | 0)) return false;
  let part = n;
  if (n <= mss) {
    if (!force && !mayGo(tcb, n, mss, last, fin)) return false;
  } else {
    const closed = fin || !last || isRecordEnd(tcb, queueEnd(tcb));
    if (!force && !tcb.output.pushOne && supers && waitsToGrow(tcb, n, mss, last, closed, deferral, now)) return false;
    part = Math.min(n, supers && !snd.urgent ? splitPoint(tcb, n, mss, quota, last) : mss);
  }
  const whole = part === n;
  const pushes = whole && (last ? tcb.output.tailPush : tcb.output.endPushes[0]!);
  emitNew(tcb, packet, part, whole && fin, pushes, mss, force ? M.TX_TAIL_PROBE : M.TX_DATA, now);
  return true;
}

/** A piece that has not what may go takes it from the next one. */
function fill(tcb: Tcb, n: number, all: number, most: number): number {
  if (tcb.output.ends.length === 0 || n >= most || isRecordEnd(tcb, tcb.output.ends[0]!)) return n;
  const next = tcb.output.ends.length > 1 ? diff(tcb.output.ends[1]!, tcb.output.ends[0]!) : all - n;
  const taken = Math.min(most - n, next);
  if (taken === next) {
    // The next piece is this one's: so is how it ends.
    const pushes = tcb.output.endPushes.shift()!;
    tcb.output.ends.shift();
    if (tcb.output.ends.length > 0) tcb.output.endPushes[0] ||= pushes;
    else tcb.output.tailPush ||= pushes;
  } else tcb.output.ends[0] = (tcb.output.ends[0]! + taken) | 0;
  return n + taken;
}

/** By the clock that tells events apart. */
function sentAt(tcb: Tcb, now: number): number {
  return Math.max(tcb.output.clock, now);
}

/** Before the handshake is over a FIN goes only if nobody is left to read. */
function mayFinish(tcb: Tcb): boolean {
  return !tcb.fast.early || tcb.rcv.closed;
}

function emitNew(
  tcb: Tcb,
  packet: Packet,
  n: number,
  fin: boolean,
  pushes: boolean,
  mss: number,
  cause: number,
  now: number,
): void {
  const { snd } = tcb;
  const start = snd.nxt;
  const at = diff(start, snd.una);
  const segments = segmentsIn(n, mss);
  const none = tcb.board.packetsOut === 0;
  beganToSend(tcb, now);
  append(tcb, start, (start + n + (fin ? 1 : 0)) | 0, (fin ? HAS_FIN : 0) | (pushes ? HAS_PSH : 0), sentAt(tcb, now));
  tcb.env.records.segments[tcb.board.tail] = 0;
  setSegments(tcb, tcb.board.tail, segments);
  attach(tcb, packet, at, n, mss);
  let flags = ACK | (n > 0 && (pushes || n > mss) ? PSH : 0) | (fin ? FIN : 0);
  if (tcb.ecnOk && n > 0) {
    packet.ecn = ECT_0;
    if (tcb.ecnReduced) flags |= CWR;
    tcb.ecnReduced = false;
  }
  emit(tcb, packet, start, n, flags, n === 0 ? M.TX_FIN : cause, now);
  snd.nxt = (start + n + (fin ? 1 : 0)) | 0;
  snd.finSent ||= fin;
  if (n < segments * mss) snd.small = snd.nxt;
  forget(tcb, snd.nxt);
  if (tcb.params.notSentLowWater > 0 && isWritable(tcb)) tcb.events |= EVENT_WRITABLE;
  tcb.bytesSent += n;
  // Data in answer to data: the user converses, and the ACK rides on what it says.
  if (n > 0 && now - tcb.lastReceiveTime < tcb.params.acknowledging.delayedAck && tcb.lastReceiveTime > 0)
    tcb.interactive = true;
  tcb.lastSendTime = now;
  tcb.output.lastSent = now;
  tcb.output.pushed += segments;
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
  if (none || tcb.timers[T_LOSS_PROBE] !== NEVER) rearm(tcb, false, now);
}

/** As much as a window has room for that is too small (RFC 9293 §3.8.6.2.1 (4)); else an old segment without data (§3.8.6.1). */
function sendWindowProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  const end = headEnd(tcb);
  let window = diff((snd.una + snd.wnd) | 0, snd.nxt);
  if (window <= 0 && tcb.params.retransmitting.probeWithData && tcb.board.packetsOut === 0) window = 1;
  if (end === undefined || window <= 0 || !mayRecord(tcb)) {
    emit(tcb, packet, (snd.una - 1) | 0, 0, ACK, M.TX_PROBE, now);
    return true;
  }
  const mss = segmentRoom(tcb);
  const all = diff(copiedEnd(tcb), snd.nxt);
  const piece = tcb.output.ends.length > 0 ? diff(tcb.output.ends[0]!, snd.nxt) : all;
  const n = Math.min(piece, window, mss);
  const fin = n === all && snd.fin && !tcb.output.copying && window > n;
  if (lt(tcb.output.pushEnd, (snd.nxt + piece) | 0)) tcb.output.pushEnd = (snd.nxt + piece) | 0;
  emitNew(tcb, packet, n, fin, true, mss, snd.wnd > 0 ? M.TX_OVERRIDE : M.TX_PROBE, now);
  tcb.output.pushed = 0;
  return true;
}

/** RFC 8985 §7.3: one segment of new data if there is any, else the last one again. */
function sendProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  if (tcb.tailProbe.pending || !(probeNew(tcb, packet, now) || probeOld(tcb, packet, now))) {
    rearm(tcb, true, now);
    return false;
  }
  tcb.tailProbe.pending = true;
  tcb.tailProbe.end = tcb.snd.nxt;
  arm(tcb, T_RETRANSMIT, now + tcb.rto);
  return true;
}

function probeNew(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  tcb.tailProbe.resent = false;
  const end = headEnd(tcb);
  const mss = segmentRoom(tcb);
  if (end === undefined || gt(diff(end, snd.nxt) > mss ? (snd.nxt + mss) | 0 : end, (snd.una + snd.wnd) | 0))
    return false;
  const sent = sendNew(tcb, packet, true, true, now);
  validate(tcb, false, now);
  if (isReducing(tcb)) tcb.recovery.prrOut += tcb.output.pushed;
  tcb.output.pushed = 0;
  return sent;
}

function probeOld(tcb: Tcb, packet: Packet, now: number): boolean {
  const { records } = tcb.env;
  if (tcb.board.tail === NONE) return false;
  const mss = segmentRoom(tcb);
  const n = records.segments[tcb.board.tail]!;
  if (n > 1 && payloadOf(tcb, tcb.board.tail) > (n - 1) * mss) {
    if (!mayRecord(tcb)) return false;
    cut(tcb, tcb.board.tail, (records.start[tcb.board.tail]! + (n - 1) * mss) | 0, mss);
  }
  const r = tcb.board.tail;
  if (!fitAgain(tcb, r, 1)) return false;
  again(tcb, packet, r, M.TX_TAIL_PROBE, now);
  remark(tcb, r, EVER_RESENT, 0);
  tcb.tailProbe.resent = true;
  return true;
}
