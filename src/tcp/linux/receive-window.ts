/** The window that Linux offers: of the free memory the share that is text, and never less than before. */
import type { Segment } from "../segment.ts";
import { diff, gt } from "../seq.ts";
import type { Tcb } from "../tcb.ts";
import { announcedMss, unscaledWindow } from "../window.ts";
import { sizeOf } from "./memory.ts";
import type { ReceivedVariables } from "./received.ts";

/** A window never goes below what a buffer of the smallest size has room for. */
const CLAMP_MIN = 1_152;

/** Text that so much memory has room for. */
function textIn(v: ReceivedVariables, memory: number): number {
  return Math.floor((memory * v.share) / 256);
}

/** RCV.BUFF in memory: Linux counts twice what the user asks for, and has a least. */
function buffer(tcb: Tcb): number {
  return 2 * Math.max(tcb.rcv.capacity, CLAMP_MIN);
}

/** What the SYNs offered. */
export function firstWindow(tcb: Tcb): number {
  return unscaledWindow(tcb.params, tcb.rcv.capacity, announcedMss(tcb), tcb.timestampsOk);
}

function segmentAnnounced(tcb: Tcb): number {
  return announcedMss(tcb) - (tcb.timestampsOk ? 12 : 0);
}

export function begin(tcb: Tcb, v: ReceivedVariables): void {
  const segment = segmentAnnounced(tcb);
  const whole = textIn(v, buffer(tcb));
  v.clamp = Math.min(whole, 0xffff << tcb.rcv.shift);
  // One segment is kept back.
  if (v.clamp > 2 * segment && v.clamp + segment > whole) v.clamp = Math.max(2 * segment, whole - segment);
  v.most = Math.min(firstWindow(tcb), v.clamp);
}

/** A segment is larger than any before: what share of memory is text is known better. */
export function learnShare(tcb: Tcb, v: ReceivedVariables, seg: Segment): void {
  const share = Math.max(1, Math.floor((seg.n * 256) / sizeOf(tcb, seg)));
  if (share === v.share) return;
  v.share = share;
  const clamp = Math.max(CLAMP_MIN, textIn(v, buffer(tcb)));
  if (clamp === v.clamp) return;
  const less = clamp < v.clamp;
  v.clamp = clamp;
  const offered = diff(tcb.rcv.adv, tcb.rcv.acked);
  v.most = less ? Math.min(v.most, clamp) : Math.max(v.most, Math.min(offered, clamp));
}

/**
 * A segment was kept whose like would fit as well: more may be offered. Returns whether it is.
 * @param used the memory that counts
 */
export function widen(tcb: Tcb, v: ReceivedVariables, seg: Segment, used: number): boolean {
  const space = Math.min(v.clamp, textIn(v, buffer(tcb) - used)) - v.most;
  if (space <= 0) return false;
  const size = sizeOf(tcb, seg);
  let more = textIn(v, size) <= seg.n ? 2 * segmentAnnounced(tcb) : halved(tcb, v, size, seg.n);
  if (more === 0) return false;
  more = Math.max(more, 2 * seg.n);
  v.most += Math.min(space, more);
  return true;
}

/** Small segments waste memory: they widen the window only while it is small against the largest buffer there may be. */
function halved(tcb: Tcb, v: ReceivedVariables, size: number, n: number): number {
  let memory = textIn(v, size) >> 1;
  let window = textIn(v, tcb.params.receiveBufferMax) >> 1;
  while (v.most <= window) {
    if (memory <= n) return 2 * tcb.rcv.mss;
    memory >>= 1;
    window >>= 1;
  }
  return 0;
}

/** What could be offered now. */
export function possible(tcb: Tcb, v: ReceivedVariables): number {
  const { rcv } = tcb;
  const whole = textIn(v, buffer(tcb));
  let free = textIn(v, buffer(tcb) - v.used);
  const full = Math.min(v.clamp, whole);
  const mss = Math.min(rcv.mss, full);
  if (mss <= 0) return 0;
  const step = 1 << rcv.shift;
  if (free < full >> 1) {
    // Little is left: there is no hurry any more.
    tcb.quickAcks = 0;
    free -= free % step;
    if (free < whole >> 4 || free < mss) return 0;
  }
  free = Math.min(free, v.most);
  if (rcv.shift > 0) return Math.ceil(free / step) * step;
  const window = diff(rcv.adv, rcv.acked);
  if (window <= free - mss || window > free) return free - (free % mss);
  return mss === full && free > window + (full >> 1) ? free : window;
}

/** What is left of what was offered. */
export function offered(tcb: Tcb): number {
  return Math.max(0, diff(tcb.rcv.adv, tcb.rcv.nxt));
}

export function advertise(tcb: Tcb, v: ReceivedVariables): number {
  const { rcv } = tcb;
  const current = offered(tcb);
  let window = possible(tcb, v);
  if (window < current) window = Math.ceil(current / (1 << rcv.shift)) << rcv.shift;
  const field = Math.min(window, 0xffff << rcv.shift) >> rcv.shift;
  const right = (rcv.nxt + window) | 0;
  if (gt(right, rcv.adv)) rcv.adv = right;
  return field;
}
