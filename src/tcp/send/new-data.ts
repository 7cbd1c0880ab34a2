/** Sends new data: how much of the send queue is next, and its segments. */
import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { ACK, CWR, FIN, PSH } from "#wire/tcp";
import { sentPaced, superSegments } from "../congestion/pacing.ts";
import { cwndOf, inFlight } from "../loss/cwnd.ts";
import { excludeIdleTime } from "../loss/cwnd-validation.ts";
import { noteSent } from "../loss/delivery-rate.ts";
import { append, mayRecord, segmentsIn, setSegments } from "../loss/scoreboard.ts";
import { segmentRoom } from "../loss/segment-size.ts";
import { rearm } from "../loss/timers.ts";
import { noteAnswer } from "../receive/acknowledging.ts";
import { ATTEMPT_NEW } from "../words/attempt.ts";
import * as M from "../words/marks.ts";
import { isRecordEnd } from "../words/record-ends.ts";
import { HAS_FIN, HAS_PSH, NONE } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import { EVENT_WRITABLE, T_LOSS_PROBE, type Tcb } from "../words/tcb.ts";
import { prepare, sentAt } from "./attempt.ts";
import { mayGo, splitPoint, waitsToGrow } from "./deferral.ts";
import { copiedEnd, forget, headEnd, queueEnd } from "./pieces.ts";
import { attach, emit } from "./segment-writer.ts";
import { isWritable } from "./send-buffer.ts";
import { relaxSendBuffer } from "./send-queue.ts";

/** The ECN codepoint of a packet that may be marked instead of dropped. */
const ECT_0 = 2;

/**
 * Sends the first unsent piece, or its beginning.
 * @param force ignore cwnd: a probe
 */
export function sendNew(tcb: Tcb, packet: Packet, supers: boolean, force: boolean, now: number): boolean {
  const { snd } = tcb;
  const free = cwndOf(tcb) - inFlight(tcb);
  if ((free <= 0 && !force) || headEnd(tcb) === undefined || !mayRecord(tcb)) return false;
  const mss = segmentRoom(tcb);
  const quota = Math.max(1, Math.min(free, Math.max(cwndOf(tcb) >> 1, 1), supers ? superSegments(tcb, mss) : 1));
  const all = diff(copiedEnd(tcb), snd.nxt);
  let n = tcb.output.ends.length > 0 ? diff(tcb.output.ends.at(0), snd.nxt) : all;
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
    if (!force && !tcb.output.pushOne && supers && waitsToGrow(tcb, n, mss, last, closed, now)) return false;
    part = Math.min(n, supers && !snd.urgent ? splitPoint(tcb, n, mss, quota, last) : mss);
  }
  const whole = part === n;
  const pushes = whole && (last ? tcb.output.tailPush : tcb.output.ends.flagAt(0));
  packet.cause = force ? M.TX_TAIL_PROBE : M.TX_DATA;
  emitNew(tcb, packet, part, (whole && fin ? HAS_FIN : 0) | (pushes ? HAS_PSH : 0), now);
  return true;
}

/** Extends a piece that is shorter than what may be sent with data of the next one. */
function fill(tcb: Tcb, n: number, all: number, most: number): number {
  const { ends } = tcb.output;
  if (ends.length === 0 || n >= most || isRecordEnd(tcb, ends.at(0))) return n;
  const next = ends.length > 1 ? diff(ends.at(1), ends.at(0)) : all - n;
  const taken = Math.min(most - n, next);
  if (taken === next) {
    // The next piece is merged into this one, including the way it ends.
    const pushes = ends.flagAt(0);
    ends.shift();
    if (ends.length > 0) ends.set(0, ends.at(0), ends.flagAt(0) || pushes);
    else tcb.output.tailPush ||= pushes;
  } else ends.set(0, (ends.at(0) + taken) | 0, ends.flagAt(0));
  return n + taken;
}

/** Before the handshake is complete, a FIN is sent only if nobody will read. */
function mayFinish(tcb: Tcb): boolean {
  return !tcb.fast.early || tcb.rcv.closed;
}

/**
 * Sends `n` octets of new data; `packet.cause` has the reason.
 * @param ends HAS_FIN, HAS_PSH: how the data ends
 */
export function emitNew(tcb: Tcb, packet: Packet, n: number, ends: number, now: number): void {
  const { snd } = tcb;
  const mss = segmentRoom(tcb);
  const fin = (ends & HAS_FIN) !== 0;
  const start = snd.nxt;
  const at = diff(start, snd.una);
  const segments = segmentsIn(n, mss);
  const none = tcb.board.packetsOut === 0;
  prepare(tcb, ATTEMPT_NEW, NONE);
  excludeIdleTime(tcb, now);
  relaxSendBuffer(tcb, now);
  append(tcb, start, (start + n + (fin ? 1 : 0)) | 0, ends, sentAt(tcb, now));
  tcb.env.records.segments[tcb.board.tail] = 0;
  tcb.env.records.mss[tcb.board.tail] = mss;
  setSegments(tcb, tcb.board.tail, segments);
  noteSent(tcb, tcb.board.tail, none, inFlight(tcb));
  attach(tcb, packet, at, n, mss);
  let flags = ACK | (n > 0 && ((ends & HAS_PSH) !== 0 || n > mss) ? PSH : 0) | (fin ? FIN : 0);
  if (tcb.ecnOk && n > 0) {
    packet.ecn = ECT_0;
    if (tcb.ecnReduced) flags |= CWR;
    tcb.ecnReduced = false;
  }
  if (n === 0) packet.cause = M.TX_FIN;
  emit(tcb, packet, start, n, flags, now);
  snd.nxt = (start + n + (fin ? 1 : 0)) | 0;
  snd.finSent ||= fin;
  if (tcb.pacing.isOn) sentPaced(tcb, n, now);
  if (n < segments * mss) snd.small = snd.nxt;
  forget(tcb, snd.nxt);
  if (tcb.params.notSentLowWater > 0 && isWritable(tcb)) tcb.events |= EVENT_WRITABLE;
  tcb.bytesSent += n;
  if (n > 0) noteAnswer(tcb, now);
  tcb.lastSendTime = now;
  tcb.output.lastSent = now;
  tcb.output.pushed += segments;
  if (tcb.stalledSince === NEVER) tcb.stalledSince = now;
  if (none || tcb.timers[T_LOSS_PROBE] !== NEVER) rearm(tcb, false, now);
}
