/**
 * Two lists of records: those considered in flight, in the order of sending, and those considered lost and not yet retransmitted, in the order of
 * sequence numbers. A record is in one of them, or in none if it is SACKed. RACK starts with the oldest in flight, retransmission with the
 * first lost.
 */
import { LOST, NONE, RESENT, type Records, SACKED } from "../words/records.ts";
import { gt, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";

const IN_FLIGHT = 0;
const TO_RESEND = 1;
const ARRIVED = 2;

/** The list of a record with these flags. */
function listOf(flags: number): number {
  if (flags & SACKED) return ARRIVED;
  return (flags & (LOST | RESENT)) === LOST ? TO_RESEND : IN_FLIGHT;
}

/** True if the segment sent at t1 that ends at end1 was sent after the other one (RFC 8985 §6.2 step 2, RACK_sent_after). */
export function sentAfter(t1: number, end1: number, t2: number, end2: number): boolean {
  return t1 > t2 || (t1 === t2 && gt(end1, end2));
}

function isAfter(records: Records, r: number, s: number): boolean {
  return sentAfter(records.time[r]!, records.end[r]!, records.time[s]!, records.end[s]!);
}

/** Links record r, which was just sent for the first time. It becomes the newest, unless another one was sent at the same time. */
export function linkNew(tcb: Tcb, r: number): void {
  const { board, env } = tcb;
  const { later, earlier, time } = env.records;
  const { newest } = board;
  if (newest === NONE || time[newest]! >= time[r]!) {
    link(tcb, r);
    return;
  }
  later[newest] = r;
  earlier[r] = newest;
  later[r] = NONE;
  board.newest = r;
}

/** Links record r, which is in no list yet. */
export function link(tcb: Tcb, r: number): void {
  const { records } = tcb.env;
  const { oldest, newest } = tcb.board;
  const list = listOf(records.flags[r]!);
  if (list === TO_RESEND) linkBySequence(tcb, r);
  // It usually is the newest; if the peer discarded data that it had SACKed, the oldest.
  else if (list === IN_FLIGHT) linkBySending(tcb, r, oldest !== NONE && isAfter(records, oldest, r) ? NONE : newest);
}

/** Removes record r from the list of a record with these flags. */
export function unlink(tcb: Tcb, r: number, flags: number): void {
  const list = listOf(flags);
  if (list === ARRIVED) return;
  const { board, rack } = tcb;
  const { later, earlier } = tcb.env.records;
  const after = later[r]!;
  const before = earlier[r]!;
  if (after !== NONE) earlier[after] = before;
  if (before !== NONE) later[before] = after;
  if (list === TO_RESEND) {
    if (before === NONE) board.firstLost = after;
    if (after === NONE) board.lastLost = before;
    if (board.nearLost === r) board.nearLost = before;
    return;
  }
  if (before === NONE) board.oldest = after;
  if (after === NONE) board.newest = before;
  if (rack.overtaken === r) rack.overtaken = before;
}

/** Moves record r to the list that its flags ask for. @param before the flags that it had @param after those that it has now */
export function relink(tcb: Tcb, r: number, before: number, after: number): void {
  const list = listOf(after);
  if (listOf(before) === list) return;
  unlink(tcb, r, before);
  if (list !== ARRIVED) link(tcb, r);
}

/** Links record s, which was split off the end of record r. */
export function linkSplit(tcb: Tcb, r: number, s: number): void {
  const list = listOf(tcb.env.records.flags[r]!);
  if (list !== ARRIVED) insert(tcb, s, r, list);
}

/** Record r is retransmitted at `at`, so that it becomes the newest. */
export function retime(tcb: Tcb, r: number, at: number): void {
  const { records } = tcb.env;
  const isListed = listOf(records.flags[r]!) === IN_FLIGHT;
  if (isListed) unlink(tcb, r, records.flags[r]!);
  records.time[r] = at;
  if (isListed) linkBySending(tcb, r, tcb.board.newest);
}

/** Links record r into the list in the order of sending. @param near where the search for its position starts */
export function linkBySending(tcb: Tcb, r: number, near: number): void {
  const { records } = tcb.env;
  let at = near;
  while (at !== NONE && isAfter(records, at, r)) at = records.earlier[at]!;
  for (;;) {
    const next = at === NONE ? tcb.board.oldest : records.later[at]!;
    if (next === NONE || isAfter(records, next, r)) break;
    at = next;
  }
  insert(tcb, r, at, IN_FLIGHT);
}

/** Most come at the end; of those that do not, each comes near the one before: its place is looked for from there. */
function linkBySequence(tcb: Tcb, r: number): void {
  const { board } = tcb;
  const { start, earlier, later } = tcb.env.records;
  const seq = start[r]!;
  let at = board.lastLost;
  if (at !== NONE && gt(start[at]!, seq)) {
    if (lt(seq, start[board.firstLost]!)) at = NONE;
    else {
      at = board.nearLost === NONE ? board.firstLost : board.nearLost;
      while (gt(start[at]!, seq)) at = earlier[at]!;
      for (let s = later[at]!; lt(start[s]!, seq); s = later[s]!) at = s;
    }
    board.nearLost = r;
  }
  insert(tcb, r, at, TO_RESEND);
}

/** Inserts r after `at`, or as the first if `at` is NONE. */
function insert(tcb: Tcb, r: number, at: number, list: number): void {
  const { board } = tcb;
  const { later, earlier } = tcb.env.records;
  const first = list === IN_FLIGHT ? board.oldest : board.firstLost;
  const after = at === NONE ? first : later[at]!;
  later[r] = after;
  earlier[r] = at;
  if (at !== NONE) later[at] = r;
  else if (list === IN_FLIGHT) board.oldest = r;
  else board.firstLost = r;
  if (after !== NONE) earlier[after] = r;
  else if (list === IN_FLIGHT) board.newest = r;
  else board.lastLost = r;
}
