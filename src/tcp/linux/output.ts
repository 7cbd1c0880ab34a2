/** What goes next: the first segment after a timeout, what is lost, what was never sent, a tail loss probe. */
import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { ACK, CWR, FIN, PSH } from "#wire/tcp";
import { attach, emit, segmentRoom } from "../emit.ts";
import { wasOnSyn } from "../fast-open-client.ts";
import * as M from "../marks.ts";
import { isRecordEnd } from "../record-ends.ts";
import { HAS_FIN, HAS_PSH, LOST, NONE, RESENT, SACKED } from "../records.ts";
import { tsval } from "../rto.ts";
import { diff, gt, lt } from "../seq.ts";
import { CA_RECOVERY, T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../tcb.ts";
import { Deferral, mayGo, splitPoint, superSegments, waitsToGrow } from "./deferral.ts";
import { copiedEnd, copyOn, forget, headEnd, queueEnd } from "./queue.ts";
import { isReducing } from "./reduction.ts";
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
} from "./scoreboard.ts";
import { probeBase, rearm, scheduleProbe } from "./timers.ts";
import { beganToSend, validate } from "./usage.ts";
import {
  arm,
  cwndOf,
  inFlight,
  type LinuxVariables,
  PUSH_ALL,
  PUSH_NONE,
  RESEND_AFTER_NEW,
  RESEND_HEAD,
  RESEND_LOST,
  RESEND_NONE,
} from "./variables.ts";

/** The ECN codepoint of a packet that may be marked instead of dropped. */
const ECT_0 = 2;

const deferral = new Deferral();

/** @param supers whether the device takes segments larger than the path's MTU. */
export function transmit(tcb: Tcb, lx: LinuxVariables, packet: Packet, supers: boolean, now: number): boolean {
  if (lx.probeNow) {
    lx.probeNow = false;
    if (sendProbe(tcb, lx, packet, now)) return true;
  }
  if (lx.probeWindow) {
    lx.probeWindow = false;
    if (sendWindowProbe(tcb, lx, packet, now)) return true;
  }
  if (lx.resend === RESEND_HEAD) {
    lx.resend = RESEND_NONE;
    if (tcb.head !== NONE && resendRecord(tcb, lx, packet, tcb.head, 1, now)) return true;
  }
  if (lx.resend === RESEND_LOST && resendLost(tcb, lx, packet, supers, now)) return true;
  if (lx.resend === RESEND_AFTER_NEW) lx.push = PUSH_ALL;
  if (pushOn(tcb, lx, packet, supers, now)) return true;
  if (lx.resend !== RESEND_AFTER_NEW) return false;
  lx.resend = RESEND_NONE;
  if (gt(tcb.snd.nxt, tcb.cc.recover)) return false;
  // Nothing new to send: the conventional way.
  lx.frto = false;
  lx.resend = RESEND_LOST;
  return resendLost(tcb, lx, packet, supers, now);
}

/** Sends what may go, and takes more of what SEND was given for each that cannot. */
function pushOn(tcb: Tcb, lx: LinuxVariables, packet: Packet, supers: boolean, now: number): boolean {
  for (;;) {
    if (lx.push !== PUSH_NONE) {
      const over = lx.pushOne && lx.pushed > 0;
      if (!over && sendNew(tcb, lx, packet, supers, false, now)) return true;
      endPush(tcb, lx, now);
    }
    if (!lx.copying) return false;
    copyOn(tcb, lx, now);
  }
}

/** All that may go has gone. */
function endPush(tcb: Tcb, lx: LinuxVariables, now: number): void {
  validate(tcb, lx, deferral.byCwnd, now);
  deferral.byCwnd = false;
  if (lx.pushed > 0) {
    if (isReducing(tcb)) lx.prrOut += lx.pushed;
    scheduleProbe(tcb, lx, false, now);
  } else if (lx.packetsOut === 0 && headEnd(tcb, lx) !== undefined && isIdle(tcb)) {
    arm(tcb, T_PERSIST, now + probeBase(tcb));
  }
  lx.pushed = 0;
  lx.pushOne = false;
  lx.push = PUSH_NONE;
}

function isIdle({ timers }: Tcb): boolean {
  return (
    timers[T_RETRANSMIT] === NEVER &&
    timers[T_LOSS_PROBE] === NEVER &&
    timers[T_REORDER] === NEVER &&
    timers[T_PERSIST] === NEVER
  );
}

function resendLost(tcb: Tcb, lx: LinuxVariables, packet: Packet, supers: boolean, now: number): boolean {
  const { records } = tcb.env;
  const segments = Math.min(cwndOf(tcb) - inFlight(lx), supers ? superSegments(tcb, lx, segmentRoom(tcb)) : 1);
  let r = NONE;
  if (segments > 0 && lx.retransOut < lx.lostOut) {
    r = tcb.head;
    while (r !== NONE && (records.flags[r]! & (LOST | SACKED | RESENT)) !== LOST) r = records.next[r]!;
  }
  if (r === NONE || !resendRecord(tcb, lx, packet, r, segments, now)) {
    lx.resend = RESEND_NONE;
    return false;
  }
  if (isReducing(tcb)) lx.prrOut += records.segments[r]!;
  if (r === tcb.head && tcb.timers[T_REORDER] === NEVER) arm(tcb, T_RETRANSMIT, now + tcb.rto);
  return true;
}

