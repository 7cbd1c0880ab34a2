/** Congestion window validation: cwnd grows only while it limits the sender, and decays while it does not (RFC 2861; RFC 7661 §1 says why). */

import { choosePacing } from "../congestion/pacing.ts";
import * as M from "../words/marks.ts";
import { lt } from "../words/seq.ts";
import { CA_OPEN, type Tcb } from "../words/tcb.ts";
import { cwndOf, inFlight, SSTHRESH_INFINITE, setCwnd, setSsthresh, ssthreshOf } from "./cwnd.ts";
import { currentSsthresh, traceCwnd } from "./reduction.ts";

/**
 * Sets the initial window (RFC 6928), or one segment if the SYN was retransmitted twice (RFC 5681 §3.1). One retransmission does not count: with an
 * RTO of 1 s it may be spurious.
 */
export function start(tcb: Tcb, synRetransmissions: number, now: number): void {
  const { cc } = tcb;
  setCwnd(tcb, synRetransmissions > 1 ? 1 : tcb.params.growing.initialWindow);
  setSsthresh(tcb, SSTHRESH_INFINITE);
  cc.recover = tcb.snd.iss;
  tcb.congestion.reset(tcb, now);
  choosePacing(tcb);
}

function isLimited(tcb: Tcb): boolean {
  if (tcb.usage.limited) return true;
  const cwnd = cwndOf(tcb);
  return cwnd < ssthreshOf(tcb) && cwnd < 2 * tcb.usage.maxPacketsOut;
}

/** Grows cwnd for `n` segments that were delivered while no reduction was under way. */
export function grow(tcb: Tcb, n: number, now: number): void {
  tcb.usage.at = now;
  if (!isLimited(tcb)) return;
  const cwnd = cwndOf(tcb);
  const ssthresh = ssthreshOf(tcb);
  let rest = n;
  if (cwnd < ssthresh) {
    rest = tcb.congestion.slowStart?.(tcb, n) ?? n;
    const grown = Math.min(cwnd + rest, ssthresh);
    setCwnd(tcb, grown);
    rest -= grown - cwnd;
    traceCwnd(tcb, M.CC_SLOW_START, now);
    if (rest <= 0) return;
  }
  tcb.congestion.avoid(tcb, rest * tcb.snd.mss, now);
  traceCwnd(tcb, M.CC_AVOIDANCE, now);
}

/** Called after segments were sent: notes whether cwnd limited the sender. @param refused cwnd kept data from being sent */
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
  if (tcb.congestion.control !== undefined) return;
  if (tcb.params.growing.slowStartAfterIdle && now - tcb.usage.at >= tcb.rto) decay(tcb, now);
}

/** RFC 2861 §3: the sender did not use all of cwnd for an RTO, so cwnd becomes the mean of itself and what was used. */
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

/** RFC 2861 §3: halves cwnd for each RTO in which nothing was sent, down to the initial window. */
export function restartAfterIdle(tcb: Tcb, now: number): void {
  if (!tcb.params.growing.slowStartAfterIdle || tcb.board.packetsOut > 0) return;
  if (tcb.congestion.control !== undefined) return;
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

/** Called before the first segment after an idle time: congestion control does not count that time (RFC 9438 §5.8). */
export function excludeIdleTime(tcb: Tcb, now: number): void {
  if (inFlight(tcb) === 0) tcb.congestion.idle(tcb, now - tcb.lastSendTime, now);
}
