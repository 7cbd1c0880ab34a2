/**
 * How much of a piece is sent at once, and when it waits for more data: Nagle, super-segments of one millisecond's worth, and
 * super-segments that may still grow.
 */
import { MILLISECOND } from "#base/time";
import { superSegments } from "../congestion/pacing.ts";
import { cwndOf, inFlight } from "../loss/cwnd.ts";
import { NONE } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import { PUSH_ALL, PUSH_WHOLE } from "../words/variables.ts";

/** Data of at least this fraction of the window does not wait. */
const WINDOW_DIVISOR = 3;

/**
 * Whether a small segment waits: for more data announced by SEND, because of TCP_CORK, or by Nagle while another small one is in flight
 * (Minshall).
 */
function smallWaits(tcb: Tcb, what: number): boolean {
  const { snd, params } = tcb;
  if (what === PUSH_ALL) return false;
  if (what === PUSH_WHOLE) return true;
  if (snd.flushing) return false;
  if (snd.cork) return true;
  if (params.nagle === "off" || tcb.board.packetsOut === 0) return false;
  return params.nagle === "rfc896" || (gt(snd.small, snd.una) && !gt(snd.small, snd.nxt));
}

/**
 * Whether a single segment may be sent.
 * @param last nothing is queued after it
 */
export function mayGo(tcb: Tcb, n: number, mss: number, last: boolean, fin: boolean): boolean {
  return !last || fin || tcb.snd.urgent || n >= mss || !smallWaits(tcb, tcb.output.push);
}

/**
 * How many octets of a piece of `n` octets, more than one segment, are sent now.
 * @param last nothing is queued after it
 */
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

/** Why a super-segment that may still grow is held back. */
class Deferral {
  byCwnd = false;
}

/** The state of the connection being polled. */
export const deferral = new Deferral();

/**
 * Whether a piece of several segments waits for the next ACK, which allows more of it to be sent at once.
 * @param n its octets
 * @param last nothing is queued after it
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
  // Do not wait for an ACK that is expected later than this.
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
