/** TIMEOUTS (RFC 9293 §3.10.8): what happens when a timer of a connection fires. */
import { NEVER } from "#base/time";
import { EV_TIMER } from "#base/trace";
import { push, tick } from "../loss/cwnd.ts";
import { reorderingTimeout } from "../loss/rack.ts";
import { backOff } from "../loss/rto.ts";
import { silent } from "../open/fast-open-client.ts";
import { delayOver } from "../receive/acknowledging.ts";
import { ETIMEDOUT } from "../words/error.ts";
import { idleTime, probeInterval } from "../words/keep-alive.ts";
import * as M from "../words/marks.ts";
import { NONE } from "../words/records.ts";
import { CLOSED, SYN_RECEIVED, SYN_SENT } from "../words/state.ts";
import {
  EVENT_SOFT_ERROR,
  T_DELAYED_ACK,
  T_KEEPALIVE,
  T_LOSS_PROBE,
  T_PACE,
  T_PERSIST,
  T_REORDER,
  T_RETRANSMIT,
  T_TIME_WAIT,
  T_USER_TIMEOUT,
  type Tcb,
  TIMERS,
} from "../words/tcb.ts";
import { PUSH_NORMAL, RESEND_LOST, RESEND_NONE } from "../words/variables.ts";
import { probeTail, probeWindow, retransmit } from "./data-timeouts.ts";
import { finish, timeWaitOver } from "./finish.ts";

/** Consecutive timeouts after which Fast Open is considered to have failed, as in Linux. */
export const SILENCE = 3;

/** Fires every timer that is due, in the order of their indices. */
export function timeouts(tcb: Tcb, now: number): void {
  for (let t = 0; t < TIMERS && tcb.state !== CLOSED; t++) {
    if (tcb.timers[t]! > now) continue;
    tcb.timers[t] = NEVER;
    fire(tcb, t, now);
  }
}

function fire(tcb: Tcb, timer: number, now: number): void {
  switch (timer) {
    case T_TIME_WAIT:
      timeWaitOver(tcb, now);
      break;
    case T_REORDER:
      trace(tcb, T_REORDER, M.TIMER_REORDER, 1, now);
      reorderingTimeout(tcb, now);
      break;
    case T_LOSS_PROBE:
      probeTail(tcb, now);
      break;
    case T_RETRANSMIT:
      if (tcb.state & (SYN_SENT | SYN_RECEIVED)) resendSyn(tcb, now);
      else retransmit(tcb, now);
      break;
    case T_PERSIST:
      probeWindow(tcb, now);
      break;
    case T_DELAYED_ACK:
      delayOver(tcb);
      trace(tcb, T_DELAYED_ACK, M.TIMER_DELAYED_ACK, 1, now);
      break;
    case T_KEEPALIVE:
      keepAlive(tcb, now);
      break;
    case T_USER_TIMEOUT:
      // Only for the handshake: for data, `data-timeouts.ts` measures how long nothing was acknowledged.
      giveUp(tcb, now);
      break;
    case T_PACE:
      mayGoOn(tcb, now);
      break;
  }
}

/** Paced data may be sent again: lost segments first. */
function mayGoOn(tcb: Tcb, now: number): void {
  tick(tcb, now);
  if (tcb.board.lostOut > tcb.board.retransOut && tcb.output.resend === RESEND_NONE) tcb.output.resend = RESEND_LOST;
  push(tcb, PUSH_NORMAL);
}

