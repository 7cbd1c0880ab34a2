/** Receive window management (RFC 9293 §3.8.6): what we advertise, and when an opening is worth an ACK of its own. */
import type { TcpParams } from "../words/params.ts";
import { diff, gt } from "../words/seq.ts";
import { SYN_RECEIVED } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";

/** Octets that RCV.BUFF has room for beyond RCV.NXT. */
export function room(tcb: Tcb): number {
  return Math.max(0, tcb.rcv.capacity - tcb.rcv.unread);
}

/**
 * The window field for a segment sent now, and with it the new right edge. The edge moves right only in steps of
 * min(RCV.BUFF / 2, MSS) (MUST-39) and never left (SHLD-14): scaling rounds it up where rounding down would shrink it. But
 * each rounding gives some octets away, and many small segments would push the edge on for ever past a user who does not
 * read: an eighth of RCV.BUFF is given, then it is rounded down (RFC 7323 §2.4). What was offered stays acceptable.
 */
export function advertise(tcb: Tcb): number {
  const rcv = tcb.rcv;
  if (tcb.params.buffering.linuxWindow) return advertiseAsLinux(tcb);
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  const possible = room(tcb);
  const step = Math.min(rcv.capacity >> 1, Math.max(rcv.mss, 1));
  let field = possible >> rcv.shift;
  if (possible < current + step) {
    const up = Math.ceil(current / (1 << rcv.shift));
    field = up << rcv.shift <= rcv.capacity + (rcv.capacity >> 3) - rcv.unread ? up : current >> rcv.shift;
  }
  field = Math.min(field, 0xffff);
  const right = (rcv.nxt + (field << rcv.shift)) | 0;
  if (gt(right, rcv.adv)) rcv.adv = right;
  return field;
}

/**
 * The window that Linux would offer now (__tcp_select_window): the free space, less a segment of a whole buffer, in steps of
 * the scale, or of the peer's segments where there is none; nothing where less than a sixteenth is free.
 */
function linuxWindow(tcb: Tcb): number {
  const { rcv } = tcb;
  const full = rcv.capacity;
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

/** The larger of that and what was offered before (tcp_select_window). */
export function selectedWindow(tcb: Tcb): number {
  const { rcv } = tcb;
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  const next = linuxWindow(tcb);
  return Math.min(next < current ? roundUp(current, 1 << rcv.shift) : next, 0xffff << rcv.shift);
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

/** What a SYN or SYN,ACK offers. @param timestamps whether the segments that are offered room for carry timestamps. */
export function synWindow(tcb: Tcb, timestamps: boolean): number {
  return unscaledWindow(tcb.params, room(tcb), announcedMss(tcb), timestamps);
}

/** The same where there is no connection yet. @param free octets that there is room for. @param mss what we announce */
export function unscaledWindow(params: Readonly<TcpParams>, free: number, mss: number, timestamps: boolean): number {
  const window = Math.min(free, 0xffff);
  if (!params.buffering.linuxWindow) return window;
  const segment = mss - (timestamps ? 12 : 0);
  return window < segment ? window : window - (window % segment);
}

/** The MSS option: what fits the path less the fixed headers (MUST-67), less if the user asked for less. */
export function announcedMss(tcb: Tcb): number {
  const { mss } = tcb.params;
  return mss > 0 ? Math.min(mss, tcb.localMss) : tcb.localMss;
}

/** The window of a SYN is never scaled (RFC 7323 §2.2). */
export function advertiseUnscaled(tcb: Tcb): number {
  const rcv = tcb.rcv;
  const field = synWindow(tcb, tcb.state === SYN_RECEIVED && tcb.timestampsOk);
  const right = (rcv.nxt + field) | 0;
  // In SYN-RECEIVED an ACK may have offered more already.
  if (gt(right, rcv.adv)) rcv.adv = right;
  return field;
}

/**
 * After a read: whether so much more can be offered than the peer knows that it should be told without waiting for data to acknowledge. By
 * the step of MUST-39 at least; twice as much means few ACKs for a fast reader, and one at once for a peer that waits.
 */
export function worthAnUpdate(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  // More than the field can say is not worth saying.
  const possible = Math.min(room(tcb), 0xffff << rcv.shift);
  const more = possible - current;
  const mss = Math.max(rcv.mss, 1);
  if (more < Math.min(rcv.capacity >> 1, mss)) return false;
  if (possible >= 2 * current) return true;
  return params.acknowledging.windowUpdates === "quarter" && more >= Math.max(2 * mss, rcv.capacity >> 2);
}

/** The shift we offer: the smallest with which the window field can express `octets` (RFC 7323 §2.2). */
export function scaleFor(octets: number): number {
  let shift = 0;
  while (shift < 14 && octets >> shift > 0xffff) shift++;
  return shift;
}
