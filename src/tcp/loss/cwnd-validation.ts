/** Is cwnd used at all? It grows only where it holds the sender back, and decays where it does not (RFC 7661's concern, RFC 2861's way). */

import * as M from "../words/marks.ts";
import { lt } from "../words/seq.ts";
import { CA_OPEN, type Tcb } from "../words/tcb.ts";
import { cwndOf, inFlight, SSTHRESH_INFINITE, setCwnd, setSsthresh, ssthreshOf } from "./cwnd.ts";
import { currentSsthresh, traceCwnd } from "./reduction.ts";

/** RFC 6928: the initial window; one segment where the SYN was lost twice (RFC 5681 §3.1; one loss may be spurious with an RTO of 1 s). */
export function start(tcb: Tcb, synRetransmissions: number): void {
  const { cc } = tcb;
  setCwnd(tcb, synRetransmissions > 1 ? 1 : tcb.params.growing.initialWindow);
  setSsthresh(tcb, SSTHRESH_INFINITE);
  cc.recover = tcb.snd.iss;
  tcb.congestion.reset(tcb);
}

function isLimited(tcb: Tcb): boolean {
  if (tcb.usage.limited) return true;
  const cwnd = cwndOf(tcb);
  return cwnd < ssthreshOf(tcb) && cwnd < 2 * tcb.usage.maxPacketsOut;
}

/** `n` segments were delivered outside of any reduction. */
export function grow(tcb: Tcb, n: number, now: number): void {
  tcb.usage.at = now;
  if (!isLimited(tcb)) return;
  const cwnd = cwndOf(tcb);
  const ssthresh = ssthreshOf(tcb);
  let rest = n;
  if (cwnd < ssthresh) {
    const grown = Math.min(cwnd + n, ssthresh);
    setCwnd(tcb, grown);
    rest -= grown - cwnd;
    traceCwnd(tcb, M.CC_SLOW_START, now);
    if (rest <= 0) return;
  }
  tcb.congestion.avoid(tcb, rest * tcb.snd.mss, now);
  traceCwnd(tcb, M.CC_AVOIDANCE, now);
}

/** A round of sending is over. @param refused cwnd let something wait */
export function validate(tcb: Tcb, refused: boolean, now: number): void {
  const limited = refused || inFlight(tcb) >= cwndOf(tcb);
  if (tcb.output.pushed === 0 && !limited) return;
  const { snd } = tcb;
  if (
    !lt(snd.una, tcb.usage.end) ||
    limited ||
    (!tcb.usage.limited && tcb.board.packetsOut > tcb.usage.maxPacketsOut)
  ) {
    tcb.usage.limited = limited;
    tcb.usage.maxPacketsOut = tcb.board.packetsOut;
    tcb.usage.end = snd.nxt;
  }
  if (isLimited(tcb)) {
    tcb.usage.used = 0;
    tcb.usage.at = now;
    return;
  }
  if (tcb.board.packetsOut > tcb.usage.used) tcb.usage.used = tcb.board.packetsOut;
  if (tcb.params.growing.slowStartAfterIdle && now - tcb.usage.at >= tcb.rto) decay(tcb, now);
}

/** A round trip's time-out in which cwnd was not used: it comes down half way to what was. */
function decay(tcb: Tcb, now: number): void {
  if (tcb.cc.phase === CA_OPEN) {
    const used = Math.max(tcb.usage.used, tcb.params.growing.initialWindow);
    const cwnd = cwndOf(tcb);
    if (used < cwnd) {
      setSsthresh(tcb, currentSsthresh(tcb));
      setCwnd(tcb, (cwnd + used) >> 1);
      traceCwnd(tcb, M.CC_IDLE, now);
    }
    tcb.usage.used = 0;
  }
  tcb.usage.at = now;
}

/** RFC 2861: cwnd halves for each RTO of silence, down to the initial window. */
export function restartAfterIdle(tcb: Tcb, now: number): void {
  if (!tcb.params.growing.slowStartAfterIdle || tcb.board.packetsOut > 0) return;
  const idle = now - Math.max(tcb.lastSendTime, tcb.openedAt);
  if (idle <= tcb.rto) return;
  let cwnd = cwndOf(tcb);
  setSsthresh(tcb, currentSsthresh(tcb));
  const least = Math.min(tcb.params.growing.initialWindow, cwnd);
  for (let left = idle - tcb.rto; left > 0 && cwnd > least; left -= tcb.rto) cwnd >>= 1;
  setCwnd(tcb, Math.max(cwnd, least));
  tcb.usage.at = now;
  tcb.usage.used = 0;
  traceCwnd(tcb, M.CC_IDLE, now);
}

/** The first segment after silence: a clock that drives growth stood still meanwhile. */
export function beganToSend(tcb: Tcb, now: number): void {
  if (inFlight(tcb) === 0) tcb.congestion.idle(tcb, now - tcb.lastSendTime, now);
}
