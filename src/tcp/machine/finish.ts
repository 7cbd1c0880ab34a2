/** The ends of a connection: TIME-WAIT, and CLOSED with everything freed. */
import { NEVER } from "#base/time";
import { releaseRecords } from "../loss/scoreboard.ts";
import { endEarly } from "../open/fast-open.ts";
import { over } from "../open/fast-open-client.ts";
import { OK } from "../words/error.ts";
import * as M from "../words/marks.ts";
import { EMPTY_RING } from "../words/sequence-ring.ts";
import { CLOSED, SYN_RECEIVED, TIME_WAIT } from "../words/state.ts";
import { EVENT_CLOSED, setState, T_TIME_WAIT, type Tcb } from "../words/tcb.ts";

/**
 * The connection has ended. Queues, records and timers are freed at once. Unread in-order data stays readable, unless the connection was
 * reset (RFC 9293 §3.10.7.4: queues are flushed then).
 */
export function finish(tcb: Tcb, error: number, cause: number, now: number): void {
  if (tcb.fast.early) endEarly(tcb, cause, now);
  else if (tcb.state === SYN_RECEIVED && tcb.listener !== null) tcb.listener.halfOpen--;
  over(tcb, now);
  setState(tcb, CLOSED, cause, now);
  tcb.error = error;
  tcb.endedBy = cause;
  tcb.timers.fill(NEVER);
  tcb.synNow = 0;
  tcb.ackNow = 0;
  tcb.ackDuplicates = 0;
  tcb.probeNow = 0;
  tcb.snd.neverSent = notSent(tcb);
  tcb.rtt.backoff = 0;
  releaseRecords(tcb);
  tcb.sendQueue.clear();
  tcb.snd.queued = 0;
  tcb.snd.ends = EMPTY_RING;
  // The RST still reports them.
  if (tcb.rstNow === 0) tcb.ranges.clear();
  if ((error !== OK && !tcb.params.resetting.resetKeepsReceived) || tcb.rcv.unread === 0) {
    tcb.receiveQueue.clear();
    tcb.rcv.unread = 0;
  }
  tcb.events |= EVENT_CLOSED;
}

/** Octets, and the FIN, that the user gave us and that have not been sent. */
export function notSent(tcb: Tcb): number {
  const { snd } = tcb;
  const isFinAcked = snd.finSent && tcb.outstanding() === 0;
  return Math.max(0, snd.queued + Number(snd.fin && !isFinAcked) - tcb.outstanding());
}

/** Enters TIME-WAIT, or restarts its 2 MSL (MUST-13). */
export function timeWait(tcb: Tcb, cause: number, now: number): void {
  setState(tcb, TIME_WAIT, cause, now);
  tcb.timers.fill(NEVER);
  tcb.timers[T_TIME_WAIT] = now + tcb.params.ending.timeWait;
  tcb.sendQueue.clear();
}

/** 2 MSL are over, or FIN-WAIT-2 without a reader has timed out. */
export function timeWaitOver(tcb: Tcb, now: number): void {
  finish(tcb, OK, tcb.state === TIME_WAIT ? M.TIMER_TIME_WAIT : M.TIMER_FIN_WAIT_2, now);
}
