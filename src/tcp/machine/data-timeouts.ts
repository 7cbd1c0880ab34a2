/** What Linux's sender does when its timer fires: it retransmits, or probes a closed window; and when it gives up. */
import { MILLISECOND, NEVER } from "#base/time";
import { EV_TIMER } from "#base/trace";
import { arm, armProbe } from "../loss/cwnd.ts";
import { enterLoss } from "../loss/recovery.ts";
import { rtoOf } from "../loss/round-trip.ts";
import { backOff } from "../loss/rto.ts";
import { mayRecord } from "../loss/scoreboard.ts";
import { longestProbeInterval, probeBase, probeInterval, rearm } from "../loss/timers.ts";
import { silent } from "../open/fast-open-client.ts";
import { headEnd } from "../send/pieces.ts";
import * as M from "../words/marks.ts";
import { NONE } from "../words/records.ts";
import { lt } from "../words/seq.ts";
import { ESTABLISHED } from "../words/state.ts";
import { EVENT_SOFT_ERROR, T_LOSS_PROBE, T_PERSIST, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { RESEND_HEAD } from "../words/variables.ts";
import { giveUp, SILENCE } from "./timeouts.ts";

/** R2 is converted to a time: that of so many timeouts, the first of which is this long. */
const RTO_BASE = 200 * MILLISECOND;
/** Retries of a connection that no user holds, if the user did not choose a number. */
const ORPHAN_RETRIES = 8;
/** The minimum of all timers. */
const TIMEOUT_MIN = 2 * MILLISECOND;
/**
 * The number of consecutive timeouts after which even a thin stream backs off; and a stream is thin with fewer segments in flight than the
 * second number.
 */
const THIN_TIMEOUTS = 6;
const THIN_SEGMENTS = 4;

/** The retransmission timer of data fired. */
export function retransmit(tcb: Tcb, now: number): void {
  if (tcb.board.head === NONE) return;
  // The window was closed while data is in flight: our retransmissions are probes of it, which the peer may answer.
  const probes = tcb.snd.wnd === 0 && !tcb.rcv.closed;
  if (probes ? isSilent(tcb, now) : isOver(tcb, now)) {
    giveUp(tcb, now);
    return;
  }
  if (probes && tcb.windowProbe.since === NEVER) tcb.windowProbe.since = now;
  enterLoss(tcb, tcb.retries, now);
  tcb.output.resend = RESEND_HEAD;
  if (!probes) {
    tcb.retries++;
    tcb.timeouts++;
    if (tcb.retries === tcb.params.retransmitting.retriesR1) tcb.events |= EVENT_SOFT_ERROR;
    if (tcb.retries === SILENCE) silent(tcb, now);
  }
  trace(tcb, T_RETRANSMIT, M.TIMER_RTO, tcb.retries, now);
  tcb.rtt.priorRto = tcb.rto;
  tcb.rtt.priorBackoff = tcb.rtt.backoff;
  if (isThin(tcb)) {
    tcb.rto = Math.max(rtoOf(tcb), tcb.params.retransmitting.rtoMin);
    tcb.rtt.backoff = 0;
  } else {
    backOff(tcb);
    tcb.rtt.backoff++;
  }
  const rto = probes ? Math.min(tcb.rto, longestProbeInterval(tcb, probeBase(tcb))) : tcb.rto;
  arm(tcb, T_RETRANSMIT, now + Math.min(rto, untilUserTimeout(tcb, probes, now)));
}

/** The time left of the user timeout: since the first retransmission, or, with a closed window, since the first unanswered one. */
function untilUserTimeout(tcb: Tcb, probes: boolean, now: number): number {
  const { userTimeout } = tcb.params;
  const { userTimeoutEndsClosedWindow } = tcb.params.retransmitting;
  let since = tcb.recovery.resentSince ? tcb.recovery.resentAt : NEVER;
  if (probes && !userTimeoutEndsClosedWindow) since = tcb.windowProbe.since;
  return userTimeout === 0 ? NEVER : Math.max(since + userTimeout - now, MILLISECOND);
}

/** Whether R2, or the user timeout, is over, counted from the first retransmission. */
function isOver(tcb: Tcb, now: number): boolean {
  if (tcb.retries === 0 || !tcb.recovery.resentSince) return false;
  const { userTimeout } = tcb.params;
  return now - tcb.recovery.resentAt >= (userTimeout > 0 ? userTimeout : modelTimeout(tcb, retriesMax(tcb)));
}

/** The duration of so many retries from the first one: doubling, until the largest RTO. */
function modelTimeout(tcb: Tcb, retries: number): number {
  const { rtoMax } = tcb.params.retransmitting;
  const doublings = Math.floor(Math.log2(rtoMax / RTO_BASE));
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * RTO_BASE;
  return (2 ** (doublings + 1) - 1) * RTO_BASE + (retries - doublings) * rtoMax;
}

function retriesMax(tcb: Tcb): number {
  const { retriesR2, rtoMax } = tcb.params.retransmitting;
  return tcb.rcv.closed ? orphanRetries(tcb, tcb.rto < rtoMax) : retriesR2;
}

/** @param alive the peer sent something recently */
function orphanRetries(tcb: Tcb, alive: boolean): number {
  const retries = tcb.softError !== 0 && !alive ? 0 : tcb.params.ending.retriesOrphan;
  return retries === 0 && alive ? ORPHAN_RETRIES : retries;
}

/** Whether nothing arrived for twice the largest RTO, or for the user timeout. */
function isSilent(tcb: Tcb, now: number): boolean {
  const { userTimeout } = tcb.params;
  const { rtoMax, userTimeoutEndsClosedWindow } = tcb.params.retransmitting;
  if (userTimeout > 0 && !userTimeoutEndsClosedWindow) return now - tcb.windowProbe.since >= userTimeout;
  const since = now - (tcb.recovery.resentSince ? tcb.recovery.resentAt : tcb.env.records.time[tcb.board.head]!);
  if (userTimeout > 0 && since > userTimeout) return true;
  const patience = userTimeout > 0 ? Math.min(2 * rtoMax, userTimeout) : 2 * rtoMax;
  return now - tcb.lastAckTime > patience && since > patience;
}

/** Whether so little is in flight that duplicate ACKs cannot show a loss. */
function isThin(tcb: Tcb): boolean {
  if (!tcb.params.retransmitting.thinLinearTimeouts || tcb.state !== ESTABLISHED || tcb.retries > THIN_TIMEOUTS)
    return false;
  return tcb.board.packetsOut < THIN_SEGMENTS;
}

/** RFC 8985 §7.3: no ACK for two round trips. */
export function probeTail(tcb: Tcb, now: number): void {
  if (tcb.board.head === NONE) return;
  trace(tcb, T_LOSS_PROBE, M.TIMER_LOSS_PROBE, 1, now);
  tcb.tailProbe.due = true;
  rearm(tcb, true, now);
}

/** The window is closed, or too small, and nothing is in flight (RFC 9293 §3.8.6.1). */
export function probeWindow(tcb: Tcb, now: number): void {
  const { snd, params } = tcb;
  if (tcb.board.packetsOut > 0 || headEnd(tcb) === undefined) {
    tcb.probes = 0;
    tcb.windowProbe.since = NEVER;
    return;
  }
  if (tcb.windowProbe.since === NEVER) tcb.windowProbe.since = now;
  else if (params.userTimeout > 0 && now - tcb.windowProbe.since >= params.userTimeout) {
    giveUp(tcb, now);
    return;
  }
  let most = params.retransmitting.retriesR2;
  if (tcb.rcv.closed) {
    const alive = tcb.rto * 2 ** tcb.rtt.backoff < params.retransmitting.rtoMax;
    most = orphanRetries(tcb, alive);
    if (!alive && tcb.rtt.backoff >= most) {
      giveUp(tcb, now);
      return;
    }
  }
  if (tcb.probes >= most) {
    giveUp(tcb, now);
    return;
  }
  trace(tcb, T_PERSIST, M.TIMER_PERSIST, tcb.probes + 1, now);
  tcb.windowProbe.due = true;
  // Some of it may be sent now, so no probe is needed.
  if (lt(snd.nxt, (snd.una + snd.wnd) | 0) && mayRecord(tcb)) return;
  tcb.probes++;
  if (tcb.rtt.backoff < params.retransmitting.retriesR2) tcb.rtt.backoff++;
  let wait = probeInterval(tcb);
  if (params.userTimeout > 0)
    wait = Math.min(wait, Math.max(tcb.windowProbe.since + params.userTimeout - now, TIMEOUT_MIN));
  armProbe(tcb, wait, now);
}

function trace(tcb: Tcb, timer: number, cause: number, times: number, now: number): void {
  tcb.env.counters.count(cause);
  tcb.env.trace.record(now, EV_TIMER, cause, tcb.id, timer, times);
}
