/**
 * SEGMENT ARRIVES, otherwise (RFC 9293 §3.10.7.4): the eight steps, one function each, in the RFC's order. Each returns whether the segment
 * continues to the next.
 */
import { NEVER } from "#base/time";
import { EV_DROP } from "#base/trace";
import { ACK, CWR, FIN, RST, SYN, URG } from "#wire/tcp";
import { answered } from "../open/fast-open-client.ts";
import { handshakeOver } from "../open/fast-open-server.ts";
import { establish } from "../open/handshake.ts";
import { enterQuickAck } from "../receive/pace.ts";
import { ECONNREFUSED, ECONNRESET, OK } from "../words/error.ts";
import { idleTime } from "../words/keep-alive.ts";
import * as M from "../words/marks.ts";
import { proveSize } from "../words/path.ts";
import { type Reset, resetFor } from "../words/reset.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, gt, le, lt } from "../words/seq.ts";
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  TIME_WAIT,
} from "../words/state.ts";
import { EVENT_URGENT, explain, setState, T_KEEPALIVE, T_RETRANSMIT, T_TIME_WAIT, type Tcb } from "../words/tcb.ts";
import { acknowledge } from "./acknowledgment.ts";
import { takeTextAndFin } from "./delivery.ts";
import { finish, timeWait } from "./finish.ts";
import { isAtFin, resetsExactly } from "./reset-number.ts";

/** RFC 7323 §5.5: TS.Recent is invalid after 24 days of silence. */
const PAWS_IDLE = 24 * 24 * 3600 * 1_000_000;

/** The ECN codepoint "congestion experienced". */
const CE = 3;

export function processSegment(tcb: Tcb, seg: Segment, now: number, reset: Reset): void {
  if (
    checkSequence(tcb, seg, now) &&
    checkReset(tcb, seg, now) &&
    checkSyn(tcb, seg, now, reset) &&
    checkAck(tcb, seg, now, reset)
  ) {
    if (tcb.ecnOk) congestionMark(tcb, seg);
    checkUrgent(tcb, seg);
    // Seventh, the text, and eighth, the FIN.
    takeTextAndFin(tcb, seg, now, reset);
  }
}

/** First: is the segment acceptable? RFC 7323 §5.3 (PAWS) goes before the sequence numbers. */
function checkSequence(tcb: Tcb, seg: Segment, now: number): boolean {
  const { rcv } = tcb;
  // A SYN,ACK does not repeat the SYN that a passive OPEN answered: it is unacceptable, and is answered with an ACK.
  const repeats = seg.ctl & SYN && seg.seq === rcv.irs && (seg.ctl & RST) === 0 && !(tcb.passive && seg.ctl & ACK);
  if (repeats && tcb.state === SYN_RECEIVED) return repeatedSyn(tcb, seg, now);
  if (tcb.timestampsOk && !timestampAcceptable(tcb, seg, now)) return false;
  const window = Math.max(0, diff(rcv.adv, rcv.nxt));
  if (!acceptable(seg, rcv.nxt, window)) return unacceptable(tcb, seg, window, now);
  return true;
}

/**
 * RFC 7323 §4.3: TS.Recent is taken from the segment that covers Last.ACK.sent, never decreases, and is not taken from an RST. It is taken
 * only after the ACK was found valid: otherwise a forged segment could make PAWS reject the peer's own segments.
 */
export function takeTimestamp(tcb: Tcb, seg: Segment, now: number): void {
  const { options } = seg;
  if (!tcb.timestampsOk || !options.timestamps) return;
  if (gt(seg.seq, tcb.rcv.acked) || lt(options.tsval, tcb.tsRecent)) return;
  tcb.tsRecent = options.tsval;
  tcb.tsRecentTime = now;
}

/** The table of RFC 9293 §3.4 (also in step one of §3.10.7.4). */
function acceptable(seg: Segment, next: number, window: number): boolean {
  const begin = diff(seg.seq, next);
  if (seg.len === 0) return window === 0 ? begin === 0 : begin >= 0 && begin < window;
  if (window === 0) return false;
  const last = begin + seg.len - 1;
  return (begin >= 0 && begin < window) || (last >= 0 && last < window);
}

