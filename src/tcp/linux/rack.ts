/** RACK (RFC 8985 §6) as Linux has it: what counts as its round trip, when its window is open, and its timer. */
import { MILLISECOND, NEVER } from "#base/time";
import * as M from "../marks.ts";
import { LOST, NONE, RESENT, SACKED } from "../records.ts";
import { gt, lt } from "../seq.ts";
import { CA_RECOVERY, T_REORDER, T_RETRANSMIT, type Tcb } from "../tcb.ts";
import { enterRecovery } from "./alert.ts";
import { reduceCwnd } from "./reduction.ts";
import { EVER_RESENT, markLost } from "./scoreboard.ts";
import { rearm } from "./timers.ts";
import { arm, inFlight, type LinuxVariables, RESEND_LOST, tick } from "./variables.ts";

/** Recoveries without D-SACK after which the reordering window shrinks again (RFC 8985 §6.2 step 4). */
const PERSIST = 16;
/** No timer is shorter. */
const TIMEOUT_MIN = 2 * MILLISECOND;

/** Record r, or what was just cut from it, arrived: its end, the time of its last copy, its marks. */
export function advance(tcb: Tcb, lx: LinuxVariables, flags: number, end: number, time: number, now: number): void {
  const rtt = now - time;
  // So early an answer is one to the first copy.
  if (flags & EVER_RESENT && Math.ceil(rtt) < tcb.rttMin) return;
  lx.rackAdvanced = true;
  lx.rackRtt = rtt;
  if (lx.rackTime < 0 || sentAfter(time, end, lx.rackTime, lx.rackEnd)) {
    lx.rackTime = time;
    lx.rackEnd = end;
  }
}

function sentAfter(t1: number, end1: number, t2: number, end2: number): boolean {
  return t1 > t2 || (t1 === t2 && gt(end1, end2));
}

/** Step 4: D-SACKs open the reordering window, once per round trip; recoveries without one close it. */
export function updateWindow(tcb: Tcb, lx: LinuxVariables, deliveredBefore: number): void {
  if (deliveredBefore < lx.rackLastDelivered) lx.dsackSeen = false;
  if (lx.dsackSeen) {
    lx.reoSteps = Math.min(255, lx.reoSteps + 1);
    lx.dsackSeen = false;
    lx.rackLastDelivered = tcb.deliveredSegments;
    lx.reoPersist = PERSIST;
  } else if (lx.reoPersist === 0) lx.reoSteps = 1;
}

function reorderingWindow(tcb: Tcb, lx: LinuxVariables): number {
  if (tcb.reorderingsSeen === 0 && (tcb.cc.phase >= CA_RECOVERY || lx.sackedOut >= tcb.reordering)) return 0;
  if (tcb.rttMin === NEVER) return 0;
  return Math.min(Math.floor(tcb.rttMin / 4) * lx.reoSteps, Math.floor(lx.srtt8 / 8));
}

/** How much longer record r may take before it counts as lost. */
export function patience(tcb: Tcb, lx: LinuxVariables, r: number, window: number, now: number): number {
  return lx.rackRtt + window - (Math.max(lx.clock, now) - tcb.env.records.time[r]!);
}

/** Step 5. Returns how long to wait for what is not lost yet, or 0. */
function detect(tcb: Tcb, lx: LinuxVariables, now: number): number {
  const { records } = tcb.env;
  const window = reorderingWindow(tcb, lx);
  let wait = 0;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) {
    const flags = records.flags[r]!;
    if (flags & SACKED || (flags & (LOST | RESENT)) === LOST) continue;
    if (!sentAfter(lx.rackTime, lx.rackEnd, records.time[r]!, records.end[r]!)) continue;
    const left = patience(tcb, lx, r, window, now);
    if (left <= 0) markLost(tcb, lx, r, M.TX_FAST, now);
    else wait = Math.max(wait, left);
  }
  return wait;
}

/** After an ACK that RACK learnt from. True: its own timer runs now. */
export function markOverdue(tcb: Tcb, lx: LinuxVariables, now: number): boolean {
  if (!lx.rackAdvanced) return false;
  lx.rackAdvanced = false;
  const wait = detect(tcb, lx, now);
  if (wait > 0) arm(tcb, T_REORDER, now + Math.ceil(wait) + TIMEOUT_MIN);
  return wait > 0;
}

/** RFC 8985 §6.3: the timer fired. */
export function overtaken(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const before = inFlight(lx);
  const lost = lx.lost;
  tick(lx, now);
  detect(tcb, lx, now);
  if (before !== inFlight(lx)) {
    if (tcb.cc.phase !== CA_RECOVERY) {
      enterRecovery(tcb, lx, false, now);
      reduceCwnd(tcb, lx, 1, lx.lost - lost, false, now);
    }
    lx.resend = RESEND_LOST;
  }
  if (tcb.timers[T_RETRANSMIT] === NEVER) rearm(tcb, lx, true, now);
}

/** Whether what is not SACKed counts as lost when the retransmission timer fires: the head, and what RACK would not wait for. */
export function isOverdue(tcb: Tcb, lx: LinuxVariables, r: number, now: number): boolean {
  return r === tcb.head || patience(tcb, lx, r, 0, now) <= 0;
}

/** The stamp that an ACK echoes is older than the last copy of record r: it answers an earlier one. */
export function echoesEarlier(tcb: Tcb, r: number, echoed: boolean, tsecr: number): boolean {
  if (!echoed || (tcb.env.records.flags[r]! & EVER_RESENT) === 0) return false;
  return lt(tsecr, (Math.floor(tcb.env.records.time[r]! / MILLISECOND) + tcb.tsOffset) | 0);
}
