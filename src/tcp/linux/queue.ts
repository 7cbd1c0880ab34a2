/**
 * What SEND queued, in the pieces in which Linux keeps it: a piece is as large as the largest super-segment, or half the peer's
 * window; the next begins where one is full or an end of record was asked for. Nothing is sent across the end of a piece at once, and PSH goes
 * where a piece was told to end.
 */
import { segmentRoom } from "../emit.ts";
import { isRecordEnd } from "../record-ends.ts";
import { diff, gt, le, max } from "../seq.ts";
import { SYN_RECEIVED, SYN_SENT } from "../state.ts";
import type { Tcb } from "../tcb.ts";
import { restartAfterIdle } from "./usage.ts";
import { type LinuxVariables, PUSH_ALL, PUSH_NORMAL, PUSH_WHOLE, push, tick } from "./variables.ts";

/** Octets of the largest super-segment: 64 KiB less the largest headers. */
const SUPER_MAX = 65_215;
/** The MSS below which a window counts as a whole. */
const MSS_DEFAULT = 536;
/** What the smallest packet that every host must take has room for, headers included (RFC 791). */
const PACKET_MIN = 68;

/** At most half of the largest window that the peer ever offered, so that two are in flight. */
export function withinHalfWindow(tcb: Tcb, octets: number): number {
  const { wndMax } = tcb.snd;
  const most = wndMax > MSS_DEFAULT ? wndMax >> 1 : wndMax;
  if (most === 0 || octets <= most) return octets;
  return Math.max(most, PACKET_MIN - 20 - (tcb.timestampsOk ? 12 : 0));
}

/** Octets that a piece holds. */
export function sizeGoal(tcb: Tcb): number {
  const mss = segmentRoom(tcb);
  const most = withinHalfWindow(tcb, SUPER_MAX);
  return Math.max(most - (most % mss), mss);
}

/** The end of what was queued, FIN excluded. */
export function queueEnd(tcb: Tcb): number {
  const { snd } = tcb;
  const base = tcb.state & (SYN_SENT | SYN_RECEIVED) && !tcb.fast.early ? snd.iss + 1 : snd.una;
  return (base + snd.queued) | 0;
}

/** Much was written since something was pushed. */
function mustPush(tcb: Tcb, lx: LinuxVariables, at: number): boolean {
  return gt(at, (lx.pushEnd + (tcb.snd.wndMax >> 1)) | 0);
}

/** SEND queued `n` octets. @param more the user will write more at once (MSG_MORE) */
export function wrote(tcb: Tcb, n: number, more: boolean, now: number): void {
  const lx = tcb.linux;
  if (n <= 0) return;
  const begin = (queueEnd(tcb) - n) | 0;
  while (lx.copying) copy(tcb, lx, begin, now);
  tick(lx, now);
  lx.copying = true;
  lx.copied = begin;
  lx.copiedMore = more;
}

/** The end of what is in pieces. */
export function copiedEnd(tcb: Tcb, lx: LinuxVariables): number {
  return lx.copying ? lx.copied : queueEnd(tcb);
}

/**
 * A step of SEND as Linux takes it: a piece is filled, and what is full may be sent before more is copied: what is sent
 * depends on it, and so does how the pieces go on.
 */
export function copyOn(tcb: Tcb, lx: LinuxVariables, now: number): void {
  copy(tcb, lx, queueEnd(tcb), now);
}

function copy(tcb: Tcb, lx: LinuxVariables, end: number, now: number): void {
  let start = openPiece(tcb, lx, lx.copied);
  const room = sizeGoal(tcb) - diff(lx.copied, start);
  if (room <= 0) {
    close(lx, lx.copied);
    start = lx.copied;
  }
  if (start === lx.copied) restartAfterIdle(tcb, lx, now);
  lx.tailPush = false;
  const full = (lx.copied + (room > 0 ? room : sizeGoal(tcb))) | 0;
  if (gt(full, end) || (full === end && !lx.goesOn)) {
    lx.copied = end;
    lx.copying = false;
    if (!lx.copiedMore || mustPush(tcb, lx, end)) {
      lx.tailPush = true;
      lx.pushEnd = end;
    }
    push(tcb, tcb.snd.fin ? PUSH_ALL : lx.copiedMore ? PUSH_WHOLE : PUSH_NORMAL);
    return;
  }
  lx.copied = full;
  lx.copying = full !== end;
  if (mustPush(tcb, lx, full)) {
    lx.tailPush = true;
    lx.pushEnd = full;
    push(tcb, PUSH_ALL);
  } else if (start === tcb.snd.nxt) {
    push(tcb, PUSH_ALL);
    lx.pushOne = true;
  }
}

/** SEND was told to go on, and has no room to: what it was given goes, small segments too. */
export function stopCopying(tcb: Tcb, lx: LinuxVariables): void {
  const end = queueEnd(tcb);
  if (!gt(end, tcb.snd.nxt)) return;
  lx.tailPush = true;
  lx.pushEnd = end;
  push(tcb, PUSH_ALL);
}

/** Where the last piece that can still grow begins: the end of the queue, if there is none. */
export function tailStart(tcb: Tcb, lx: LinuxVariables): number {
  const end = queueEnd(tcb);
  const { nxt } = tcb.snd;
  if (!gt(end, nxt) || isRecordEnd(tcb, end)) return end;
  const last = lx.ends.at(-1);
  return last === undefined ? nxt : max(last, nxt);
}

/** Where the piece begins to which octets at `at` belong. */
function openPiece(tcb: Tcb, lx: LinuxVariables, at: number): number {
  const { nxt } = tcb.snd;
  forget(lx, nxt);
  if (!gt(at, nxt)) return at;
  if (isRecordEnd(tcb, at)) {
    close(lx, at);
    return at;
  }
  const last = lx.ends.at(-1);
  return last === undefined ? nxt : max(last, nxt);
}

function close(lx: LinuxVariables, at: number): void {
  lx.ends.push(at);
  lx.endPushes.push(lx.tailPush);
  lx.tailPush = false;
}

/** Pieces that were sent. */
export function forget(lx: LinuxVariables, upTo: number): void {
  while (lx.ends.length > 0 && le(lx.ends[0]!, upTo)) {
    lx.ends.shift();
    lx.endPushes.shift();
  }
}

/** The end of the first piece that was not sent, FIN included; undefined: all was. */
export function headEnd(tcb: Tcb, lx: LinuxVariables): number | undefined {
  const { snd } = tcb;
  if (snd.finSent) return undefined;
  const end = copiedEnd(tcb, lx);
  const fin = snd.fin && !lx.copying;
  if (!gt(end, snd.nxt)) return fin ? (end + 1) | 0 : undefined;
  forget(lx, snd.nxt);
  return lx.ends[0] ?? (end + (fin ? 1 : 0)) | 0;
}
