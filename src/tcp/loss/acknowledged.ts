/** What leaves the scoreboard: acknowledged, in part or as a whole, or never sent after all. */
import { AMBIGUOUS, HAS_FIN, LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import { diff, gt, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { dropIndex } from "./record-index.ts";
import { EVER_RESENT, payloadOf, segmentsIn, setSegments } from "./scoreboard.ts";
import { unlink } from "./sent-order.ts";

/** Our SYN, and what the peer took of the data on it, is acknowledged. Returns a round-trip sample, us; -1: there is none. */
export function acknowledgeSyn(tcb: Tcb, ack: number, now: number): number {
  const { records } = tcb.env;
  let rtt = -1;
  for (let r = tcb.board.head; r !== NONE && lt(records.start[r]!, ack); r = tcb.board.head) {
    if (rtt < 0 && (records.flags[r]! & AMBIGUOUS) === 0) rtt = now - records.time[r]!;
    if (gt(records.end[r]!, ack)) {
      shorten(tcb, r, ack);
      break;
    }
    dropHead(tcb);
  }
  return rtt;
}

/** Takes off what lies before `ack` in record r, the first one. */
export function trim(tcb: Tcb, r: number, ack: number, mss: number): void {
  shorten(tcb, r, ack);
  setSegments(tcb, r, segmentsIn(payloadOf(tcb, r), mss));
}

/** The same, but it remains as many segments: a part of one is none. */
export function shorten(tcb: Tcb, r: number, ack: number): void {
  const { records } = tcb.env;
  const n = diff(ack, records.start[r]!);
  const flags = records.flags[r]!;
  if (flags & SACKED) tcb.board.sackedBytes -= n;
  if (flags & LOST) tcb.board.lostBytes -= n;
  if (flags & RESENT) tcb.board.resentBytes -= n;
  records.start[r] = ack;
}

/** The first record is acknowledged as a whole. */
export function dropHead(tcb: Tcb): void {
  const { records } = tcb.env;
  const r = tcb.board.head;
  unlink(tcb, r, records.flags[r]!);
  tcb.board.index?.shift();
  trim(tcb, r, records.end[r]!, 1);
  setSegments(tcb, r, 0);
  const next = records.next[r]!;
  records.free(r);
  tcb.board.records--;
  tcb.board.head = next;
  if (next === NONE) {
    tcb.board.tail = NONE;
    dropIndex(tcb);
  } else records.prev[next] = NONE;
}

/** The last record was never sent after all. */
export function dropTail(tcb: Tcb): void {
  const { records } = tcb.env;
  const r = tcb.board.tail;
  unlink(tcb, r, records.flags[r]!);
  tcb.board.index?.pop();
  setSegments(tcb, r, 0);
  const before = records.prev[r]!;
  records.free(r);
  tcb.board.records--;
  tcb.board.tail = before;
  if (before === NONE) {
    tcb.board.head = NONE;
    dropIndex(tcb);
  } else records.next[before] = NONE;
}

/** The last of the records that end at `ack` or before, if they end there and none of them bears a mark; else NONE. */
export function lastUnmarked(tcb: Tcb, ack: number): number {
  const { records } = tcb.env;
  let last = NONE;
  for (let r = tcb.board.head; r !== NONE && !gt(records.end[r]!, ack); r = records.next[r]!) {
    if (records.flags[r]! & (SACKED | LOST | RESENT | EVER_RESENT | HAS_FIN)) return NONE;
    last = r;
  }
  return last === NONE || records.end[last] !== ack ? NONE : last;
}

/** The records up to and with `last`, which bear no marks, are acknowledged. Returns their segments. */
export function dropUnmarked(tcb: Tcb, last: number): number {
  const { board } = tcb;
  const { records } = tcb.env;
  const before = board.packetsOut;
  for (;;) {
    const r = board.head;
    unlink(tcb, r, 0);
    board.index?.shift();
    board.packetsOut -= records.segments[r]!;
    board.head = records.next[r]!;
    board.records--;
    records.free(r);
    if (r === last) break;
  }
  if (board.head === NONE) {
    board.tail = NONE;
    dropIndex(tcb);
  } else records.prev[board.head] = NONE;
  return before - board.packetsOut;
}
