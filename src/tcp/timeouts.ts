/** TIMEOUTS (RFC 9293 §3.10.8): what happens when a timer of a connection fires. */
import { NEVER } from "#base/time";
import { EV_TIMER } from "#base/trace";
import { ETIMEDOUT } from "./error.ts";
import { silent } from "./fast-open-client.ts";
import { finish, timeWaitOver } from "./finish.ts";
import * as M from "./marks.ts";
import { persistInterval } from "./output.ts";
import { longestProbeInterval } from "./probes.ts";
import { NONE } from "./records.ts";
import { timedOut } from "./recovery.ts";
import { backOff, resetRto } from "./rto.ts";
import { CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT } from "./state.ts";
import {
  CA_CWR,
  CA_OPEN,
  EVENT_SOFT_ERROR,
  T_DELAYED_ACK,
  T_KEEPALIVE,
  T_LOSS_PROBE,
  T_PERSIST,
  T_REORDER,
  T_RETRANSMIT,
  T_TIME_WAIT,
  T_USER_TIMEOUT,
  type Tcb,
  TIMERS,
} from "./tcb.ts";

/** Timeouts in a row after which Fast Open is suspected, as in Linux. */
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
      tcb.sender.overtaken(tcb, now);
      break;
    case T_LOSS_PROBE:
      tcb.sender.tailSilent(tcb, now);
      break;
    case T_RETRANSMIT:
      if (tcb.state & (SYN_SENT | SYN_RECEIVED)) retransmit(tcb, now);
      else tcb.sender.timedOut(tcb, now);
      break;
    case T_PERSIST:
      tcb.sender.windowSilent(tcb, now);
      break;
    case T_DELAYED_ACK:
      if (tcb.ackNow === 0) tcb.ackNow = tcb.rcv.heldAcks > 0 ? M.TX_ACK_ORDER : M.TX_ACK_DELAYED;
      // The user had nothing to say after all.
      if (tcb.rcv.heldAcks === 0) tcb.interactive = false;
      trace(tcb, T_DELAYED_ACK, M.TIMER_DELAYED_ACK, 1, now);
      break;
    case T_KEEPALIVE:
      keepAlive(tcb, now);
      break;
    case T_USER_TIMEOUT:
      userTimeout(tcb, now);
      break;
  }
}

/** RFC 8985 §7.3: no answer for two round trips. The retransmission timer waits for the answer to the probe. */
export function tailProbe(tcb: Tcb, now: number): void {
  const { phase } = tcb.cc;
  if (tcb.head === NONE || (phase !== CA_OPEN && phase !== CA_CWR)) return;
  trace(tcb, T_LOSS_PROBE, M.TIMER_LOSS_PROBE, 1, now);
  tcb.rack.tlpNow = true;
  if (tcb.timers[T_RETRANSMIT]! <= now) tcb.timers[T_RETRANSMIT] = now + tcb.rto;
}

/** RFC 6298 (5.4) to (5.6), and R1 and R2 of RFC 9293 §3.8.3. */
export function retransmit(tcb: Tcb, now: number): void {
  // Of a connection that opens by Fast Open no record stands for the SYN,ACK.
  if (tcb.head === NONE && !tcb.fast.early) return;
  const { params } = tcb;
  if (tcb.acceptDeferred && awaitsText(tcb)) {
    tcb.deferredTimeouts++;
    backOff(tcb);
    tcb.timers[T_RETRANSMIT] = now + tcb.rto;
    return;
  }
  // SHLD-17, MUST-37: a peer that closed its window over what is in flight and still answers is not given up.
  const open = (tcb.state & (SYN_SENT | SYN_RECEIVED)) === 0;
  const interval = Math.min(tcb.rto, longestProbeInterval(tcb, tcb.params.rtoMin));
  const closed = open && tcb.snd.wnd === 0 && !tcb.rcv.closed && now - tcb.lastAckTime < 2 * interval;
  if (closed) tcb.stalledSince = now;
  if (!closed || tcb.retries < params.retriesR1) tcb.retries++;
  tcb.timeouts++;
  trace(tcb, T_RETRANSMIT, M.TIMER_RTO, tcb.retries, now);
  const handshake = tcb.state & (SYN_SENT | SYN_RECEIVED);
  const limit = handshake ? synLimit(tcb) : dataLimit(tcb);
  if (tcb.retries === SILENCE) silent(tcb, now);
  if (tcb.retries > limit || (!closed && timeIsUp(tcb, now))) {
    giveUp(tcb, now);
    return;
  }
  if (tcb.retries === params.retriesR1) {
    // SHLD-9: the user may want to know; IP should look for another route (MUST-20), which a TUN does not have.
    tcb.events |= EVENT_SOFT_ERROR;
  }
  if (isThin(tcb)) {
    resetRto(tcb);
  } else if (tcb.state !== SYN_SENT || tcb.retries > params.linearSynTimeouts) {
    backOff(tcb);
  }
  tcb.timers[T_LOSS_PROBE] = NEVER;
  tcb.timers[T_REORDER] = NEVER;
  tcb.timers[T_RETRANSMIT] = now + (closed ? interval : tcb.rto);
  if (handshake) tcb.synNow = tcb.state === SYN_SENT ? M.TX_SYN : M.TX_SYN_ACK;
  else {
    tcb.cc.flight = tcb.outstanding();
    timedOut(tcb, now);
  }
}

/** Timeouts in a row after which even a thin stream backs off, and segments that it has fewer of in flight: Linux' numbers. */
const THIN_TIMEOUTS = 6;
const THIN_SEGMENTS = 4;

