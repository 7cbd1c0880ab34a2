/** How much of a piece goes at once, and when it waits for more: Nagle, super-segments of a millisecond's size, and those that may yet grow. */
import { MILLISECOND } from "#base/time";
import { cwndOf, inFlight } from "../loss/cwnd.ts";
import { NONE } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import { PUSH_ALL, PUSH_WHOLE } from "../words/variables.ts";

const SUPER_MAX = 65_215;
/** Of the window: what is at least so large is not worth waiting for. */
const WINDOW_DIVISOR = 3;

/** Segments of the largest super-segment that is sent now: a millisecond's worth, more on short paths. */
export function superSegments(tcb: Tcb, mss: number): number {
  const near = Math.floor(tcb.rttMin / 512);
  const octets = Math.floor(tcb.rtt.rate / 1024) + (near < 32 ? Math.floor(SUPER_MAX / 2 ** near) : 0);
  return Math.max(Math.floor(Math.min(octets, SUPER_MAX) / mss), tcb.params.growing.superSegmentMin, 1);
}

/** A small segment waits: for the rest that SEND announced, corked, or by Nagle while another small one is in flight (Minshall). */
function smallWaits(tcb: Tcb, what: number): boolean {
  const { snd, params } = tcb;
  if (what === PUSH_ALL) return false;
  if (what === PUSH_WHOLE) return true;
  if (snd.flushing) return false;
  if (snd.cork) return true;
  if (params.nagle === "off" || tcb.board.packetsOut === 0) return false;
  return params.nagle === "rfc896" || (gt(snd.small, snd.una) && !gt(snd.small, snd.nxt));
}

/** Whether a single segment may go. @param last nothing is queued behind it */
export function mayGo(tcb: Tcb, n: number, mss: number, last: boolean, fin: boolean): boolean {
  return !last || fin || tcb.snd.urgent || n >= mss || !smallWaits(tcb, tcb.output.push);
}

/** How much of a piece of `n` octets goes now, of more than one segment. @param last nothing is queued behind it */
export function splitPoint(tcb: Tcb, n: number, mss: number, quota: number, last: boolean): number {
  const { snd } = tcb;
  const window = diff((snd.una + snd.wnd) | 0, snd.nxt);
  const most = mss * quota;
  if (most <= window && !last) return most;
  const needed = Math.min(n, window);
  if (most <= needed) return most;
  const small = needed % mss;
  return small > 0 && smallWaits(tcb, tcb.output.push) ? needed - small : needed;
}

/** What holds back a super-segment that may yet grow. */
class Deferral {
  byCwnd = false;
}

/** That of the connection that is polled. */
export const deferral = new Deferral();

/**
 * Whether a piece of several segments waits for the next ACK, which will let more of it go at once.
 * @param n its octets
 * @param last nothing is queued behind it
 * @param closed nothing will be appended to it
 */
export function waitsToGrow(tcb: Tcb, n: number, mss: number, last: boolean, closed: boolean, now: number): boolean {
  const { snd, cc, env } = tcb;
  deferral.byCwnd = false;
  if (cc.phase >= CA_RECOVERY) return false;
  // Only within a burst.
  if (now - tcb.output.lastSent >= MILLISECOND) return false;
  const byWindow = diff((snd.una + snd.wnd) | 0, snd.nxt);
  const byCwnd = (cwndOf(tcb) - inFlight(tcb)) * mss;
  const most = Math.min(byWindow, byCwnd);
  if (most >= superSegments(tcb, mss) * mss || (!last && most >= n)) return false;
  if (most >= Math.floor(Math.min(snd.wnd, cwndOf(tcb) * mss) / WINDOW_DIVISOR)) return false;
  if (tcb.board.head === NONE) return false;
  // Not for an ACK that is further away than this.
  const expected = env.records.time[tcb.board.head]! + tcb.rtt.srtt8 / 8;
  if (expected - now > Math.min(tcb.rtt.srtt8 / 16, MILLISECOND)) return false;
  if (byCwnd < byWindow) {
    if (byCwnd <= n) {
      deferral.byCwnd = true;
      return true;
    }
  } else if (byWindow <= n) return true;
  return !closed;
}
