/** When the sender's one timer fires, and whether it probes or retransmits. */
import { MILLISECOND, NEVER } from "#base/time";
import { delayOf } from "../congestion/pacing.ts";
import { NONE } from "../words/records.ts";
import { CA_CWR, CA_OPEN, T_LOSS_PROBE, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { arm, disarm } from "./cwnd.ts";

/** RFC 8985 §7.2: added to two round trips if several segments are in flight. If only one is, `rtoMin` is added for the peer's delayed ACK. */
const PROBE_MARGIN = 2 * MILLISECOND;
/** The shortest interval of zero-window probes, whatever `rtoMin` is (Linux: TCP_RTO_MIN). */
const PROBE_INTERVAL_MIN = 200 * MILLISECOND;
/** After this many doublings an interval exceeds any maximum. */
const DOUBLINGS_MAX = 10;
/** The shortest time until data that the peer discarded after it was SACKed is retransmitted (RFC 2018 §8). */
const RENEGE_MIN = 10 * MILLISECOND;

/** The time until an RTO has passed since the first unacknowledged segment was sent. */
function untilTimeout(tcb: Tcb, now: number): number {
  return tcb.board.head === NONE ? tcb.rto : Math.ceil(tcb.env.records.time[tcb.board.head]! + tcb.rto - now);
}

/** After an ACK that moved SND.UNA: schedules a tail loss probe if one is allowed, else restarts the retransmission timer. */
export function restart(tcb: Tcb, now: number): void {
  if (!scheduleProbe(tcb, true, now)) rearm(tcb, false, now);
}

/**
 * Restarts the retransmission timer.
 * @param insteadOfOther it replaces a shorter timer, so that it runs from when the head was sent
 */
export function rearm(tcb: Tcb, insteadOfOther: boolean, now: number): void {
  if (tcb.board.packetsOut === 0) {
    disarm(tcb);
    return;
  }
  const { timers } = tcb;
  const other = insteadOfOther || timers[T_REORDER] !== NEVER || timers[T_LOSS_PROBE] !== NEVER;
  arm(tcb, T_RETRANSMIT, now + (other ? Math.max(untilTimeout(tcb, now), 1) : tcb.rto) + delayOf(tcb, now));
}

/**
 * Schedules a tail loss probe (RFC 8985 §7.2). Returns false if none is allowed.
 * @param advanced an ACK moved SND.UNA, so that the retransmission timer would be restarted
 */
export function scheduleProbe(tcb: Tcb, advanced: boolean, now: number): boolean {
  const { phase } = tcb.cc;
  if (!tcb.tailProbe.isOn || tcb.fast.early || tcb.board.packetsOut === 0 || (phase !== CA_OPEN && phase !== CA_CWR))
    return false;
  let wait = tcb.params.retransmitting.rtoInitial;
  if (tcb.rtt.srtt8 > 0)
    wait =
      Math.floor(tcb.rtt.srtt8 / 4) + (tcb.board.packetsOut === 1 ? tcb.params.retransmitting.rtoMin : PROBE_MARGIN);
  const rto = advanced ? tcb.rto : untilTimeout(tcb, now);
  if (rto > 0) wait = Math.min(wait, rto);
  arm(tcb, T_LOSS_PROBE, now + wait + delayOf(tcb, now));
  return true;
}

/** The peer discarded data that it had SACKed: the retransmission timer fires soon. Returns true: the ACK is fully handled. */
export function renege(tcb: Tcb, answer: Answer, now: number): boolean {
  answer.restart = false;
  arm(tcb, T_RETRANSMIT, now + Math.max(Math.floor(tcb.rtt.srtt8 / 16), RENEGE_MIN));
  return true;
}

/** The interval until the next zero-window probe, with back-off. */
export function probeInterval(tcb: Tcb): number {
  const interval = probeBase(tcb) * 2 ** Math.min(tcb.rtt.backoff, DOUBLINGS_MAX);
  return Math.min(interval, longestProbeInterval(tcb, probeBase(tcb)));
}

/** The interval of zero-window probes without back-off. */
export function probeBase(tcb: Tcb): number {
  return Math.max(tcb.rto, PROBE_INTERVAL_MIN);
}

/**
 * The longest interval of zero-window probes: at least four probes are sent within the user timeout, so that one lost probe does not make the
 * peer look silent.
 * @param shortest lower limit, whatever the user timeout is
 */
export function longestProbeInterval({ params }: Tcb, shortest: number): number {
  const { userTimeout } = params;
  const { rtoMax, userTimeoutEndsClosedWindow } = params.retransmitting;
  if (userTimeout === 0 || userTimeoutEndsClosedWindow) return rtoMax;
  return Math.min(rtoMax, Math.max(userTimeout / 4, shortest));
}
