/**
 * The scoreboard (RFC 2018, 2883, 6675): which of the octets in flight the peer has, which are thought lost, which were sent again.
 * It keeps the sums in the TCB right; what follows from them is `recovery.ts`.
 */
import { EV_LOST } from "#base/trace";
import { delivered, isOverdue } from "./rack.ts";
import { isRecordEnd } from "./record-ends.ts";
import { AMBIGUOUS, HAS_FIN, HAS_SYN, LOST, NONE, RESENT, SACKED } from "./records.ts";
import type { Segment } from "./segment.ts";
import { diff, ge, gt, le, lt } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/** Linux' tcp_max_reordering. */
const REORDERING_MAX = 300;

/** What the last ACK brought; registers, valid until the next ACK is looked at. */
export class AckResult {
  /** Octets acknowledged cumulatively. */
  acked = 0;
  /** Octets that left the network: acknowledged and not SACKed before, or newly SACKed. */
  delivered = 0;
  /** Octets newly SACKed. */
  sacked = 0;
  /** A round-trip sample in us from records sent once, or -1. */
  rtt = -1;
  /** The FIN was among what was acknowledged. */
  fin = false;
  /** The ACK carried a D-SACK block (RFC 2883). */
  dsack = false;
  dsackLeft = 0;
  dsackRight = 0;
  /** The lowest start of what was sent once and arrived, in this ACK's telling, after something sent later; `overtaken` says whether there is one. */
  lowest = 0;
  overtaken = false;
  /** Something that was sent only once, at or below `recover`, was acknowledged or SACKed. */
  original = false;
  /** SEG.TSecr, if the segment has one. */
  tsecr = 0;
  echoed = false;

  clear(): void {
    this.acked = 0;
    this.delivered = 0;
    this.sacked = 0;
    this.rtt = -1;
    this.fin = false;
    this.dsack = false;
    this.echoed = false;
    this.original = false;
    this.overtaken = false;
  }
}

/**
 * Records that one connection may have: SACK blocks of single octets could else cut its flight into all there are. Enough
 * for a window of 4 MiB in segments of 536 octets.
 */
export const RECORDS_MAX = 8192;

/** True if the connection may have one record more. */
export function mayRecord(tcb: Tcb): boolean {
  return tcb.records < RECORDS_MAX && tcb.env.records.has(1);
}

/** Remembers that [start, end) was just sent for the first time. */
export function append(tcb: Tcb, start: number, end: number, flags: number, now: number): void {
  const records = tcb.env.records;
  tcb.records++;
  const r = records.alloc(start, end, now, flags);
  if (tcb.tail === NONE) tcb.head = r;
  else {
    records.next[tcb.tail] = r;
    records.prev[r] = tcb.tail;
  }
  tcb.tail = r;
}

/** Takes off everything before `ack`, which the caller found acceptable. */
export function acknowledge(tcb: Tcb, ack: number, now: number, out: AckResult): void {
  const records = tcb.env.records;
  let r = tcb.head;
  while (r !== NONE && lt(records.start[r]!, ack)) {
    const flags = records.flags[r]!;
    const end = records.end[r]!;
    const whole = le(end, ack);
    const n = diff(whole ? end : ack, records.start[r]!);
    if (flags & SACKED) tcb.sackedBytes -= n;
    else {
      out.delivered += n;
      if (out.rtt < 0 && (flags & AMBIGUOUS) === 0) out.rtt = now - records.time[r]!;
      if ((flags & AMBIGUOUS) === 0) late(tcb, records.start[r]!, out);
      if ((flags & AMBIGUOUS) === 0 && !gt(end, tcb.cc.recover)) out.original = true;
      if (tcb.rackOn) delivered(tcb, r, out, now);
    }
    if (flags & LOST) tcb.lostBytes -= n;
    if (flags & RESENT) tcb.resentBytes -= n;
    if (!whole) {
      records.start[r] = ack;
      break;
    }
    if (flags & HAS_FIN) out.fin = true;
    const next = records.next[r]!;
    records.free(r);
    tcb.records--;
    r = next;
  }
  tcb.head = r;
  if (r === NONE) tcb.tail = NONE;
  else records.prev[r] = NONE;
}

/** Applies the SACK blocks of `seg`. Blocks that make no sense are passed over (RFC 2018 §8 forgives nothing worse). */
export function applySack(tcb: Tcb, seg: Segment, now: number, out: AckResult): void {
  const { options } = seg;
  const { una, nxt } = tcb.snd;
  let n = 0;
  for (let i = 0; i < options.sackBlocks; i++) {
    const left = options.sackLeft[i]!;
    const right = options.sackRight[i]!;
    if (!lt(left, right) || gt(right, nxt)) continue;
    if (i === 0 && isDsack(left, right, options.sackBlocks, options.sackLeft, options.sackRight, seg.ack)) {
      out.dsack = true;
      out.dsackLeft = left;
      out.dsackRight = right;
      continue;
    }
    if (lt(left, una)) continue;
    // They come newest first; what one ACK reports arrived in no other order than its own (RFC 8985 §6.2 step 2).
    let at = n++;
    for (; at > 0 && lt(left, options.sackLeft[ascending[at - 1]!]!); at--) ascending[at] = ascending[at - 1]!;
    ascending[at] = i;
  }
  for (let i = 0; i < n; i++) {
    const block = ascending[i]!;
    applyBlock(tcb, options.sackLeft[block]!, options.sackRight[block]!, now, out);
  }
}

