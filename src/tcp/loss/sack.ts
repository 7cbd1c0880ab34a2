/** Applies SACK and D-SACK blocks (RFC 2018, RFC 2883) to the scoreboard, in whole segments. */

import { LOST, NONE, RESENT, SACKED } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, gt, le, lt } from "../words/seq.ts";
import { CA_LOSS, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { noteDelivered } from "./delivery-rate.ts";
import { advance } from "./rack.ts";
import { notSacked, recordAt } from "./record-index.ts";
import { noteReordering } from "./reduction.ts";
import { isStale, type RoundTrips } from "./round-trip.ts";
import { cut, EVER_RESENT, highestSacked, mayRecord, payloadOf, remark } from "./scoreboard.ts";

/** Scratch: the indices of one ACK's blocks, in the order of their left edges. */
const ascending = new Int8Array(4);
/** The lowest sequence number that this ACK reports as delivered out of order, retransmissions excluded (RFC 8985 §6.2 step 3). */
let low = 0;
/** A connection with more records than this cuts none for a SACK block: each cut moves a part of the index. */
const CUT_MAX = 16_384;

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
  // The ACK is older than the peer's largest window: its blocks are not believed.
  if (lt(seg.ack, (before - snd.wndMax) | 0)) return;
  if (tcb.board.packetsOut > 0) {
    let n = 0;
    for (let i = 0; i < options.sackBlocks; i++) {
      if (!isValid(tcb, options.sackLeft[i]!, options.sackRight[i]!, i === 0 && repeats)) continue;
      // In ascending order, because the order of the blocks in one ACK does not tell in which order the data arrived.
      let at = n++;
      const left = options.sackLeft[i]!;
      for (; at > 0 && lt(left, options.sackLeft[ascending[at - 1]!]!); at--) ascending[at] = ascending[at - 1]!;
      ascending[at] = i;
    }
    for (let i = 0; i < n; i++) {
      const b = ascending[i]!;
      applyBlock(tcb, options.sackLeft[b]!, options.sackRight[b]!, b === 0 && repeats, answer, trips, now);
    }
  }
  if (tcb.cc.phase !== CA_LOSS || tcb.recovery.undoArmed) noteReordering(tcb, low);
}

/** True if a block is neither reversed nor beyond SND.NXT. Below SND.UNA only a D-SACK is valid, within the data that `undo` asks about. */
function isValid(tcb: Tcb, left: number, right: number, dsack: boolean): boolean {
  const { una, nxt, wndMax } = tcb.snd;
  if (gt(right, nxt) || !lt(left, right)) return false;
  if (gt(left, una)) return true;
  if (!dsack || !tcb.recovery.undoArmed || gt(right, una)) return false;
  if (ge(left, tcb.recovery.undoMarker)) return true;
  return gt(right, tcb.recovery.undoMarker) && ge(left, (right - wndMax) | 0);
}

/** True if the first block is a D-SACK: it lies below the ACK number, or inside the second block (RFC 2883 §4). */
function reportsDuplicate(tcb: Tcb, seg: Segment, before: number, answer: Answer): boolean {
  const { sackBlocks, sackLeft, sackRight } = seg.options;
  const left = sackLeft[0]!;
  const right = sackRight[0]!;
  const inside = sackBlocks > 1 && le(right, sackRight[1]!) && ge(left, sackLeft[1]!);
  if (!lt(left, seg.ack) && !inside) return false;
  const n = countDuplicates(tcb, left, right, answer);
  if (n === 0) return false;
  // The data was acknowledged before and has no record any more, so any retransmission may be the duplicate.
  if (tcb.recovery.undoArmed && tcb.recovery.undoResent > 0 && le(right, before) && gt(right, tcb.recovery.undoMarker))
    tcb.recovery.undoResent = Math.max(0, tcb.recovery.undoResent - n);
  return true;
}

/** How many segments the D-SACK reports as duplicates; 0: the report is implausible. */
function countDuplicates(tcb: Tcb, left: number, right: number, answer: Answer): number {
  const octets = diff(right, left);
  if (octets <= 0 || octets > tcb.snd.wndMax) return 0;
  let n = 1;
  if (octets > tcb.snd.mss) n = Math.ceil(octets / tcb.snd.mss);
  else if (tcb.tailProbe.pending && tcb.tailProbe.end === right) answer.dsackOfProbe = true;
  tcb.board.duplicatesReported += n;
  // More duplicates than we ever retransmitted: the network duplicated segments.
  if (tcb.board.duplicatesReported > tcb.retransmissionsTotal) return 0;
  if (tcb.reorderingsSeen > 0 && !answer.dsackOfProbe) tcb.rack.dsackSeen = true;
  answer.dsack = true;
  tcb.deliveredSegments += n;
  return n;
}

/** Applies one block to the records that it covers. */
function applyBlock(
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
    // Records that are SACKed already matter only to a D-SACK.
    if (!dsack) {
      r = notSacked(tcb, r);
      if (r === NONE || !lt(records.start[r]!, right)) break;
    }
    const covered = le(left, records.start[r]!) && ge(right, records.end[r]!);
    if (covered || cutToBlock(tcb, r, left, right)) delivered(tcb, r, dsack, answer, trips, now);
    else whole = false;
  }
  if (whole && !dsack) tcb.board.index?.know(left, right);
}

/** Cuts record r at the edge of a block, between segments. Returns true if r then lies in the block. */
function cutToBlock(tcb: Tcb, r: number, left: number, right: number): boolean {
  const { records } = tcb.env;
  if (records.segments[r]! <= 1 || tcb.board.records > CUT_MAX || !mayRecord(tcb)) return false;
  const mss = records.mss[r]!;
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

/** The peer reports that record r was delivered. */
function delivered(tcb: Tcb, r: number, dsack: boolean, answer: Answer, trips: RoundTrips, now: number): void {
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
    if ((flags & EVER_RESENT) === 0) originalDelivered(tcb, r, answer, trips, now);
    // If r was retransmitted and is not marked lost, the retransmission is believed to be still in flight.
    remark(tcb, r, SACKED, flags & LOST ? LOST | RESENT : 0);
    noteDelivered(tcb, r, answer.rate);
    answer.sacked = true;
    tcb.deliveredSegments += n;
    if (gt(end, tcb.board.sackHigh)) tcb.board.sackHigh = end;
  }
  if (dsack) remark(tcb, r, 0, RESENT);
}

/** Record r, which was never retransmitted, was delivered: it can show reordering, a spurious timeout, and the round trip. */
function originalDelivered(tcb: Tcb, r: number, answer: Answer, trips: RoundTrips, now: number): void {
  const { records } = tcb.env;
  const start = records.start[r]!;
  if (lt(start, highestSacked(tcb)) && lt(start, low)) low = start;
  if (!gt(records.end[r]!, tcb.cc.recover)) answer.original = true;
  const sent = records.time[r]!;
  if (isStale(tcb, sent)) return;
  const rtt = now - sent;
  if (trips.sackOldest < 0) trips.sackOldest = rtt;
  trips.sackNewest = rtt;
}