/** Record r goes again, up to so many segments of it. False: the peer's window does not reach there. */
function resendRecord(tcb: Tcb, lx: LinuxVariables, packet: Packet, r: number, segments: number, now: number): boolean {
  if (!fitAgain(tcb, lx, r, segments)) return false;
  const { records } = tcb.env;
  const n = records.segments[r]!;
  again(tcb, lx, packet, r, causeOf(tcb, r), now);
  remark(tcb, lx, r, RESENT | EVER_RESENT, 0);
  if (!lx.resentSince) {
    lx.resentSince = true;
    lx.resentAt = now;
    lx.retransStamp = tsval(tcb, now);
  }
  lx.undoResent = Math.max(lx.undoResent, 0) + n;
  return true;
}

/** Makes record r what can go again at once: cut to so many segments and to the window, or joined by small ones behind it. */
function fitAgain(tcb: Tcb, lx: LinuxVariables, r: number, segments: number): boolean {
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
    cut(tcb, lx, r, (start + most) | 0, mss);
    return true;
  }
  recut(tcb, lx, r, segmentsIn(payload, mss));
  const room = Math.min(window, mss);
  if (payload < room) join(tcb, lx, r, room);
  return true;
}

function causeOf(tcb: Tcb, r: number): number {
  if (wasOnSyn(tcb, r)) return M.TX_SYN_DATA;
  if (tcb.cc.phase === CA_RECOVERY) return M.TX_FAST;
  return tcb.retries > 0 && r === tcb.head ? M.TX_RTO : M.TX_LOSS;
}

/** Writes record r, which was sent before. */
function again(tcb: Tcb, lx: LinuxVariables, packet: Packet, r: number, cause: number, now: number): void {
  const { records } = tcb.env;
  const flags = records.flags[r]!;
  const start = records.start[r]!;
  const n = payloadOf(tcb, r);
  const mss = segmentRoom(tcb);
  const push = n > 0 && (flags & HAS_PSH || n > mss) ? PSH : 0;
  beganToSend(tcb, lx, now);
  attach(tcb, packet, diff(start, tcb.snd.una), n, mss);
  emit(tcb, packet, start, n, ACK | push | (flags & HAS_FIN ? FIN : 0), cause, now);
  records.time[r] = sentAt(lx, now);
  if (records.sends[r]! < 255) records.sends[r] = records.sends[r]! + 1;
  tcb.bytesRetransmitted += n;
  tcb.retransmissionsTotal += records.segments[r]!;
  tcb.lastSendTime = now;
  lx.lastSent = now;
}

/** The first piece that was not sent, or its beginning. @param force whatever cwnd says: a probe */
function sendNew(tcb: Tcb, lx: LinuxVariables, packet: Packet, supers: boolean, force: boolean, now: number): boolean {
  const { snd } = tcb;
  if (headEnd(tcb, lx) === undefined || !mayRecord(tcb)) return false;
  const mss = segmentRoom(tcb);
  const free = cwndOf(tcb) - inFlight(lx);
  if (free <= 0 && !force) return false;
  const quota = Math.max(1, Math.min(free, Math.max(cwndOf(tcb) >> 1, 1), supers ? superSegments(tcb, lx, mss) : 1));
  const all = diff(copiedEnd(tcb, lx), snd.nxt);
  let n = lx.ends.length > 0 ? diff(lx.ends[0]!, snd.nxt) : all;
  n = fill(tcb, lx, n, all, quota * mss);
  const last = n === all;
  const fin = last && snd.fin && !lx.copying && mayFinish(tcb);
  if (n === 0 && !fin) return false;
  if (gt((snd.nxt + (n > mss ? mss : n + (fin ? 1 : 0))) | 0, (snd.una + snd.wnd) | 0)) return false;
  let part = n;
  if (n <= mss) {
    if (!force && !mayGo(tcb, lx, n, mss, last, fin)) return false;
  } else {
    const closed = fin || !last || isRecordEnd(tcb, queueEnd(tcb));
    if (!force && !lx.pushOne && supers && waitsToGrow(tcb, lx, n, mss, last, closed, deferral, now)) return false;
    part = Math.min(n, supers && !snd.urgent ? splitPoint(tcb, lx, n, mss, quota, last) : mss);
  }
  const whole = part === n;
  const pushes = whole && (last ? lx.tailPush : lx.endPushes[0]!);
  emitNew(tcb, lx, packet, part, whole && fin, pushes, mss, force ? M.TX_TAIL_PROBE : M.TX_DATA, now);
  return true;
}

