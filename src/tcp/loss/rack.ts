/** RACK (RFC 8985 §6), as implemented in Linux. */
import { MILLISECOND, NEVER } from "#base/time";
import * as M from "../words/marks.ts";
import { NONE } from "../words/records.ts";
import { lt } from "../words/seq.ts";
import { CA_RECOVERY, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { RESEND_LOST } from "../words/variables.ts";
import { arm, inFlight, tick } from "./cwnd.ts";
import { enterRecovery } from "./recovery.ts";
import { reduceCwnd } from "./reduction.ts";
import { EVER_RESENT, markLost } from "./scoreboard.ts";
import { sentAfter } from "./sent-order.ts";
import { rearm } from "./timers.ts";

/** The reordering window is reset after this many recoveries without a D-SACK (RFC 8985 §6.2 step 4). */
const PERSIST = 16;
/** The shortest reordering timer. */
const TIMEOUT_MIN = 2 * MILLISECOND;

/** RFC 8985 §6.2 steps 1 and 2: a segment with these flags and this end was delivered. @param time when its last copy was sent */
export function advance(tcb: Tcb, flags: number, end: number, time: number, now: number): void {
  const rtt = now - time;
  // The answer came earlier than the path allows, so it answers an earlier copy.
  if (flags & EVER_RESENT && Math.ceil(rtt) < tcb.rttMin) return;
  tcb.rack.advanced = true;
  tcb.rack.rtt = rtt;
  if (tcb.rack.time < 0 || sentAfter(time, end, tcb.rack.time, tcb.rack.end)) {
    tcb.rack.time = time;
    tcb.rack.end = end;
  }
}

/** RFC 8985 §6.2 step 4: a D-SACK widens the reordering window, at most once per round trip; recoveries without a D-SACK reset it. */
export function updateWindow(tcb: Tcb, deliveredBefore: number): void {
  if (deliveredBefore < tcb.rack.lastDelivered) tcb.rack.dsackSeen = false;
  if (tcb.rack.dsackSeen) {
    tcb.rack.reoSteps = Math.min(255, tcb.rack.reoSteps + 1);
    tcb.rack.dsackSeen = false;
    tcb.rack.lastDelivered = tcb.deliveredSegments;
    tcb.rack.reoPersist = PERSIST;
  } else if (tcb.rack.reoPersist === 0) tcb.rack.reoSteps = 1;
}

function reorderingWindow(tcb: Tcb): number {
  if (tcb.reorderingsSeen === 0 && (tcb.cc.phase >= CA_RECOVERY || tcb.board.sackedOut >= tcb.reordering)) return 0;
  if (tcb.rttMin === NEVER) return 0;
  return Math.min(Math.floor(tcb.rttMin / 4) * tcb.rack.reoSteps, Math.floor(tcb.rtt.srtt8 / 8));
}

/** The time until record r counts as lost, µs; 0 or less: it does already. */
export function timeLeft(tcb: Tcb, r: number, window: number, now: number): number {
  return tcb.rack.rtt + window - (Math.max(tcb.output.clock, now) - tcb.env.records.time[r]!);
}

/** RFC 8985 §6.2 step 5. Returns the time until the next check for losses, or 0 if none is needed. */
function detect(tcb: Tcb, now: number): number {
  const { later } = tcb.env.records;
  const window = reorderingWindow(tcb);
  let r = tcb.board.oldest;
  while (r !== NONE && isOvertaken(tcb, r)) {
    if (timeLeft(tcb, r, window, now) > 0) return timeLeft(tcb, lastOvertaken(tcb, r), window, now);
    const next = later[r]!;
    markLost(tcb, r, M.TX_FAST, now);
    r = next;
  }
  return 0;
}

/** True if record r was sent before a segment that has been delivered. */
function isOvertaken(tcb: Tcb, r: number): boolean {
  const { time, end } = tcb.env.records;
  return sentAfter(tcb.rack.time, tcb.rack.end, time[r]!, end[r]!);
}

/**
 * The last record, in the order of sending, that was sent before a delivered segment: its deadline is the latest. The search continues where the
 * last one ended.
 */
function lastOvertaken(tcb: Tcb, r: number): number {
  const { rack } = tcb;
  const { later } = tcb.env.records;
  if (rack.overtaken === NONE) rack.overtaken = r;
  for (let s = later[rack.overtaken]!; s !== NONE && isOvertaken(tcb, s); s = later[s]!) rack.overtaken = s;
  return rack.overtaken;
}

/** Looks for losses after an ACK that delivered something. Returns true if the reordering timer was started. */
export function markOverdue(tcb: Tcb, now: number): boolean {
  if (!tcb.rack.advanced) return false;
  tcb.rack.advanced = false;
  const wait = detect(tcb, now);
  if (wait > 0) arm(tcb, T_REORDER, now + Math.ceil(wait) + TIMEOUT_MIN);
  return wait > 0;
}

/** The reordering timer fired (RFC 8985 §6.2 step 5). */
export function reorderingTimeout(tcb: Tcb, now: number): void {
  const before = inFlight(tcb);
  const lost = tcb.board.lost;
  tick(tcb, now);
  detect(tcb, now);
  if (before !== inFlight(tcb)) {
    if (tcb.cc.phase !== CA_RECOVERY) {
      enterRecovery(tcb, false, now);
      reduceCwnd(tcb, 1, tcb.board.lost - lost, false, now);
    }
    tcb.output.resend = RESEND_LOST;
  }
  if (tcb.timers[T_RETRANSMIT] === NEVER) rearm(tcb, true, now);
}

/** True if record r counts as lost when the retransmission timer fires (RFC 8985 §6.3): the head, and whatever RACK would not wait for. */
export function isOverdue(tcb: Tcb, r: number, now: number): boolean {
  return r === tcb.board.head || timeLeft(tcb, r, 0, now) <= 0;
}

/** True if the echoed timestamp is older than the last copy of record r, so that the ACK answers an earlier copy. */
export function echoesEarlier(tcb: Tcb, r: number, echoed: boolean, tsecr: number): boolean {
  if (!echoed || (tcb.env.records.flags[r]! & EVER_RESENT) === 0) return false;
  return lt(tsecr, (Math.floor(tcb.env.records.time[r]! / MILLISECOND) + tcb.tsOffset) | 0);
}
