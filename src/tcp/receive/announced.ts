/** What our SYN announces about receiving: the MSS, the window and its scale (RFC 9293 §3.7.1, RFC 7323 §2). */
import type { TcpParams } from "../words/params.ts";
import type { Tcb } from "../words/tcb.ts";
import { room } from "./share.ts";

/** The window of a SYN or SYN,ACK. @param timestamps the peer's segments will carry timestamps */
export function synWindow(tcb: Tcb, timestamps: boolean): number {
  return unscaledWindow(tcb.params, room(tcb), announcedMss(tcb), timestamps);
}

/** Like `synWindow`, before there is a connection. @param free free octets of the buffer. @param mss our MSS option */
export function unscaledWindow(params: Readonly<TcpParams>, free: number, mss: number, timestamps: boolean): number {
  const window = Math.min(free, 0xffff);
  if (!params.buffering.linuxWindow) return window;
  const segment = mss - (timestamps ? 12 : 0);
  return window < segment ? window : window - (window % segment);
}

/** The value of our MSS option: the MTU less the fixed headers (MUST-67), or the user's limit if that is smaller. */
export function announcedMss(tcb: Tcb): number {
  const { mss } = tcb.params;
  return mss > 0 ? Math.min(mss, tcb.localMss) : tcb.localMss;
}

/** The window scale that we offer: the smallest shift with which the field can express `octets` (RFC 7323 §2.2). */
export function scaleFor(octets: number): number {
  let shift = 0;
  while (shift < 14 && octets >> shift > 0xffff) shift++;
  return shift;
}