function unacceptable(tcb: Tcb, seg: Segment, window: number, now: number): boolean {
  const { rcv } = tcb;
  // MUST-66: with a closed window, ACK, RST and URG of the next segment are still processed, but not its data.
  if (window === 0 && seg.seq === rcv.nxt && (seg.ctl & SYN) === 0) {
    // A FIN without data needs no room and is accepted, as in Linux. Some peers repeat it until it is acknowledged.
    if (seg.n === 0) return true;
    seg.n = 0;
    seg.len = 0;
    seg.ctl &= ~FIN;
    if ((seg.ctl & RST) === 0) tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    return true;
  }
  // An RST beyond the window's edge: RFC 5961 accepts only those inside.
  if (seg.ctl & RST) {
    if (isAtFin(tcb, seg.seq)) return true;
    return drop(tcb, M.RX_RST_IGNORED, now);
  }
  if (tcb.state === TIME_WAIT) {
    const { timeWait, timeWaitAnswersAll } = tcb.params.ending;
    if ((seg.ctl & (ACK | SYN)) === 0 && !timeWaitAnswersAll) return drop(tcb, M.RX_NO_ACK, now);
    if (seg.ctl & FIN && seg.ctl & ACK) tcb.timers[T_TIME_WAIT] = now + timeWait;
  }
  if (seg.len > 0 && (seg.ctl & SYN) === 0 && tcb.state !== TIME_WAIT && lt(seg.seq, rcv.nxt)) {
    tcb.duplicatesReceived++;
    // A repeated FIN counts as one duplicate octet.
    reportDuplicate(tcb, seg.seq, (seg.seq + seg.len) | 0);
    // The sender did not get our ACKs, or is in slow start after a timeout: send ACKs at once for a while.
    enterQuickAck(tcb, tcb.params.acknowledging.quickAcks);
  }
  answerInvalid(tcb, seg, M.TX_ACK_UNACCEPTABLE, now);
  return drop(tcb, seg.n > 0 && le((seg.seq + seg.len) | 0, rcv.nxt) ? M.RX_DUPLICATE : M.RX_UNACCEPTABLE, now);
}

/** RFC 2883: [left, right) was received again. */
function reportDuplicate(tcb: Tcb, left: number, right: number): void {
  if (!tcb.sackOk || !tcb.params.acknowledging.dsack) return;
  tcb.dsackLeft = left;
  tcb.dsackRight = gt(right, tcb.rcv.nxt) ? tcb.rcv.nxt : right;
}

/** RFC 7323 §5.3 R1 and §3.2. */
function timestampAcceptable(tcb: Tcb, seg: Segment, now: number): boolean {
  const { options } = seg;
  if (seg.ctl & RST) return true;
  if (!options.timestamps) {
    // A SYN is from a peer that does not know this connection: it must be answered (RFC 5961 §4).
    if (tcb.params.acceptance.tolerateMissingTimestamps || seg.ctl & SYN) return true;
    return drop(tcb, M.RX_NO_TIMESTAMP, now);
  }
  if (ge((options.tsval + tcb.params.acceptance.pawsSlack) | 0, tcb.tsRecent)) return true;
  if (now - tcb.tsRecentTime > PAWS_IDLE) {
    tcb.tsRecent = options.tsval;
    return true;
  }
  if (seg.n > 0 && lt(seg.seq, tcb.rcv.nxt)) reportDuplicate(tcb, seg.seq, (seg.seq + seg.n) | 0);
  if (tcb.state === TIME_WAIT && (seg.ctl & (ACK | SYN)) === 0) return drop(tcb, M.RX_PAWS, now);
  answerInvalid(tcb, seg, M.TX_ACK_UNACCEPTABLE, now);
  return drop(tcb, M.RX_PAWS, now);
}