/** A piece that has not what may go takes it from the next one. */
function fill(tcb: Tcb, lx: LinuxVariables, n: number, all: number, most: number): number {
  if (lx.ends.length === 0 || n >= most || isRecordEnd(tcb, lx.ends[0]!)) return n;
  const next = lx.ends.length > 1 ? diff(lx.ends[1]!, lx.ends[0]!) : all - n;
  const taken = Math.min(most - n, next);
  if (taken === next) {
    // The next piece is this one's: so is how it ends.
    const pushes = lx.endPushes.shift()!;
    lx.ends.shift();
    if (lx.ends.length > 0) lx.endPushes[0] ||= pushes;
    else lx.tailPush ||= pushes;
  } else lx.ends[0] = (lx.ends[0]! + taken) | 0;
  return n + taken;
}

/** By the clock that tells events apart. */
function sentAt(lx: LinuxVariables, now: number): number {
  return Math.max(lx.clock, now);
}

/** Before the handshake is over a FIN goes only if nobody is left to read. */
function mayFinish(tcb: Tcb): boolean {
  return !tcb.fast.early || tcb.rcv.closed;
}

function emitNew(
  tcb: Tcb,
  lx: LinuxVariables,
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
  const none = lx.packetsOut === 0;
  beganToSend(tcb, lx, now);
  append(tcb, start, (start + n + (fin ? 1 : 0)) | 0, (fin ? HAS_FIN : 0) | (pushes ? HAS_PSH : 0), sentAt(lx, now));
  tcb.env.records.segments[tcb.tail] = 0;
  setSegments(tcb, lx, tcb.tail, segments);
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
  forget(lx, snd.nxt);
  tcb.bytesSent += n;
  // Data in answer to data: the user converses, and the ACK rides on what it says.
  if (n > 0 && now - tcb.lastReceiveTime < tcb.params.delayedAck && tcb.lastReceiveTime > 0) tcb.interactive = true;
  tcb.lastSendTime = now;
  lx.lastSent = now;
  lx.pushed += segments;
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
  if (none || tcb.timers[T_LOSS_PROBE] !== NEVER) rearm(tcb, lx, false, now);
}

/** As much as a window has room for that is too small (RFC 9293 §3.8.6.2.1 (4)); else an old segment without data (§3.8.6.1). */
function sendWindowProbe(tcb: Tcb, lx: LinuxVariables, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  const end = headEnd(tcb, lx);
  let window = diff((snd.una + snd.wnd) | 0, snd.nxt);
  if (window <= 0 && tcb.params.probeWithData && lx.packetsOut === 0) window = 1;
  if (end === undefined || window <= 0 || !mayRecord(tcb)) {
    emit(tcb, packet, (snd.una - 1) | 0, 0, ACK, M.TX_PROBE, now);
    return true;
  }
  const mss = segmentRoom(tcb);
  const all = diff(copiedEnd(tcb, lx), snd.nxt);
  const piece = lx.ends.length > 0 ? diff(lx.ends[0]!, snd.nxt) : all;
  const n = Math.min(piece, window, mss);
  const fin = n === all && snd.fin && !lx.copying && window > n;
  if (lt(lx.pushEnd, (snd.nxt + piece) | 0)) lx.pushEnd = (snd.nxt + piece) | 0;
  emitNew(tcb, lx, packet, n, fin, true, mss, snd.wnd > 0 ? M.TX_OVERRIDE : M.TX_PROBE, now);
  lx.pushed = 0;
  return true;
}

/** RFC 8985 §7.3: one segment of new data if there is any, else the last one again. */
function sendProbe(tcb: Tcb, lx: LinuxVariables, packet: Packet, now: number): boolean {
  if (lx.probing || !(probeNew(tcb, lx, packet, now) || probeOld(tcb, lx, packet, now))) {
    rearm(tcb, lx, true, now);
    return false;
  }
  lx.probing = true;
  lx.probeEnd = tcb.snd.nxt;
  arm(tcb, T_RETRANSMIT, now + tcb.rto);
  return true;
}

function probeNew(tcb: Tcb, lx: LinuxVariables, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  lx.probeResent = false;
  const end = headEnd(tcb, lx);
  const mss = segmentRoom(tcb);
  if (end === undefined || gt(diff(end, snd.nxt) > mss ? (snd.nxt + mss) | 0 : end, (snd.una + snd.wnd) | 0))
    return false;
  const sent = sendNew(tcb, lx, packet, true, true, now);
  validate(tcb, lx, false, now);
  if (isReducing(tcb)) lx.prrOut += lx.pushed;
  lx.pushed = 0;
  return sent;
}

function probeOld(tcb: Tcb, lx: LinuxVariables, packet: Packet, now: number): boolean {
  const { records } = tcb.env;
  if (tcb.tail === NONE) return false;
  const mss = segmentRoom(tcb);
  const n = records.segments[tcb.tail]!;
  if (n > 1 && payloadOf(tcb, tcb.tail) > (n - 1) * mss) {
    if (!mayRecord(tcb)) return false;
    cut(tcb, lx, tcb.tail, (records.start[tcb.tail]! + (n - 1) * mss) | 0, mss);
  }
  const r = tcb.tail;
  if (!fitAgain(tcb, lx, r, 1)) return false;
  again(tcb, lx, packet, r, M.TX_TAIL_PROBE, now);
  remark(tcb, lx, r, EVER_RESENT, 0);
  lx.probeResent = true;
  return true;
}