/** The timer of a SYN or SYN,ACK fired: RFC 6298 (5.4) to (5.6), and R1 and R2 of RFC 9293 §3.8.3. */
function resendSyn(tcb: Tcb, now: number): void {
  // The SYN,ACK of a connection opened by Fast Open has no record.
  if (tcb.board.head === NONE && !tcb.fast.early) return;
  const { params } = tcb;
  if (tcb.acceptDeferred && awaitsText(tcb)) {
    tcb.deferredTimeouts++;
    backOff(tcb);
    tcb.timers[T_RETRANSMIT] = now + tcb.rto;
    return;
  }
  tcb.retries++;
  tcb.timeouts++;
  tcb.rtt.timeoutAt = now;
  trace(tcb, T_RETRANSMIT, M.TIMER_RTO, tcb.retries, now);
  if (tcb.retries === SILENCE) silent(tcb, now);
  if (tcb.retries > synLimit(tcb) || isSynOverdue(tcb, now)) {
    giveUp(tcb, now);
    return;
  }
  // SHLD-9: the user may want to know; IP should look for another route (MUST-20), but a TUN has only one.
  if (tcb.retries === params.retransmitting.retriesR1) tcb.events |= EVENT_SOFT_ERROR;
  tcb.rtt.priorRto = tcb.rto;
  tcb.rtt.priorBackoff = tcb.rtt.backoff;
  if (tcb.state !== SYN_SENT || tcb.retries > params.opening.linearSynTimeouts) backOff(tcb);
  tcb.timers[T_RETRANSMIT] = now + tcb.rto;
  tcb.synNow = tcb.state === SYN_SENT ? M.TX_SYN : M.TX_SYN_ACK;
}

/** The peer has our SYN,ACK: it is retransmitted only when the time to wait for data is over. */
function awaitsText(tcb: Tcb): boolean {
  return tcb.state === SYN_RECEIVED && tcb.retries + tcb.deferredTimeouts + 1 < tcb.params.deferAccept;
}

/** R2 for a SYN. A connection that was already accepted has a higher limit, as in Linux. */
function synLimit(tcb: Tcb): number {
  const { retriesSyn, retriesSynAck, linearSynTimeouts } = tcb.params.opening;
  return tcb.state === SYN_SENT ? retriesSyn + linearSynTimeouts : retriesSynAck + (tcb.fast.early ? 1 : 0);
}

/**
 * Linear timeouts send more SYNs in the same time: R2 is over after the time of so many retries with doubling from the first (Linux:
 * retransmits_timed_out).
 */
function isSynOverdue(tcb: Tcb, now: number): boolean {
  const { retriesSyn, linearSynTimeouts } = tcb.params.opening;
  if (tcb.state !== SYN_SENT || linearSynTimeouts === 0) return false;
  return now - tcb.stalledSince >= (2 ** (retriesSyn + 1) - 1) * tcb.params.retransmitting.rtoInitial;
}

/** RFC 9293 §3.8.4. MUST-26: only if nothing is in flight; otherwise the retransmission timer detects a dead peer sooner. */
function keepAlive(tcb: Tcb, now: number): void {
  const { params } = tcb;
  if (!params.keepAlive) return;
  if (tcb.snd.nxt !== tcb.snd.una || tcb.timers[T_PERSIST] !== NEVER) {
    tcb.timers[T_KEEPALIVE] = now + idleTime(tcb);
    return;
  }
  if (tcb.keepAliveProbes >= params.keepAliveCount) {
    // MUST-29: only many unanswered probes end it, not one; an RST informs the peer if it is alive.
    finish(tcb, ETIMEDOUT, M.GAVE_UP, now);
    tcb.rstNow = M.TX_RST_LIMIT;
    return;
  }
  tcb.keepAliveProbes++;
  trace(tcb, T_KEEPALIVE, M.TIMER_KEEPALIVE, tcb.keepAliveProbes, now);
  tcb.probeNow = M.TX_KEEPALIVE;
  tcb.timers[T_KEEPALIVE] = now + probeInterval(tcb);
}

/** The connection ends because the peer is silent, or answers but keeps its window closed. */
export function giveUp(tcb: Tcb, now: number): void {
  const cause = isAnswering(tcb) ? M.GAVE_UP_WINDOW : M.GAVE_UP;
  finish(tcb, tcb.softError !== 0 ? tcb.softError : ETIMEDOUT, cause, now);
}

/** Whether the peer keeps its window closed, but has answered our last probe. */
function isAnswering({ snd, probes, lastAckTime, lastSendTime }: Tcb): boolean {
  return snd.wnd === 0 && probes === 0 && lastAckTime >= lastSendTime;
}

export function trace(tcb: Tcb, timer: number, cause: number, times: number, now: number): void {
  tcb.env.counters.count(cause);
  tcb.env.trace.record(now, EV_TIMER, cause, tcb.id, timer, times);
}