/** In SYN-RECEIVED, the peer's SYN again: our SYN,ACK was lost, or (simultaneous open) it now acknowledges our SYN. */
function repeatedSyn(tcb: Tcb, seg: Segment, now: number): boolean {
  if (seg.ctl & ACK && !tcb.passive) {
    seg.seq = (seg.seq + 1) | 0;
    seg.len--;
    seg.ctl &= ~SYN;
    // Its window was not scaled (RFC 7323 §2.2), the window of a segment without SYN will be. Rounded down, so that it does not exceed the
    // one announced.
    seg.wnd >>= tcb.snd.shift;
    return true;
  }
  explain(tcb, M.RX_SYN_DUPLICATE);
  if (isLimited(tcb, now)) return false;
  tcb.synNow = M.TX_SYN_ACK;
  // Restarts its timer, except for a connection that has been accepted already.
  if (!tcb.fast.early) tcb.timers[T_RETRANSMIT] = NEVER;
  return false;
}

/** Second: RST (RFC 5961 §3.2 instead of RFC 793's rule). */
function checkReset(tcb: Tcb, seg: Segment, now: number): boolean {
  if ((seg.ctl & RST) === 0) return true;
  if (tcb.state === TIME_WAIT && tcb.params.ending.ignoreTimeWaitReset) return drop(tcb, M.RX_RST_IGNORED, now);
  if (tcb.params.acceptance.rfc5961 && tcb.params.acceptance.challengeReset && !resetsExactly(tcb, seg.seq)) {
    answerInvalid(tcb, seg, M.TX_CHALLENGE, now);
    return drop(tcb, M.RX_RST_CHALLENGED, now);
  }
  explain(tcb, M.RX_RST);
  switch (tcb.state) {
    case SYN_RECEIVED:
      // MUST-11: after a passive OPEN it returns to LISTEN silently; after SYN-SENT the connection is refused.
      finish(tcb, tcb.fast.early ? ECONNRESET : ECONNREFUSED, M.RX_RST, now);
      break;
    case ESTABLISHED:
    case FIN_WAIT_1:
    case FIN_WAIT_2:
    case CLOSE_WAIT:
      finish(tcb, ECONNRESET, M.RX_RST, now);
      break;
    default:
      finish(tcb, isLoss(tcb) ? ECONNRESET : OK, M.RX_RST, now);
  }
  return false;
}

/**
 * Whether an RST in CLOSING, LAST-ACK or TIME-WAIT is an error. Both sides have closed, so the RFC just ends the connection: the peer has
 * left TIME-WAIT, and its ACK of our FIN was lost. But unacknowledged data may be lost, and then the user must know.
 */
function isLoss({ state, snd, params }: Tcb): boolean {
  return state !== TIME_WAIT && (snd.queued > 0 || params.resetting.lateResetIsError);
}

/** Fourth: SYN (RFC 5961 §4: a challenge ACK, whatever its sequence number). Third, security and compartment, is not implemented. */
function checkSyn(tcb: Tcb, seg: Segment, now: number, reset: Reset): boolean {
  if ((seg.ctl & SYN) === 0) return true;
  if (tcb.fast.early) {
    // The connection was accepted before its handshake was complete: a new SYN is refused.
    resetFor(seg, M.TX_RST_CLOSED, reset);
    return drop(tcb, M.RX_SYN_CHALLENGED, now);
  }
  if (tcb.state === SYN_RECEIVED && tcb.passive) {
    // Returns to LISTEN silently.
    finish(tcb, ECONNRESET, M.RX_SYN_CHALLENGED, now);
    return false;
  }
  if (tcb.params.acceptance.rfc5961 && (tcb.params.acceptance.challengeSyn || tcb.state === TIME_WAIT)) {
    answerInvalid(tcb, seg, M.TX_CHALLENGE, now);
    return drop(tcb, M.RX_SYN_CHALLENGED, now);
  }
  // RFC 793 p. 71: a SYN in the window is an error; the connection is reset, as by ABORT.
  finish(tcb, tcb.state === TIME_WAIT ? OK : ECONNRESET, M.RX_SYN_CHALLENGED, now);
  tcb.rstNow = M.TX_RST_CLOSED;
  return false;
}

