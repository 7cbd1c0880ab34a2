/**
 * The queued data, in the pieces in which Linux keeps it: a piece is as large as the largest super-segment, or half the peer's window; a
 * new one begins when the last is full or at an end of record. Data on both sides of the end of a piece is not sent at once, and PSH is
 * set where a piece was told to end.
 */

import { push, tick } from "../loss/cwnd.ts";
import { restartAfterIdle } from "../loss/cwnd-validation.ts";
import { segmentRoom, withinHalfWindow } from "../loss/segment-size.ts";
import { isRecordEnd } from "../words/record-ends.ts";
import { SEND_CONTINUED, SEND_MORE } from "../words/send-flags.ts";
import { diff, gt, le, max } from "../words/seq.ts";
import { SYN_RECEIVED, SYN_SENT } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";
import { PUSH_ALL, PUSH_NORMAL, PUSH_WHOLE } from "../words/variables.ts";

/** The payload of the largest super-segment: 64 KiB minus the largest headers. */
const SUPER_MAX = 65_215;
/** The capacity of a piece, octets. */
export function sizeGoal(tcb: Tcb): number {
  const mss = segmentRoom(tcb);
  const most = withinHalfWindow(tcb, SUPER_MAX);
  return Math.max(most - (most % mss), mss);
}

/** The end of the queued data, FIN excluded. */
export function queueEnd(tcb: Tcb): number {
  const { snd } = tcb;
  const base = tcb.state & (SYN_SENT | SYN_RECEIVED) && !tcb.fast.early ? snd.iss + 1 : snd.una;
  return (base + snd.queued) | 0;
}

/** Whether much data was written since the last PSH. */
function mustPush(tcb: Tcb, at: number): boolean {
  return gt(at, (tcb.output.pushEnd + (tcb.snd.wndMax >> 1)) | 0);
}

/** SEND queued `n` octets. @param flags SEND_* */
export function wrote(tcb: Tcb, n: number, flags: number, now: number): void {
  if (n <= 0) return;
  const begin = (queueEnd(tcb) - n) | 0;
  while (tcb.output.copying) copy(tcb, begin, now);
  tick(tcb, now);
  tcb.output.copying = true;
  tcb.output.copied = begin;
  tcb.output.copiedMore = (flags & SEND_MORE) !== 0;
  tcb.output.copyBegins = (flags & SEND_CONTINUED) === 0;
}

/** Puts all queued data into pieces. */
export function copyAll(tcb: Tcb, now: number): void {
  while (tcb.output.copying) copyOn(tcb, now);
}

/** The end of the data in pieces. */
export function copiedEnd(tcb: Tcb): number {
  return tcb.output.copying ? tcb.output.copied : queueEnd(tcb);
}

/**
 * One step of SEND, as in Linux: fills a piece. Full pieces may be sent before more is copied, which affects what is sent and how the next
 * pieces are formed.
 */
export function copyOn(tcb: Tcb, now: number): void {
  copy(tcb, queueEnd(tcb), now);
}

function copy(tcb: Tcb, end: number, now: number): void {
  let start = openPiece(tcb, tcb.output.copied);
  const room = sizeGoal(tcb) - diff(tcb.output.copied, start);
  if (room <= 0) {
    close(tcb, tcb.output.copied);
    start = tcb.output.copied;
  }
  const begins = start === tcb.output.copied;
  if (begins) {
    tcb.snd.flushing = false;
    restartAfterIdle(tcb, now);
  }
  // Data appended by another SEND removes the PSH of a piece; data appended by the same SEND keeps it.
  if (begins || tcb.output.copyBegins) tcb.output.tailPush = false;
  tcb.output.copyBegins = false;
  const full = (tcb.output.copied + (room > 0 ? room : sizeGoal(tcb))) | 0;
  if (gt(full, end) || (full === end && !tcb.output.goesOn)) {
    tcb.output.copied = end;
    tcb.output.copying = false;
    if (!tcb.output.copiedMore || mustPush(tcb, end)) {
      tcb.output.tailPush = true;
      tcb.output.pushEnd = end;
    }
    tcb.output.pushOne = false;
    push(tcb, tcb.snd.fin ? PUSH_ALL : tcb.output.copiedMore ? PUSH_WHOLE : PUSH_NORMAL);
    return;
  }
  tcb.output.copied = full;
  tcb.output.copying = full !== end;
  if (mustPush(tcb, full)) {
    tcb.output.tailPush = true;
    tcb.output.pushEnd = full;
    tcb.output.pushOne = false;
    push(tcb, PUSH_ALL);
  } else if (start === tcb.snd.nxt) {
    push(tcb, PUSH_ALL);
    tcb.output.pushOne = true;
  }
}

/** The caller has more to send but the buffer is full: send what is queued, even as small segments. */
export function stopCopying(tcb: Tcb): void {
  tcb.output.goesOn = false;
  const end = queueEnd(tcb);
  if (!gt(end, tcb.snd.nxt)) return;
  tcb.output.tailPush = true;
  tcb.output.pushEnd = end;
  tcb.output.pushOne = false;
  push(tcb, PUSH_ALL);
}

/** The start of the last piece if it can still grow; otherwise the end of the queue. */
export function tailStart(tcb: Tcb): number {
  const end = queueEnd(tcb);
  const { nxt } = tcb.snd;
  if (!gt(end, nxt) || isRecordEnd(tcb, end)) return end;
  return lastEnd(tcb, nxt);
}

/** The end of the last piece that cannot grow, or SND.NXT if that was sent. */
function lastEnd(tcb: Tcb, nxt: number): number {
  const { ends } = tcb.output;
  return ends.length === 0 ? nxt : max(ends.at(ends.length - 1), nxt);
}

/** The start of the piece that contains the octets at `at`. */
function openPiece(tcb: Tcb, at: number): number {
  const { nxt } = tcb.snd;
  forget(tcb, nxt);
  if (!gt(at, nxt)) return at;
  if (isRecordEnd(tcb, at)) {
    close(tcb, at);
    return at;
  }
  return lastEnd(tcb, nxt);
}

function close(tcb: Tcb, at: number): void {
  tcb.output.ends.push(at, tcb.output.tailPush);
  tcb.output.tailPush = false;
}

/** Drops pieces that were sent. */
export function forget(tcb: Tcb, upTo: number): void {
  const { ends } = tcb.output;
  while (ends.length > 0 && le(ends.at(0), upTo)) ends.shift();
}

/** The end of the first unsent piece, FIN included; undefined if all were sent. */
export function headEnd(tcb: Tcb): number | undefined {
  const { snd } = tcb;
  if (snd.finSent) return undefined;
  const end = copiedEnd(tcb);
  const fin = snd.fin && !tcb.output.copying;
  if (!gt(end, snd.nxt)) return fin ? (end + 1) | 0 : undefined;
  forget(tcb, snd.nxt);
  const { ends } = tcb.output;
  return ends.length > 0 ? ends.at(0) : (end + (fin ? 1 : 0)) | 0;
}
