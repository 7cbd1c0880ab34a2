/** RACK (RFC 8985 §6) as Linux has it: what counts as its round trip, when its window is open, and its timer. */
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

/** Recoveries without D-SACK after which the reordering window shrinks again (RFC 8985 §6.2 step 4). */
const PERSIST = 16;
/** No timer is shorter. */
const TIMEOUT_MIN = 2 * MILLISECOND;

/** Record r, or what was just cut from it, arrived: its end, the time of its last copy, its marks. */
export function advance(tcb: Tcb, flags: number, end: number, time: number, now: number): void {
  const rtt = now - time;
  // So early an answer is one to the first copy.
  if (flags & EVER_RESENT && Math.ceil(rtt) < tcb.rttMin) return;
  tcb.rack.advanced = true;
  tcb.rack.rtt = rtt;
  if (tcb.rack.time < 0 || sentAfter(time, end, tcb.rack.time, tcb.rack.end)) {
    tcb.rack.time = time;
    tcb.rack.end = end;
  }
}

/** Step 4: D-SACKs open the reordering window, once per round trip; recoveries without one close it. */
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

/** How much longer record r may take before it counts as lost. */
export function patience(tcb: Tcb, r: number, window: number, now: number): number {
  return tcb.rack.rtt + window - (Math.max(tcb.output.clock, now) - tcb.env.records.time[r]!);
}

/** Step 5. Returns how long to wait for what is not lost yet, or 0. */
function detect(tcb: Tcb, now: number): number {
  const { later } = tcb.env.records;
  const window = reorderingWindow(tcb);
  let r = tcb.board.oldest;
  while (r !== NONE && isOvertaken(tcb, r)) {
    if (patience(tcb, r, window, now) > 0) return patience(tcb, lastOvertaken(tcb, r), window, now);
    const next = later[r]!;
    markLost(tcb, r, M.TX_FAST, now);
    r = next;
  }
  return 0;
}

/** Record r was sent before something that was delivered. */
function isOvertaken(tcb: Tcb, r: number): boolean {
  const { time, end } = tcb.env.records;
  return sentAfter(tcb.rack.time, tcb.rack.end, time[r]!, end[r]!);
}

/** The last that was overtaken, r or one sent after it: it is the one to wait for longest. Looks on from where it was last time. */
function lastOvertaken(tcb: Tcb, r: number): number {
  const { rack } = tcb;
  const { later } = tcb.env.records;
  if (rack.overtaken === NONE) rack.overtaken = r;
  for (let s = later[rack.overtaken]!; s !== NONE && isOvertaken(tcb, s); s = later[s]!) rack.overtaken = s;
  return rack.overtaken;
}

/** After an ACK that RACK learnt from. True: its own timer runs now. */
export function markOverdue(tcb: Tcb, now: number): boolean {
  if (!tcb.rack.advanced) return false;
  tcb.rack.advanced = false;
  const wait = detect(tcb, now);
  if (wait > 0) arm(tcb, T_REORDER, now + Math.ceil(wait) + TIMEOUT_MIN);
  return wait > 0;
}

/** RFC 8985 §6.3: the timer fired. */
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

/** Whether what is not SACKed counts as lost when the retransmission timer fires: the head, and what RACK would not wait for. */
export function isOverdue(tcb: Tcb, r: number, now: number): boolean {
  return r === tcb.board.head || patience(tcb, r, 0, now) <= 0;
}

/** The stamp that an ACK echoes is older than the last copy of record r: it answers an earlier one. */
export function echoesEarlier(tcb: Tcb, r: number, echoed: boolean, tsecr: number): boolean {
  if (!echoed || (tcb.env.records.flags[r]! & EVER_RESENT) === 0) return false;
  return lt(tsecr, (Math.floor(tcb.env.records.time[r]! / MILLISECOND) + tcb.tsOffset) | 0);
}
