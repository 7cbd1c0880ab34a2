/** SACK and D-SACK blocks (RFC 2018, 2883) on the scoreboard, in whole segments. */

import { LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, gt, le, lt } from "../words/seq.ts";
import { CA_LOSS, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { advance } from "./rack.ts";
import { notSacked, recordAt } from "./record-index.ts";
import { noteReordering } from "./reduction.ts";
import { isStale, type RoundTrips } from "./round-trip.ts";
import { cut, EVER_RESENT, highestSacked, mayRecord, payloadOf, remark } from "./scoreboard.ts";

/** Indices of the blocks of one ACK by their left edges: scratch. */
const ascending = new Int8Array(4);
/** The lowest start of what this ACK shows to have arrived late. */
let low = 0;

/** @param before SND.UNA before this ACK */
export function applySackBlocks(
  tcb: Tcb,
  seg: Segment,
  before: number,
  answer: Answer,
  trips: RoundTrips,
  now: number,
): void {
  const { options } = seg;
  const { snd } = tcb;
  low = snd.nxt;
  if (tcb.board.sackedOut === 0) tcb.board.sackHigh = snd.una;
  const repeats = reportsDuplicate(tcb, seg, before, answer);
  // So old an ACK says nothing.
  if (lt(seg.ack, (before - snd.wndMax) | 0)) return;
  if (tcb.board.packetsOut > 0) {
    let n = 0;
    for (let i = 0; i < options.sackBlocks; i++) {
      if (!isValid(tcb, options.sackLeft[i]!, options.sackRight[i]!, i === 0 && repeats)) continue;
      // Ascending: what one ACK reports arrived in no other order than its own.
      let at = n++;
      const left = options.sackLeft[i]!;
      for (; at > 0 && lt(left, options.sackLeft[ascending[at - 1]!]!); at--) ascending[at] = ascending[at - 1]!;
      ascending[at] = i;
    }
    for (let i = 0; i < n; i++) {
      const b = ascending[i]!;
      walk(tcb, options.sackLeft[b]!, options.sackRight[b]!, b === 0 && repeats, answer, trips, now);
    }
  }
  if (tcb.cc.phase !== CA_LOSS || tcb.recovery.undoArmed) noteReordering(tcb, low);
}

/** Neither reversed nor beyond what was sent; below SND.UNA only what a D-SACK may speak of. */
function isValid(tcb: Tcb, left: number, right: number, dsack: boolean): boolean {
  const { una, nxt, wndMax } = tcb.snd;
  if (gt(right, nxt) || !lt(left, right)) return false;
  if (gt(left, una)) return true;
  if (!dsack || !tcb.recovery.undoArmed || gt(right, una)) return false;
  if (ge(left, tcb.recovery.undoMarker)) return true;
  return gt(right, tcb.recovery.undoMarker) && ge(left, (right - wndMax) | 0);
}

/** RFC 2883 §4: the first block lies below the ACK, or inside the second one. */
function reportsDuplicate(tcb: Tcb, seg: Segment, before: number, answer: Answer): boolean {
  const { sackBlocks, sackLeft, sackRight } = seg.options;
  const left = sackLeft[0]!;
  const right = sackRight[0]!;
  const inside = sackBlocks > 1 && le(right, sackRight[1]!) && ge(left, sackLeft[1]!);
  if (!lt(left, seg.ack) && !inside) return false;
  const n = countDuplicates(tcb, left, right, answer);
  if (n === 0) return false;
  // Of what is acknowledged already nobody knows which copy it was.
  if (tcb.recovery.undoArmed && tcb.recovery.undoResent > 0 && le(right, before) && gt(right, tcb.recovery.undoMarker))
    tcb.recovery.undoResent = Math.max(0, tcb.recovery.undoResent - n);
  return true;
}

/** Segments that are reported as duplicates; 0: it cannot be true. */
function countDuplicates(tcb: Tcb, left: number, right: number, answer: Answer): number {
  const octets = diff(right, left);
  if (octets <= 0 || octets > tcb.snd.wndMax) return 0;
  let n = 1;
  if (octets > tcb.snd.mss) n = Math.ceil(octets / tcb.snd.mss);
  else if (tcb.tailProbe.pending && tcb.tailProbe.end === right) answer.dsackOfProbe = true;
  tcb.duplicatesReported += n;
  // More than was ever resent: the network made them.
  if (tcb.duplicatesReported > tcb.retransmissionsTotal) return 0;
  if (tcb.reorderingsSeen > 0 && !answer.dsackOfProbe) tcb.rack.dsackSeen = true;
  answer.dsack = true;
  tcb.deliveredSegments += n;
  return n;
}

function walk(
  tcb: Tcb,
  left: number,
  right: number,
  dsack: boolean,
  answer: Answer,
  trips: RoundTrips,
  now: number,
): void {
  const { records } = tcb.env;
  if (!dsack && tcb.board.index?.knows(left, right)) return;
  let whole = true;
  for (let r = recordAt(tcb, left); r !== NONE && lt(records.start[r]!, right); r = records.next[r]!) {
    // What is SACKed already matters only where it came twice.
    if (!dsack) {
      r = notSacked(tcb, r);
      if (r === NONE || !lt(records.start[r]!, right)) break;
    }
    const covered = le(left, records.start[r]!) && ge(right, records.end[r]!);
    if (covered || fit(tcb, r, left, right)) tag(tcb, r, dsack, answer, trips, now);
    else whole = false;
  }
  if (whole && !dsack) tcb.board.index?.know(left, right);
}

/** Cuts record r where a block begins or ends, between segments; true if what r is now lies in the block. */
function fit(tcb: Tcb, r: number, left: number, right: number): boolean {
  const { records } = tcb.env;
  if (records.segments[r]! <= 1 || !mayRecord(tcb)) return false;
  const { mss } = tcb.snd;
  const start = records.start[r]!;
  const begins = le(left, start);
  let n: number;
  if (begins) {
    n = diff(right, start);
    if (n < mss) return false;
    n -= n % mss;
  } else n = Math.ceil(Math.max(diff(left, start), mss) / mss) * mss;
  if (n >= payloadOf(tcb, r)) return begins;
  cut(tcb, r, (start + n) | 0, mss);
  return begins;
}

/** Record r has arrived. */
function tag(tcb: Tcb, r: number, dsack: boolean, answer: Answer, trips: RoundTrips, now: number): void {
  const { records } = tcb.env;
  const flags = records.flags[r]!;
  const start = records.start[r]!;
  const end = records.end[r]!;
  const n = records.segments[r]!;
  if (dsack && flags & EVER_RESENT) {
    if (tcb.recovery.undoArmed && tcb.recovery.undoResent > 0 && gt(end, tcb.recovery.undoMarker))
      tcb.recovery.undoResent = Math.max(0, tcb.recovery.undoResent - n);
    if (flags & SACKED && lt(start, low)) low = start;
  }
  if (!gt(end, tcb.snd.una)) return;
  if ((flags & SACKED) === 0) {
    advance(tcb, flags, end, records.time[r]!, now);
    if ((flags & EVER_RESENT) === 0) neverResent(tcb, r, answer, trips, now);
    // One that was resent and is not marked lost: its second copy is believed to be in flight still.
    remark(tcb, r, SACKED, flags & LOST ? LOST | RESENT : 0);
    answer.sacked = true;
    tcb.deliveredSegments += n;
    if (gt(end, tcb.board.sackHigh)) tcb.board.sackHigh = end;
  }
  if (dsack) remark(tcb, r, 0, RESENT);
}

function neverResent(tcb: Tcb, r: number, answer: Answer, trips: RoundTrips, now: number): void {
  const { records } = tcb.env;
  const start = records.start[r]!;
  if (lt(start, highestSacked(tcb)) && lt(start, low)) low = start;
  if (!gt(records.end[r]!, tcb.cc.recover)) answer.original = true;
  if (isStale(tcb, records.time[r]!)) return;
  const rtt = now - records.time[r]!;
  if (trips.sackOldest < 0) trips.sackOldest = rtt;
  trips.sackNewest = rtt;
}