/** Fifth: ACK. */
function checkAck(tcb: Tcb, seg: Segment, now: number, reset: Reset): boolean {
  if ((seg.ctl & ACK) === 0) {
    if (tcb.state === TIME_WAIT) answerLate(tcb, seg, now);
    return drop(tcb, M.RX_NO_ACK, now);
  }
  const { snd } = tcb;
  if (tcb.state === SYN_RECEIVED) {
    // With Fast Open, the ACK may cover more than our SYN.
    const { early } = tcb.fast;
    if (!opens(tcb, seg, now, reset)) return false;
    if (!early) return true;
  }
  if (gt(seg.ack, snd.nxt)) {
    const silent = tcb.state === ESTABLISHED && tcb.params.acceptance.ignoreUnsentAck;
    if (!silent) answerInvalid(tcb, seg, M.TX_CHALLENGE, now);
    return drop(tcb, M.RX_ACK_TOO_NEW, now);
  }
  if (tcb.params.acceptance.rfc5961 && tcb.params.acceptance.challengeAck && lt(seg.ack, (snd.una - snd.wndMax) | 0)) {
    answerInvalid(tcb, seg, M.TX_CHALLENGE, now);
    return drop(tcb, M.RX_ACK_TOO_OLD, now);
  }
  heard(tcb, now);
  takeTimestamp(tcb, seg, now);
  const finAcked = acknowledge(tcb, seg, now);
  proveSize(tcb);
  switch (tcb.state) {
    case FIN_WAIT_1:
      if (finAcked) finWait2(tcb, now);
      break;
    case CLOSING:
      if (finAcked) timeWait(tcb, M.GOT_ACK_OF_FIN, now);
      return !finAcked;
    case LAST_ACK:
      if (finAcked) {
        finish(tcb, OK, M.GOT_ACK_OF_FIN, now);
        return false;
      }
      break;
    case TIME_WAIT:
      // Only a retransmission of the peer's FIN is valid: acknowledge it and restart the 2 MSL.
      if (seg.ctl & FIN) {
        tcb.ackNow = M.TX_ACK_FIN;
        timeWait(tcb, M.GOT_FIN, now);
      } else answerLate(tcb, seg, now);
      return false;
  }
  return true;
}

/** The peer is alive: its segment and its ACK are acceptable. Old or forged segments do not show this. */
export function heard(tcb: Tcb, now: number): void {
  tcb.lastAckTime = now;
  tcb.keepAliveProbes = 0;
  if (tcb.params.keepAlive && tcb.state & (ESTABLISHED | CLOSE_WAIT | FIN_WAIT_2)) {
    tcb.timers[T_KEEPALIVE] = now + idleTime(tcb);
  }
}

/** Only the peer's FIN is valid in TIME-WAIT. Linux answers everything except a pure ACK at RCV.NXT with an ACK. */
function answerLate(tcb: Tcb, seg: Segment, now: number): void {
  const isNews = seg.len > 0 || seg.seq !== tcb.rcv.nxt;
  if (tcb.params.ending.timeWaitAnswersAll && isNews) answerInvalid(tcb, seg, M.TX_ACK_UNACCEPTABLE, now);
}