/** Too little is in flight for duplicates to tell of a loss: only the timer will. */
function isThin(tcb: Tcb): boolean {
  if (!tcb.params.thinLinearTimeouts || tcb.state !== ESTABLISHED || tcb.retries > THIN_TIMEOUTS) return false;
  return tcb.outstanding() <= (THIN_SEGMENTS - 1) * tcb.snd.mss;
}

/** The peer has our SYN,ACK: it is sent again only at the end of the time in which data was to come. */
function awaitsText(tcb: Tcb): boolean {
  return tcb.state === SYN_RECEIVED && tcb.retries + tcb.deferredTimeouts + 1 < tcb.params.deferAccept;
}

/** R2 for a SYN. One that somebody holds already is not given up so soon, as in Linux. */
function synLimit(tcb: Tcb): number {
  const { retriesSyn, retriesSynAck, linearSynTimeouts } = tcb.params;
  return tcb.state === SYN_SENT ? retriesSyn + linearSynTimeouts : retriesSynAck + (tcb.fast.early ? 1 : 0);
}

/** R2 for data; a connection that nobody holds any more may be given up sooner. */
function dataLimit(tcb: Tcb): number {
  const { retriesR2, retriesOrphan } = tcb.params;
  return tcb.rcv.closed ? Math.min(retriesOrphan, retriesR2) : retriesR2;
}

/**
 * RFC 9293 §3.8.6.1: the window is closed and nothing is in flight. MUST-37: as long as probes are answered this goes on, unless the
 * user has closed the connection.
 */
export function persist(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  if (snd.nxt !== snd.una) return;
  const unanswered = tcb.probes > dataLimit(tcb) || (tcb.probes > 0 && timeIsUp(tcb, now));
  const abandoned = tcb.rcv.closed && tcb.persistBackoff >= dataLimit(tcb) && persistInterval(tcb) >= tcb.params.rtoMax;
  if (unanswered || abandoned) {
    giveUp(tcb, now);
    return;
  }
  if (tcb.probes === 0) tcb.stalledSince = now;
  tcb.probes++;
  tcb.persistBackoff++;
  trace(tcb, T_PERSIST, M.TIMER_PERSIST, tcb.probes, now);
  tcb.probeNow = M.TX_PROBE;
  const { userTimeout } = tcb.params;
  const left = userTimeout > 0 ? tcb.stalledSince + userTimeout - now : NEVER;
  tcb.timers[T_PERSIST] = now + Math.min(persistInterval(tcb), left);
}

/** RFC 9293 §3.8.4. MUST-26: only when nothing is in flight; else the retransmission timer finds out sooner. */
function keepAlive(tcb: Tcb, now: number): void {
  const { params } = tcb;
  if (!params.keepAlive) return;
  if (tcb.snd.nxt !== tcb.snd.una || tcb.timers[T_PERSIST] !== NEVER) {
    tcb.timers[T_KEEPALIVE] = now + params.keepAliveIdle;
    return;
  }
  if (tcb.keepAliveProbes >= params.keepAliveCount) {
    // MUST-29: many unanswered probes, not one, end it; the peer, if it lives, is told.
    finish(tcb, ETIMEDOUT, M.GAVE_UP, now);
    tcb.rstNow = M.TX_RST_LIMIT;
    return;
  }
  tcb.keepAliveProbes++;
  trace(tcb, T_KEEPALIVE, M.TIMER_KEEPALIVE, tcb.keepAliveProbes, now);
  tcb.probeNow = M.TX_KEEPALIVE;
  tcb.timers[T_KEEPALIVE] = now + params.keepAliveInterval;
}

function userTimeout(tcb: Tcb, now: number): void {
  if (tcb.head === NONE && tcb.snd.queued === 0) return;
  if (
    tcb.timers[T_PERSIST] !== NEVER ||
    (tcb.snd.wnd === 0 && tcb.timers[T_RETRANSMIT] !== NEVER && isAnswering(tcb))
  ) {
    // The window is closed: what counts is how long the probes go unanswered, and their timer sees to that.
    tcb.timers[T_USER_TIMEOUT] = now + tcb.params.userTimeout;
    return;
  }
  giveUp(tcb, now);
}

/** The connection ends because the peer is silent, or because it answers but keeps its window closed. */
export function giveUp(tcb: Tcb, now: number): void {
  const cause = isAnswering(tcb) ? M.GAVE_UP_WINDOW : M.GAVE_UP;
  finish(tcb, tcb.softError !== 0 ? tcb.softError : ETIMEDOUT, cause, now);
}

/** The peer keeps its window closed, and has answered our last probe of it. */
function isAnswering({ snd, probes, lastAckTime, lastSendTime }: Tcb): boolean {
  return snd.wnd === 0 && probes === 0 && lastAckTime >= lastSendTime;
}

/** RFC 9293 §3.9.1: USER TIMEOUT, counted from when the data that is stuck was last known to move. */
function timeIsUp(tcb: Tcb, now: number): boolean {
  const { connectTimeout } = tcb.params;
  if (connectTimeout > 0 && tcb.state & (SYN_SENT | SYN_RECEIVED) && now - tcb.stalledSince >= connectTimeout)
    return true;
  const limit = tcb.params.userTimeout;
  return limit > 0 && tcb.stalledSince !== NEVER && now - tcb.stalledSince >= limit;
}

export function trace(tcb: Tcb, timer: number, cause: number, times: number, now: number): void {
  tcb.env.counters.count(cause);
  tcb.env.trace.record(now, EV_TIMER, cause, tcb.id, timer, times);
}
