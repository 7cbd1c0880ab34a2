/** The scoreboard: counts of segments and octets in flight. Every change of a record's marks is made here, so that the counts stay right. */
import { share } from "#base/share";
import { EV_LOST } from "#base/trace";
import { isRecordEnd } from "../words/record-ends.ts";
import { AMBIGUOUS, HAS_FIN, HAS_SYN, LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import { diff, gt, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { FAIL_NOT_TAKEN } from "../words/variables.ts";
import { dropIndex } from "./record-index.ts";
import { linkBySending, linkNew, linkSplit, relink, retime, unlink } from "./sent-order.ts";

/** Sent more than once, whether or not the last copy is considered in flight. */
export const EVER_RESENT = AMBIGUOUS;

/** Records that a connection may have while there are any. */
const RECORDS_MIN = 8;

/**
 * True if the connection may have one record more. A window of 100,000 small segments needs as many, and one connection alone may have half
 * of what there is; the more are taken, the fewer each may have (`#base/share`).
 */
export function mayRecord(tcb: Tcb): boolean {
  const { records } = tcb.env;
  return records.has(1) && tcb.board.records < share(records.used, records.limit, RECORDS_MIN);
}

/** Adds a record: [start, end) was just sent for the first time. */
export function append(tcb: Tcb, start: number, end: number, flags: number, now: number): void {
  const { records } = tcb.env;
  tcb.board.records++;
  const r = records.alloc(start, end, now, flags);
  if (tcb.board.tail === NONE) tcb.board.head = r;
  else {
    records.next[tcb.board.tail] = r;
    records.prev[r] = tcb.board.tail;
  }
  tcb.board.tail = r;
  linkNew(tcb, r);
  tcb.board.index?.push(r);
}

/** Frees all records of a connection that has ended. */
export function releaseRecords(tcb: Tcb): void {
  const { records } = tcb.env;
  for (let r = tcb.board.head; r !== NONE; ) {
    const next = records.next[r]!;
    records.free(r);
    r = next;
  }
  tcb.board.head = tcb.board.tail = NONE;
  tcb.board.oldest =
    tcb.board.newest =
    tcb.board.firstLost =
    tcb.board.lastLost =
    tcb.board.nearLost =
    tcb.rack.overtaken =
      NONE;
  dropIndex(tcb);
  tcb.board.records = 0;
  tcb.board.sackedBytes = tcb.board.lostBytes = tcb.board.resentBytes = 0;
  tcb.board.packetsOut = tcb.board.sackedOut = tcb.board.lostOut = tcb.board.retransOut = 0;
}

/** Our SYN was retransmitted. It is unknown which copy the peer will answer, so it gives no round-trip sample (Karn's algorithm). */
export function synResent(tcb: Tcb, now: number): void {
  const { records } = tcb.env;
  const r = tcb.board.head;
  records.flags[r] = records.flags[r]! | AMBIGUOUS;
  sentAgain(tcb, r, now);
}

/** Record r was retransmitted. */
export function sentAgain(tcb: Tcb, r: number, at: number): void {
  const { sends } = tcb.env.records;
  retime(tcb, r, at);
  if (sends[r]! < 255) sends[r] = sends[r]! + 1;
}

/** Splits record r at `seq`, which lies inside it. */
function splitAt(tcb: Tcb, r: number, seq: number): void {
  const s = tcb.env.records.split(r, seq);
  tcb.board.records++;
  if (tcb.board.tail === r) tcb.board.tail = s;
  linkSplit(tcb, r, s);
  tcb.board.index?.insertAfter(r, s);
}

/** Octets of payload in record r: its sequence space without SYN and FIN. */
export function payloadOf(tcb: Tcb, r: number): number {
  const { records } = tcb.env;
  const n = diff(records.end[r]!, records.start[r]!);
  const flags = records.flags[r]!;
  return n - (flags & HAS_FIN ? 1 : 0) - (flags & HAS_SYN ? 1 : 0);
}

export function segmentsIn(octets: number, mss: number): number {
  return Math.max(1, Math.ceil(octets / mss));
}

/** Counts all segments again, because the segment size or the marks were changed elsewhere (the end of the handshake, data in a SYN). */
export function recount(tcb: Tcb): void {
  const { records } = tcb.env;
  tcb.board.packetsOut = tcb.board.sackedOut = tcb.board.lostOut = tcb.board.retransOut = 0;
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) {
    records.mss[r] = tcb.snd.mss;
    records.segments[r] = segmentsIn(payloadOf(tcb, r), tcb.snd.mss);
    add(tcb, records.flags[r]!, records.segments[r]!);
  }
}

function add(tcb: Tcb, flags: number, n: number): void {
  tcb.board.packetsOut += n;
  if (flags & SACKED) tcb.board.sackedOut += n;
  if (flags & LOST) tcb.board.lostOut += n;
  if (flags & RESENT) tcb.board.retransOut += n;
}

/** Changes the number of segments in record r; 0 removes it from the counts. */
export function setSegments(tcb: Tcb, r: number, n: number): void {
  const { records } = tcb.env;
  add(tcb, records.flags[r]!, n - records.segments[r]!);
  records.segments[r] = n;
}

/** Sets and clears marks of record r, and updates the counts and the lists. */
export function remark(tcb: Tcb, r: number, set: number, clear: number): void {
  const before = tcb.env.records.flags[r]!;
  const after = (before & ~clear) | set;
  mark(tcb, r, before, after);
  relink(tcb, r, before, after);
  // Its `skip` link may stem from an earlier time when it was SACKed.
  if (set & SACKED) tcb.env.records.skip[r] = NONE;
}

/** Changes the marks of record r, and updates only the counts of segments and octets. */
function mark(tcb: Tcb, r: number, before: number, after: number): void {
  const { records } = tcb.env;
  records.flags[r] = after;
  const changed = before ^ after;
  const n = records.segments[r]!;
  const octets = diff(records.end[r]!, records.start[r]!);
  if (changed & SACKED) {
    const sign = after & SACKED ? 1 : -1;
    tcb.board.sackedOut += sign * n;
    tcb.board.sackedBytes += sign * octets;
  }
  if (changed & LOST) {
    const sign = after & LOST ? 1 : -1;
    tcb.board.lostOut += sign * n;
    tcb.board.lostBytes += sign * octets;
  }
  if (changed & RESENT) {
    const sign = after & RESENT ? 1 : -1;
    tcb.board.retransOut += sign * n;
    tcb.board.resentBytes += sign * octets;
  }
}

/** Splits record r at `seq`, which need not lie between segments, and counts the segments of both halves. */
export function cut(tcb: Tcb, r: number, seq: number, mss: number): void {
  const { records } = tcb.env;
  setSegments(tcb, r, 0);
  splitAt(tcb, r, seq);
  const s = records.next[r]!;
  records.segments[s] = 0;
  records.mss[r] = records.mss[s] = mss;
  setSegments(tcb, r, segmentsIn(payloadOf(tcb, r), mss));
  setSegments(tcb, s, segmentsIn(payloadOf(tcb, s), mss));
}

/** Changes the number of segments in record r. Without SACK, if there are fewer, as many duplicate ACKs no longer count. */
export function recut(tcb: Tcb, r: number, n: number): void {
  const before = tcb.board.packetsOut;
  setSegments(tcb, r, n);
  if (!tcb.sackOk) tcb.board.sackedOut -= Math.min(tcb.board.sackedOut, Math.max(0, before - tcb.board.packetsOut));
}

/** Marks the last copy of record r as lost, whether it was the original or a retransmission. */
export function markLost(tcb: Tcb, r: number, cause: number, now: number): void {
  const { records, trace } = tcb.env;
  const flags = records.flags[r]!;
  if (flags & SACKED) return;
  if (flags & LOST) {
    if ((flags & RESENT) === 0) return;
    remark(tcb, r, 0, RESENT);
  } else remark(tcb, r, LOST, 0);
  const segments = records.segments[r]!;
  tcb.board.lost += segments;
  tcb.rack.lostSegments += segments;
  tcb.congestion.lost?.(tcb, r, now);
  const start = records.start[r]!;
  trace.record(now, EV_LOST, cause, tcb.id, diff(start, tcb.snd.iss), diff(records.end[r]!, start));
}

/** Merges small segments after record r into it before it is retransmitted, up to the size of one segment (Linux: tcp_retrans_try_collapse). */
export function coalesce(tcb: Tcb, r: number, room: number): void {
  const { records } = tcb.env;
  if (records.flags[r]! & (HAS_FIN | HAS_SYN)) return;
  for (;;) {
    const s = records.next[r]!;
    if (
      s === NONE ||
      isRecordEnd(tcb, records.end[r]!) ||
      records.segments[s]! > 1 ||
      records.flags[s]! & SACKED ||
      records.flags[r]! & HAS_FIN
    )
      return;
    if (payloadOf(tcb, r) + payloadOf(tcb, s) > room) return;
    if (lt((tcb.snd.una + tcb.snd.wnd) | 0, records.end[s]!)) return;
    // From here on the octets of s count as part of r.
    unlink(tcb, s, records.flags[s]!);
    tcb.board.index?.remove(s);
    mark(tcb, s, records.flags[s]!, records.flags[s]! & ~(LOST | RESENT));
    recut(tcb, s, 0);
    const grown = diff(records.end[s]!, records.start[s]!);
    if (records.flags[r]! & LOST) tcb.board.lostBytes += grown;
    if (records.flags[r]! & RESENT) tcb.board.resentBytes += grown;
    records.flags[r] = records.flags[r]! | (records.flags[s]! & ~(LOST | RESENT));
    records.end[r] = records.end[s]!;
    const after = records.next[s]!;
    records.next[r] = after;
    if (after === NONE) tcb.board.tail = r;
    else records.prev[after] = r;
    records.free(s);
    tcb.board.records--;
  }
}

/** The end of the highest record that is SACKed, or SND.UNA. */
export function highestSacked(tcb: Tcb): number {
  return tcb.board.sackedOut > 0 && tcb.sackOk ? tcb.board.sackHigh : tcb.snd.una;
}

/** Clears the LOST mark of every record: the loss was a false alarm. */
export function nothingLost(tcb: Tcb): void {
  const { board } = tcb;
  const { records } = tcb.env;
  let near = NONE;
  for (let r = board.firstLost; r !== NONE; r = board.firstLost) {
    unlink(tcb, r, records.flags[r]!);
    mark(tcb, r, records.flags[r]!, records.flags[r]! & ~LOST);
    linkBySending(tcb, r, near);
    near = r;
  }
  if (board.lostOut === 0) return;
  for (let r = board.oldest; r !== NONE; r = records.later[r]!)
    mark(tcb, r, records.flags[r]!, records.flags[r]! & ~LOST);
}

/** True if record r was sent in our SYN and the peer did not accept it. */
export function wasOnSyn(tcb: Tcb, r: number): boolean {
  const { fast, snd, env } = tcb;
  if (fast.fail < FAIL_NOT_TAKEN || tcb.bytesAcked >= fast.sent) return false;
  return gt((snd.iss + 1 + fast.sent) | 0, env.records.start[r]!);
}