/** Indices of the blocks of one ACK by their left edges: scratch. */
const ascending = new Int8Array(4);

/** RFC 2883 §4: the first block reports a duplicate if it lies below the ACK or inside the second block. */
function isDsack(
  left: number,
  right: number,
  blocks: number,
  lefts: Int32Array,
  rights: Int32Array,
  ack: number,
): boolean {
  if (lt(left, ack)) return true;
  return blocks > 1 && ge(left, lefts[1]!) && le(right, rights[1]!);
}

function applyBlock(tcb: Tcb, left: number, right: number, now: number, out: AckResult): void {
  const records = tcb.env.records;
  let r = tcb.head;
  while (r !== NONE && le(records.end[r]!, left)) r = records.next[r]!;
  while (r !== NONE && lt(records.start[r]!, right)) {
    if ((records.flags[r]! & SACKED) === 0) {
      if (lt(records.start[r]!, left)) {
        if (!mayRecord(tcb)) return;
        splitAt(tcb, r, left);
        r = records.next[r]!;
      }
      if (gt(records.end[r]!, right)) {
        if (!mayRecord(tcb)) return;
        splitAt(tcb, r, right);
      }
      markSacked(tcb, r, now, out);
    }
    r = records.next[r]!;
  }
}

/** Something below the highest SACKed end arrived for the first time: it was overtaken. */
function late(tcb: Tcb, start: number, out: AckResult): void {
  if (!lt(start, tcb.sackHigh) || (out.overtaken && !lt(start, out.lowest))) return;
  out.overtaken = true;
  out.lowest = start;
}

/**
 * How far segments overtake one another on this path, in segments: at least DupThresh, at most `REORDERING_MAX` (RFC 4653's idea, in
 * Linux' form). Measured once per ACK, after its blocks were applied.
 */
export function measureReordering(tcb: Tcb, result: AckResult): void {
  if (!result.overtaken) return;
  tcb.reorderingsSeen++;
  const segments = Math.ceil(diff(tcb.sackHigh, result.lowest) / tcb.snd.mss);
  if (segments > tcb.reordering) tcb.reordering = Math.min(segments, REORDERING_MAX);
}

function markSacked(tcb: Tcb, r: number, now: number, out: AckResult): void {
  const records = tcb.env.records;
  const flags = records.flags[r]!;
  const n = diff(records.end[r]!, records.start[r]!);
  tcb.sackedBytes += n;
  out.sacked += n;
  out.delivered += n;
  if (flags & LOST) tcb.lostBytes -= n;
  if (flags & RESENT) tcb.resentBytes -= n;
  if (out.rtt < 0 && (flags & AMBIGUOUS) === 0) out.rtt = now - records.time[r]!;
  if ((flags & AMBIGUOUS) === 0) late(tcb, records.start[r]!, out);
  if (gt(records.end[r]!, tcb.sackHigh)) tcb.sackHigh = records.end[r]!;
  if ((flags & AMBIGUOUS) === 0 && !gt(records.end[r]!, tcb.cc.recover)) out.original = true;
  if (tcb.rackOn) delivered(tcb, r, out, now);
  records.flags[r] = (flags & ~(LOST | RESENT)) | SACKED;
}

/** Cuts a record and keeps the tail of the list right. */
export function splitAt(tcb: Tcb, r: number, seq: number): void {
  const s = tcb.env.records.split(r, seq);
  tcb.records++;
  if (tcb.tail === r) tcb.tail = s;
}

/** Record r is thought lost. */
export function markLost(tcb: Tcb, r: number, cause: number, now: number): void {
  const records = tcb.env.records;
  const n = diff(records.end[r]!, records.start[r]!);
  records.flags[r] = records.flags[r]! | LOST;
  tcb.lostBytes += n;
  tcb.lostSegments++;
  tcb.env.trace.record(now, EV_LOST, cause, tcb.id, diff(records.start[r]!, tcb.snd.iss), n);
}

/**
 * RFC 6675 IsLost over the whole scoreboard: what has DupThresh segments SACKed above it is lost. Segments are counted,
 * not octets, so that small ones count as well.
 */