/** In SYN-RECEIVED: whether our SYN is acknowledged, and there is room for one more connection. */
function opens(tcb: Tcb, seg: Segment, now: number, reset: Reset): boolean {
  const { snd, listener, fast } = tcb;
  if (!(gt(seg.ack, snd.iss) && le(seg.ack, snd.nxt))) {
    resetFor(seg, M.TX_RST_ACK, reset);
    return drop(tcb, M.RX_ACK_TOO_NEW, now);
  }
  // The listener waits for data: the ACK only shows that our SYN,ACK arrived.
  const unripe = tcb.retries + tcb.deferredTimeouts < tcb.params.deferAccept;
  if (unripe && !fast.early && listener !== null && seg.len === 0) {
    tcb.acceptDeferred = true;
    return drop(tcb, M.RX_DEFERRED, now);
  }
  // The accept queue is full: ignore the ACK as if it had been lost; the SYN,ACK is retransmitted later.
  if (!fast.early && listener !== null && listener.ready.length > listener.backlog) {
    if (tcb.params.opening.abortOnOverflow) {
      resetFor(seg, M.TX_RST_LIMIT, reset);
      finish(tcb, ECONNREFUSED, M.RX_BACKLOG, now);
    }
    return drop(tcb, M.RX_BACKLOG, now);
  }
  takeTimestamp(tcb, seg, now);
  if (fast.early) handshakeOver(tcb, seg, now);
  else {
    if (listener !== null) {
      listener.halfOpen--;
      listener.ready.push(tcb);
    }
    establish(tcb, seg, now);
    answered(tcb, seg, now);
  }
  afterEstablished(tcb, now);
  return true;
}

/** If CLOSE was called in SYN-RECEIVED, the FIN follows at once. */
function afterEstablished(tcb: Tcb, now: number): void {
  if (tcb.snd.fin) enterFinWait1(tcb, now);
}

export function enterFinWait1(tcb: Tcb, now: number): void {
  setState(tcb, FIN_WAIT_1, M.CALL_CLOSE, now);
}

function finWait2(tcb: Tcb, now: number): void {
  setState(tcb, FIN_WAIT_2, M.GOT_ACK_OF_FIN, now);
  // Nobody will read any more: limit the time that the peer can keep us waiting.
  if (tcb.rcv.closed) tcb.timers[T_TIME_WAIT] = now + tcb.params.ending.finWait2;
}

/** RFC 3168 §6.1.3: a mark is echoed until the peer reports that it reduced its rate (CWR). */
function congestionMark(tcb: Tcb, seg: Segment): void {
  if (seg.ctl & CWR) {
    tcb.ecnEcho = false;
    // The end of the echo shows the sender that its CWR arrived.
    if (seg.n > 0) tcb.ackNow = M.TX_ACK_PUSH;
  }
  if (seg.ecn !== CE) return;
  tcb.env.counters.count(M.RX_CE);
  if (!tcb.ecnEcho) {
    // The sender should learn of it soon.
    enterQuickAck(tcb, 2);
  }
  tcb.ecnEcho = true;
}

/** Sixth: URG. Advances RCV.UP, and informs the user (MUST-30, MUST-32). The octets stay in the stream. */
function checkUrgent(tcb: Tcb, seg: Segment): void {
  if ((seg.ctl & URG) === 0 || (tcb.state & (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2)) === 0) return;
  const up = (seg.seq + seg.up) | 0;
  const { rcv } = tcb;
  if (rcv.urgent ? gt(up, rcv.up) : gt(up, (rcv.nxt - rcv.unread) | 0)) {
    rcv.up = up;
    rcv.urgent = true;
    tcb.events |= EVENT_URGENT;
  }
}

/**
 * Answers an invalid segment with an ACK, at most once per `invalidAckInterval`: challenge ACKs because of RFC 5961 §7, others because they
 * could answer one another without end. Data does not come from such a loop.
 */
function answerInvalid(tcb: Tcb, seg: Segment, cause: number, now: number): void {
  const couldLoop = seg.n === 0 || (seg.ctl & SYN) !== 0;
  const limits = couldLoop || cause === M.TX_CHALLENGE;
  if (!limits || !isLimited(tcb, now)) tcb.ackNow = cause;
}

/** Whether it is too soon after the last such answer. */
function isLimited(tcb: Tcb, now: number): boolean {
  if (now - tcb.invalidAckTime < tcb.params.acceptance.invalidAckInterval) {
    tcb.env.counters.count(M.RX_INVALID_LIMITED);
    return true;
  }
  tcb.invalidAckTime = now;
  return false;
}

function drop(tcb: Tcb, mark: number, now: number): false {
  explain(tcb, mark);
  tcb.env.trace.record(now, EV_DROP, mark, tcb.id, 0);
  return false;
}
