/** Is cwnd used at all? It grows only where it holds the sender back, and decays where it does not (RFC 7661's concern, RFC 2861's way). */
import * as M from "../marks.ts";
import { lt } from "../seq.ts";
import { CA_OPEN, type Tcb } from "../tcb.ts";
import { queueEnd } from "./queue.ts";
import { currentSsthresh, traceCwnd } from "./reduction.ts";
import { updateRate } from "./round-trip.ts";
import { recount } from "./scoreboard.ts";
import {
  cwndOf,
  inFlight,
  type LinuxVariables,
  SSTHRESH_INFINITE,
  setCwnd,
  setSsthresh,
  ssthreshOf,
} from "./variables.ts";

/** RFC 6928: the initial window; one segment where the SYN was lost twice (RFC 5681 §3.1; one loss may be spurious with an RTO of 1 s). */
export function start(tcb: Tcb, synRetransmissions: number): void {
  const { cc } = tcb;
  setCwnd(tcb, synRetransmissions > 1 ? 1 : tcb.params.initialWindow);
  setSsthresh(tcb, SSTHRESH_INFINITE);
  cc.recover = tcb.snd.iss;
  tcb.congestion.reset(tcb);
}

/** The handshake is over: what was sent in it is counted, in segments as they are now. */
export function begin(tcb: Tcb): void {
  const lx = tcb.linux;
  recount(tcb);
  updateRate(tcb, lx);
  lx.usageEnd = tcb.snd.una;
  if (tcb.snd.queued === 0) lx.pushEnd = queueEnd(tcb);
}

function isLimited(tcb: Tcb, lx: LinuxVariables): boolean {
  if (lx.cwndLimited) return true;
  const cwnd = cwndOf(tcb);
  return cwnd < ssthreshOf(tcb) && cwnd < 2 * lx.maxPacketsOut;
}

/** `n` segments were delivered outside of any reduction. */
export function grow(tcb: Tcb, lx: LinuxVariables, n: number, now: number): void {
  lx.usedAt = now;
  if (!isLimited(tcb, lx)) return;
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
export function validate(tcb: Tcb, lx: LinuxVariables, refused: boolean, now: number): void {
  const limited = refused || inFlight(lx) >= cwndOf(tcb);
  if (lx.pushed === 0 && !limited) return;
  const { snd } = tcb;
  if (!lt(snd.una, lx.usageEnd) || limited || (!lx.cwndLimited && lx.packetsOut > lx.maxPacketsOut)) {
    lx.cwndLimited = limited;
    lx.maxPacketsOut = lx.packetsOut;
    lx.usageEnd = snd.nxt;
  }
  if (isLimited(tcb, lx)) {
    lx.cwndUsed = 0;
    lx.usedAt = now;
    return;
  }
  if (lx.packetsOut > lx.cwndUsed) lx.cwndUsed = lx.packetsOut;
  if (tcb.params.slowStartAfterIdle && now - lx.usedAt >= tcb.rto) decay(tcb, lx, now);
}

/** A round trip's time-out in which cwnd was not used: it comes down half way to what was. */
function decay(tcb: Tcb, lx: LinuxVariables, now: number): void {
  if (tcb.cc.phase === CA_OPEN) {
    const used = Math.max(lx.cwndUsed, tcb.params.initialWindow);
    const cwnd = cwndOf(tcb);
    if (used < cwnd) {
      setSsthresh(tcb, currentSsthresh(tcb));
      setCwnd(tcb, (cwnd + used) >> 1);
      traceCwnd(tcb, M.CC_IDLE, now);
    }
    lx.cwndUsed = 0;
  }
  lx.usedAt = now;
}

/** RFC 2861: cwnd halves for each RTO of silence, down to the initial window. */
export function restartAfterIdle(tcb: Tcb, lx: LinuxVariables, now: number): void {
  if (!tcb.params.slowStartAfterIdle || lx.packetsOut > 0) return;
  const idle = now - Math.max(tcb.lastSendTime, tcb.openedAt);
  if (idle <= tcb.rto) return;
  let cwnd = cwndOf(tcb);
  setSsthresh(tcb, currentSsthresh(tcb));
  const least = Math.min(tcb.params.initialWindow, cwnd);
  for (let left = idle - tcb.rto; left > 0 && cwnd > least; left -= tcb.rto) cwnd >>= 1;
  setCwnd(tcb, Math.max(cwnd, least));
  lx.usedAt = now;
  lx.cwndUsed = 0;
  traceCwnd(tcb, M.CC_IDLE, now);
}

/** The first segment after silence: a clock that drives growth stood still meanwhile. */
export function beganToSend(tcb: Tcb, lx: LinuxVariables, now: number): void {
  if (inFlight(lx) === 0) tcb.congestion.idle(tcb, now - tcb.lastSendTime);
}
