/** When the sender's one timer runs, and for what. */
import { MILLISECOND, NEVER } from "#base/time";
import { NONE } from "../words/records.ts";
import { CA_CWR, CA_OPEN, T_LOSS_PROBE, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { arm, disarm } from "./cwnd.ts";

/** Beside two round trips: for several segments in flight, the shortest timer; for one, what a receiver may delay its ACK. */
const PROBE_MARGIN = 2 * MILLISECOND;
/** Linux' TCP_RTO_MIN: the shortest interval of zero-window probes, whatever `rtoMin` is. */
const PROBE_INTERVAL_MIN = 200 * MILLISECOND;
/** Doublings after which an interval is beyond any maximum. */
const DOUBLINGS_MAX = 10;
/** RFC 2018 §8: at least this long until what was thrown away is sent again. */
const RENEGE_MIN = 10 * MILLISECOND;

/** How long until the first segment in flight has been there for an RTO. */
function untilTimeout(tcb: Tcb, now: number): number {
  return tcb.board.head === NONE ? tcb.rto : Math.ceil(tcb.env.records.time[tcb.board.head]! + tcb.rto - now);
}

/** After an ACK that moved on: a tail loss probe where there may be one, else the retransmission timer. */
export function restart(tcb: Tcb, now: number): void {
  if (!scheduleProbe(tcb, true, now)) rearm(tcb, false, now);
}

/**
 * The retransmission timer begins anew.
 * @param insteadOfOther it takes the place of a shorter one: what has passed since the head was sent counts
 */
export function rearm(tcb: Tcb, insteadOfOther: boolean, now: number): void {
  if (tcb.board.packetsOut === 0) {
    disarm(tcb);
    return;
  }
  const { timers } = tcb;
  const other = insteadOfOther || timers[T_REORDER] !== NEVER || timers[T_LOSS_PROBE] !== NEVER;
  arm(tcb, T_RETRANSMIT, now + (other ? Math.max(untilTimeout(tcb, now), 1) : tcb.rto));
}

/**
 * RFC 8985 §7.2. False: no probe is due here.
 * @param advanced an ACK moved on, so that the retransmission timer would begin anew
 */
export function scheduleProbe(tcb: Tcb, advanced: boolean, now: number): boolean {
  const { phase } = tcb.cc;
  if (!tcb.tailProbes || tcb.fast.early || tcb.board.packetsOut === 0 || (phase !== CA_OPEN && phase !== CA_CWR))
    return false;
  let wait = tcb.params.retransmitting.rtoInitial;
  if (tcb.rtt.srtt8 > 0)
    wait =
      Math.floor(tcb.rtt.srtt8 / 4) + (tcb.board.packetsOut === 1 ? tcb.params.retransmitting.rtoMin : PROBE_MARGIN);
  const rto = advanced ? tcb.rto : untilTimeout(tcb, now);
  if (rto > 0) wait = Math.min(wait, rto);
  arm(tcb, T_LOSS_PROBE, now + wait);
  return true;
}

/** The peer threw away what it had SACKed: the timer fires soon. True: nothing else is done for now. */
export function renege(tcb: Tcb, answer: Answer, now: number): boolean {
  answer.restart = false;
  arm(tcb, T_RETRANSMIT, now + Math.max(Math.floor(tcb.rtt.srtt8 / 16), RENEGE_MIN));
  return true;
}

/** Of zero-window probes, with its back-off. */
export function probeInterval(tcb: Tcb): number {
  const interval = probeBase(tcb) * 2 ** Math.min(tcb.rtt.backoff, DOUBLINGS_MAX);
  return Math.min(interval, longestProbeInterval(tcb, probeBase(tcb)));
}

export function probeBase(tcb: Tcb): number {
  return Math.max(tcb.rto, PROBE_INTERVAL_MIN);
}

/**
 * The longest interval of zero-window probes: four of them at least go within the user timeout, so that one lost probe is not taken for a
 * silent peer.
 * @param shortest whatever the user timeout is
 */
export function longestProbeInterval({ params }: Tcb, shortest: number): number {
  const { userTimeout } = params;
  const { rtoMax, userTimeoutEndsClosedWindow } = params.retransmitting;
  if (userTimeout === 0 || userTimeoutEndsClosedWindow) return rtoMax;
  return Math.min(rtoMax, Math.max(userTimeout / 4, shortest));
}
