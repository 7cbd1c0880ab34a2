/** Removes records from the scoreboard: when they are acknowledged, fully or in part, or when the device refused to send them. */
import { AMBIGUOUS, HAS_FIN, LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import { diff, gt, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { dropIndex } from "./record-index.ts";
import { EVER_RESENT, payloadOf, segmentsIn, setSegments } from "./scoreboard.ts";
import { unlink } from "./sent-order.ts";

/** The peer acknowledged our SYN and possibly some of its data. Returns a round-trip sample in µs, or -1 if there is none. */
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

/** Removes the octets before `ack` from record r, the first one, and counts its segments again. */
export function trim(tcb: Tcb, r: number, ack: number, mss: number): void {
  shorten(tcb, r, ack);
  setSegments(tcb, r, segmentsIn(payloadOf(tcb, r), mss));
}

/** Like `trim`, but keeps the segment count: a segment counts until all of it is acknowledged. */
export function shorten(tcb: Tcb, r: number, ack: number): void {
  const { records } = tcb.env;
  const n = diff(ack, records.start[r]!);
  const flags = records.flags[r]!;
  if (flags & SACKED) tcb.board.sackedBytes -= n;
  if (flags & LOST) tcb.board.lostBytes -= n;
  if (flags & RESENT) tcb.board.resentBytes -= n;
  records.start[r] = ack;
}

/** Removes the first record: all of it is acknowledged. */
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

/** Removes the last record: the device refused it, so it was never sent. */
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

/** The record that ends at `ack`, if neither it nor any record before it has a mark; else NONE. */
export function lastUnmarked(tcb: Tcb, ack: number): number {
  const { records } = tcb.env;
  let last = NONE;
  for (let r = tcb.board.head; r !== NONE && !gt(records.end[r]!, ack); r = records.next[r]!) {
    if (records.flags[r]! & (SACKED | LOST | RESENT | EVER_RESENT | HAS_FIN)) return NONE;
    last = r;
  }
  return last === NONE || records.end[last] !== ack ? NONE : last;
}

/** Removes the records up to and including `last`: they have no marks and are acknowledged. Returns the number of their segments. */
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
