/** Receive window management (RFC 9293 §3.8.6): what we advertise, and when an opening is worth an ACK of its own. */
import type { TcpParams } from "./params.ts";
import { diff, gt } from "./seq.ts";
import { SYN_RECEIVED } from "./state.ts";
import type { Tcb } from "./tcb.ts";

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

/** What a SYN or SYN,ACK offers. @param timestamps whether the segments that are offered room for carry timestamps. */
export function synWindow(tcb: Tcb, timestamps: boolean): number {
  return unscaledWindow(tcb.params, room(tcb), announcedMss(tcb), timestamps);
}

/** The same where there is no connection yet. @param free octets that there is room for. @param mss what we announce */
export function unscaledWindow(params: Readonly<TcpParams>, free: number, mss: number, timestamps: boolean): number {
  const window = Math.min(free, 0xffff);
  if (params.receiver === "rfc") return window;
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
 * After a read: whether the window that could be offered is so much larger than the one the peer knows that it should be
 * told without waiting for data to acknowledge. Twice as large, and by at least the step of MUST-39: that is few ACKs for a fast reader, and
 * one at once for a peer that waits.
 */
export function worthAnUpdate(tcb: Tcb): boolean {
  const rcv = tcb.rcv;
  const current = Math.max(0, diff(rcv.adv, rcv.nxt));
  // More than the field can say is not worth saying.
  const possible = Math.min(room(tcb), 0xffff << rcv.shift);
  return possible >= 2 * current && possible - current >= Math.min(rcv.capacity >> 1, Math.max(rcv.mss, 1));
}

/** The shift we offer: the smallest with which the window field can express `octets` (RFC 7323 §2.2). */
export function scaleFor(octets: number): number {
  let shift = 0;
  while (shift < 14 && octets >> shift > 0xffff) shift++;
  return shift;
}