export function markLostBySack(tcb: Tcb, cause: number, now: number): void {
  if (tcb.sackedBytes === 0) return;
  const records = tcb.env.records;
  const mss = tcb.snd.mss;
  let above = 0;
  for (let r = tcb.tail; r !== NONE; r = records.prev[r]!) {
    const flags = records.flags[r]!;
    if (flags & SACKED) above += Math.ceil(diff(records.end[r]!, records.start[r]!) / mss);
    else if (above >= tcb.params.dupThresh && (flags & LOST) === 0) markLost(tcb, r, cause, now);
  }
}

/** The first segment that is not acknowledged is lost (NewReno: three duplicates, or a partial ACK). */
export function markHeadLost(tcb: Tcb, cause: number, now: number): void {
  const records = tcb.env.records;
  const r = tcb.head;
  if (r === NONE || records.flags[r]! & (SACKED | LOST)) return;
  const end = (records.start[r]! + tcb.snd.mss) | 0;
  if (lt(end, records.end[r]!) && mayRecord(tcb)) splitAt(tcb, r, end);
  markLost(tcb, r, cause, now);
}

/** A timeout: everything that the peer has not SACKed is lost, retransmissions too (RFC 6298 §5, RFC 6675 §5.1). */
export function markAllLost(tcb: Tcb, cause: number, now: number): void {
  const records = tcb.env.records;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) {
    const flags = records.flags[r]!;
    if (flags & SACKED || (tcb.rackOn && !isOverdue(tcb, r, now))) continue;
    if (flags & RESENT) tcb.resentBytes -= diff(records.end[r]!, records.start[r]!);
    records.flags[r] = flags & ~RESENT;
    if ((flags & LOST) === 0) markLost(tcb, r, cause, now);
  }
}

/** Notes that record r was sent again as a probe, although nothing says that it was lost. */
export function probed(tcb: Tcb, r: number, now: number): void {
  const records = tcb.env.records;
  records.flags[r] = records.flags[r]! | AMBIGUOUS;
  records.time[r] = now;
  if (records.sends[r]! < 255) records.sends[r] = records.sends[r]! + 1;
}

/**
 * RFC 2018 §8: the peer may have thrown away what it SACKed. When the timer fires and the head is SACKed, it has.
 */
export function forgetSacks(tcb: Tcb): void {
  const records = tcb.env.records;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) records.flags[r] = records.flags[r]! & ~SACKED;
  tcb.sackedBytes = 0;
}

/** The first record that is lost and not resent since, or NONE. */
export function nextLost(tcb: Tcb): number {
  if (tcb.lostBytes === tcb.resentBytes) return NONE;
  const records = tcb.env.records;
  let r = tcb.head;
  while (r !== NONE && (records.flags[r]! & (LOST | RESENT)) !== LOST) r = records.next[r]!;
  return r;
}

/** RFC 9293 §3.7.4: small segments behind a lost one ride along when it is sent again, as far as one segment has room. */
export function collapse(tcb: Tcb, r: number, mss: number): void {
  const records = tcb.env.records;
  for (;;) {
    const s = records.next[r]!;
    if (tcb.snd.ends.length > 0 && isRecordEnd(tcb, records.end[r]!)) return;
    if (s === NONE || records.flags[s]! & (SACKED | RESENT) || records.flags[r]! & (HAS_FIN | HAS_SYN)) return;
    const n = diff(records.end[s]!, records.start[s]!);
    const fin = records.flags[s]! & HAS_FIN ? 1 : 0;
    if (diff(records.end[r]!, records.start[r]!) + n - fin > mss) return;
    if (!(records.flags[s]! & LOST)) tcb.lostBytes += n;
    records.flags[r] = records.flags[r]! | records.flags[s]!;
    records.end[r] = records.end[s]!;
    const after = records.next[s]!;
    records.next[r] = after;
    if (after === NONE) tcb.tail = r;
    else records.prev[after] = r;
    records.free(s);
    tcb.records--;
  }
}

/** Notes that record r was sent again. */
export function resent(tcb: Tcb, r: number, now: number): void {
  const records = tcb.env.records;
  const flags = records.flags[r]!;
  if ((flags & RESENT) === 0) {
    const n = diff(records.end[r]!, records.start[r]!);
    tcb.resentBytes += n;
    if ((flags & LOST) === 0) tcb.lostBytes += n;
  }
  records.flags[r] = flags | LOST | RESENT | AMBIGUOUS;
  records.time[r] = now;
  if (records.sends[r]! < 255) records.sends[r] = records.sends[r]! + 1;
}

/** Gives every record back: the connection is gone. */
export function release(tcb: Tcb): void {
  const records = tcb.env.records;
  let r = tcb.head;
  while (r !== NONE) {
    const next = records.next[r]!;
    records.free(r);
    r = next;
  }
  tcb.head = NONE;
  tcb.tail = NONE;
  tcb.records = 0;
  tcb.sackedBytes = 0;
  tcb.lostBytes = 0;
  tcb.resentBytes = 0;
  tcb.renoSacked = 0;
}
