/** The receive window (RFC 9293 §3.8.6): which window is advertised, and when a larger one is worth an ACK of its own. */
import { diff, gt } from "../words/seq.ts";
import { SYN_RECEIVED } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";
import { announcedMss, synWindow } from "./announced.ts";
import { memoryRoom, memoryWindow, worthAMemoryUpdate } from "./memory-window.ts";
import { buffer, room } from "./share.ts";

/** Whether the receive buffer counts the memory of segments instead of their payload. */
export function countsMemory(tcb: Tcb): boolean {
  return tcb.params.buffering.receiveBufferCounts === "memory";
}

/** Octets of text that still fit in the receive buffer. */
export function windowRoom(tcb: Tcb): number {
  return countsMemory(tcb) ? Math.max(0, memoryRoom(tcb)) : room(tcb);
}

/** The largest window that is offered by now, if all of the buffer is free. */
export function largestWindow(tcb: Tcb): number {
  return Math.min(countsMemory(tcb) ? tcb.rcv.ssthresh : buffer(tcb), 0xffff << tcb.rcv.shift);
}

/** Whether an ACK sent now could offer at least the window that the last one did. */
export function canOfferAgain(tcb: Tcb): boolean {
  const { rcv } = tcb;
  return (countsMemory(tcb) ? memoryWindow(tcb) : selectedWindow(tcb)) >= diff(rcv.adv, rcv.acked);
}

/**
 * Returns the window field for a segment sent now, and advances the right edge. The edge moves right only in steps of
 * min(RCV.BUFF / 2, MSS) (MUST-39) and never left (SHLD-14): if rounding down to the scale would shrink the window, it is rounded up. Each
 * rounding up offers some octets too many, and many small segments would add them up while the user does not read. So after an eighth of
 * RCV.BUFF it is rounded down (RFC 7323 §2.4). Data within a window that was offered before stays acceptable.
 */
export function advertise(tcb: Tcb): number {
  const rcv = tcb.rcv;
  if (tcb.params.buffering.linuxWindow || countsMemory(tcb)) return advertiseAsLinux(tcb);
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  const possible = room(tcb);
  const step = Math.min(buffer(tcb) >> 1, Math.max(rcv.mss, 1));
  let field = possible >> rcv.shift;
  if (possible < current + step) {
    field = keptWindow(tcb, current) >> rcv.shift;
  }
  field = Math.min(field, 0xffff);
  const right = (rcv.nxt + (field << rcv.shift)) | 0;
  if (gt(right, rcv.adv)) rcv.adv = right;
  return field;
}

/**
 * The window that Linux would offer now (__tcp_select_window): the free space, at most the buffer less one segment, rounded to the scale, or
 * without scaling to the peer's segment size; 0 if less than a sixteenth of the buffer or less than a segment is free.
 */
function linuxWindow(tcb: Tcb): number {
  if (countsMemory(tcb)) return memoryWindow(tcb);
  const { rcv } = tcb;
  const full = buffer(tcb);
  const mss = Math.min(rcv.mss, full);
  const announced = announcedMss(tcb);
  let free = room(tcb);
  if (free < full >> 1 && (free < full >> 4 || free < mss)) return 0;
  free = Math.min(free, Math.max(full - announced, 2 * announced));
  if (rcv.shift > 0) return roundUp(free, 1 << rcv.shift);
  const window = diff(rcv.adv, rcv.acked);
  if (window <= free - mss || window > free) return free - (free % mss);
  return mss === full && free > window + (full >> 1) ? free : window;
}

/** The larger of `linuxWindow` and the window that was offered before (tcp_select_window). */
function selectedWindow(tcb: Tcb): number {
  const { rcv } = tcb;
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  const next = linuxWindow(tcb);
  return Math.min(next < current ? keptWindow(tcb, current) : next, 0xffff << rcv.shift);
}

/**
 * The window that was offered before, rounded up to the scale. A peer that sends octet by octet to a user who does not read would be offered
 * octets for ever this way, so after an eighth of RCV.BUFF it is rounded down, unless the memory is counted and limits it.
 */
function keptWindow(tcb: Tcb, current: number): number {
  const { rcv } = tcb;
  const up = roundUp(current, 1 << rcv.shift);
  if (countsMemory(tcb) || up <= rcv.capacity + (rcv.capacity >> 3) - rcv.unread) return up;
  return (current >> rcv.shift) << rcv.shift;
}

function advertiseAsLinux(tcb: Tcb): number {
  const { rcv } = tcb;
  const window = selectedWindow(tcb);
  const right = (rcv.nxt + window) | 0;
  if (gt(right, rcv.adv)) rcv.adv = right;
  return window >> rcv.shift;
}

function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

/** Returns the window field of a SYN, which is never scaled (RFC 7323 §2.2), and advances the right edge. */
export function advertiseUnscaled(tcb: Tcb): number {
  const rcv = tcb.rcv;
  const field = synWindow(tcb, tcb.state === SYN_RECEIVED && tcb.timestampsOk);
  const right = (rcv.nxt + field) | 0;
  // In SYN-RECEIVED an ACK may already have offered more.
  if (gt(right, rcv.adv)) rcv.adv = right;
  return field;
}

/**
 * True if after a read the window has grown so much that a window update is sent. It must have grown by the step of MUST-39, and (by
 * `windowUpdates`) doubled: a fast reader then causes few ACKs, and a peer that waits at a closed window gets one at once.
 */
export function worthAnUpdate(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  if (countsMemory(tcb)) return worthAMemoryUpdate(tcb);
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  // The window field cannot express more than this.
  const possible = Math.min(room(tcb), 0xffff << rcv.shift);
  const more = possible - current;
  const mss = Math.max(rcv.mss, 1);
  if (more < Math.min(buffer(tcb) >> 1, mss)) return false;
  if (possible >= 2 * current) return true;
  return params.acknowledging.windowUpdates === "quarter" && more >= Math.max(2 * mss, buffer(tcb) >> 2);
}
