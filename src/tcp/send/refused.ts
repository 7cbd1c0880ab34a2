/**
 * A segment that the device refused (`sendFailed` of the stack): undoes the bookkeeping, and tries again. Measured on Linux 6.18 with
 * `pfifo limit 0`: the attempt counts in the statistics (octets, segments, retransmissions, timeouts in a row), cwnd is reduced as for a
 * congestion mark, the RTO does not back off, and segments sent by a timer are sent again after 500 ms.
 */
import { MILLISECOND } from "#base/time";
import { dropTail } from "../loss/acknowledged.ts";
import { arm } from "../loss/cwnd.ts";
import { enterCwr } from "../loss/reduction.ts";
import { remark } from "../loss/scoreboard.ts";
import { rearm } from "../loss/timers.ts";
import {
  ATTEMPT_AGAIN,
  ATTEMPT_KEEPALIVE,
  ATTEMPT_NEW,
  ATTEMPT_SYN,
  ATTEMPT_WINDOW_PROBE,
  FOR_TAIL_PROBE,
  FOR_TIMEOUT,
  FOR_WINDOW_PROBE,
} from "../words/attempt.ts";
import * as M from "../words/marks.ts";
import { HAS_FIN, RESENT } from "../words/records.ts";
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT } from "../words/state.ts";
import { T_KEEPALIVE, T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { RESEND_NONE } from "../words/variables.ts";
import { endPush } from "./transmit.ts";

/** Linux's TCP_RESOURCE_PROBE_INTERVAL: the time between two attempts on a device that refuses. */
const PROBE_INTERVAL = 500 * MILLISECOND;

/** The segment of this connection that was polled last was not sent. */
export function refused(tcb: Tcb, now: number): void {
  const { attempt, counters } = tcb.env;
  if (attempt.connection !== tcb.id) return;
  attempt.connection = -1;
  counters.count(M.TX_REFUSED);
  if (tcb.state & (CLOSED | LISTEN)) return;
  const { kind } = attempt;
  if (kind === ATTEMPT_NEW) neverSent(tcb);
  else if (kind === ATTEMPT_AGAIN) notResent(tcb);
  if ((tcb.state & (SYN_SENT | SYN_RECEIVED)) === 0) enterCwr(tcb, M.CC_LOCAL, now);
  if (kind === ATTEMPT_NEW || kind === ATTEMPT_AGAIN) tryAgain(tcb, now);
  else if (kind === ATTEMPT_SYN) afterTimeout(tcb, now);
  else if (kind === ATTEMPT_WINDOW_PROBE) {
    if (tcb.rtt.backoff > 0) tcb.rtt.backoff--;
    arm(tcb, T_PERSIST, now + PROBE_INTERVAL);
  } else if (kind === ATTEMPT_KEEPALIVE) {
    tcb.keepAliveProbes--;
    tcb.timers[T_KEEPALIVE] = now + PROBE_INTERVAL;
  }
}

/** New data, or a FIN, is queued again as before. */
function neverSent(tcb: Tcb): void {
  const { snd, board, output } = tcb;
  const { attempt, records } = tcb.env;
  const segments = records.segments[board.tail]!;
  if (records.flags[board.tail]! & HAS_FIN) snd.finSent = false;
  const ended = attempt.pieceEnds && attempt.pieceEnd === records.end[board.tail];
  snd.nxt = records.start[board.tail]!;
  dropTail(tcb);
  snd.small = attempt.small;
  if (ended) output.ends.unshift(attempt.pieceEnd, attempt.piecePushes);
  output.pushed = Math.max(0, output.pushed - segments);
  restoreTimers(tcb);
  tcb.stalledSince = attempt.stalledSince;
}

/** The record was not retransmitted. As in Linux the time of the attempt remains, so the record gives no round-trip sample (Karn). */
function notResent(tcb: Tcb): void {
  const { attempt } = tcb.env;
  if (!attempt.wasResent) remark(tcb, attempt.record, 0, RESENT);
  tcb.recovery.prrOut -= attempt.reduced;
  tcb.output.resend = RESEND_NONE;
  restoreTimers(tcb);
}

/** Whatever caused the segment tries again: a timer, or the next ACK. */
function tryAgain(tcb: Tcb, now: number): void {
  const { attempt } = tcb.env;
  if (attempt.reason === FOR_TIMEOUT) afterTimeout(tcb, now);
  else if (attempt.reason === FOR_TAIL_PROBE) {
    tcb.tailProbe.pending = false;
    tcb.tailProbe.resent = false;
    rearm(tcb, true, now);
  } else if (attempt.reason === FOR_WINDOW_PROBE) {
    tcb.probes = attempt.probes + 1;
    tcb.rtt.backoff = attempt.backoff;
    tcb.windowProbe.since = attempt.probingSince;
    arm(tcb, T_PERSIST, now + PROBE_INTERVAL);
  } else if (attempt.kind === ATTEMPT_NEW) endPush(tcb, now);
}

function afterTimeout(tcb: Tcb, now: number): void {
  tcb.rto = tcb.rtt.priorRto;
  tcb.rtt.backoff = tcb.rtt.priorBackoff;
  arm(tcb, T_RETRANSMIT, now + PROBE_INTERVAL);
}

function restoreTimers({ timers, env: { attempt } }: Tcb): void {
  timers[T_RETRANSMIT] = attempt.retransmit;
  timers[T_LOSS_PROBE] = attempt.lossProbe;
  timers[T_REORDER] = attempt.reorder;
  timers[T_PERSIST] = attempt.persist;
}
