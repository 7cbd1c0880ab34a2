/** Reduces cwnd to ssthresh once per loss episode, in proportion to what is delivered (RFC 6937), and undoes that after a false alarm. */
import { NEVER } from "#base/time";
import { EV_CWND } from "#base/trace";
import * as M from "../words/marks.ts";
import { NONE } from "../words/records.ts";
import { diff, ge, lt } from "../words/seq.ts";
import { CA_CWR, CA_DISORDER, CA_OPEN, CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { cwndOf, inFlight, SSTHRESH_INFINITE, setCwnd, setSsthresh, ssthreshOf } from "./cwnd.ts";
import { EVER_RESENT, highestSacked, nothingLost } from "./scoreboard.ts";

/** Linux' tcp_max_reordering. */
const REORDERING_MAX = 300;
/** The marks of so few segments may be cleared at any time. */
const UNMARK_MIN = 64;

export function isReducing(tcb: Tcb): boolean {
  return tcb.cc.phase === CA_CWR || tcb.cc.phase === CA_RECOVERY;
}

export function setPhase(tcb: Tcb, phase: number): void {
  tcb.cc.phase = phase;
}

/** ssthresh as it would be without the reduction under way. */
export function currentSsthresh(tcb: Tcb): number {
  if (isReducing(tcb)) return ssthreshOf(tcb);
  const cwnd = cwndOf(tcb);
  return Math.max(ssthreshOf(tcb), (cwnd >> 1) + (cwnd >> 2));
}

/** Notes what `undo` needs in order to recognize a false alarm. */
export function armUndo(tcb: Tcb): void {
  tcb.recovery.undoArmed = tcb.params.retransmitting.undo;
  tcb.recovery.undoMarker = tcb.snd.una;
  tcb.recovery.undoResent = tcb.board.retransOut + (tcb.tailProbe.pending && tcb.tailProbe.resent ? 1 : 0);
  if (tcb.recovery.undoResent === 0) tcb.recovery.undoResent = -1;
}

export function beginReduction(tcb: Tcb, now: number): void {
  const { cc } = tcb;
  cc.recover = tcb.snd.nxt;
  cc.credit = 0;
  tcb.tailProbe.pending = false;
  tcb.recovery.priorCwnd = cwndOf(tcb);
  tcb.recovery.prrDelivered = 0;
  tcb.recovery.prrOut = 0;
  cc.ssthresh = tcb.congestion.reduce(tcb, now);
  tcb.ecnReduced ||= tcb.ecnOk;
}

/** Proportional rate reduction (RFC 6937). An ACK that moves SND.UNA and shows no further loss allows one segment more, as in Linux. */
export function reduceCwnd(tcb: Tcb, delivered: number, lost: number, advanced: boolean, now: number): void {
  if (delivered <= 0 || tcb.recovery.priorCwnd === 0) return;
  tcb.recovery.prrDelivered += delivered;
  const ssthresh = ssthreshOf(tcb);
  const room = ssthresh - inFlight(tcb);
  let n: number;
  if (room < 0) n = Math.ceil((ssthresh * tcb.recovery.prrDelivered) / tcb.recovery.priorCwnd) - tcb.recovery.prrOut;
  else {
    n = Math.max(tcb.recovery.prrDelivered - tcb.recovery.prrOut, delivered);
    if (advanced && lost === 0) n++;
    n = Math.min(room, n);
  }
  // The fast retransmit is sent whatever cwnd allows.
  n = Math.max(n, tcb.recovery.prrOut > 0 ? 0 : 1);
  setCwnd(tcb, inFlight(tcb) + n);
  traceCwnd(tcb, M.CC_RECOVERY, now);
}

export function endReduction(tcb: Tcb, now: number): void {
  if (tcb.congestion.control !== undefined) return;
  const ssthresh = ssthreshOf(tcb);
  if (ssthresh >= SSTHRESH_INFINITE || !(tcb.cc.phase === CA_CWR || tcb.recovery.undoArmed)) return;
  setCwnd(tcb, ssthresh);
  tcb.usage.at = now;
  traceCwnd(tcb, M.CC_EXIT_RECOVERY, now);
}

/** Reduces cwnd for ECE, at most once per window of data (RFC 3168 §6.1.2). @param cause a mark, for the trace */
export function enterCwr(tcb: Tcb, cause: number, now: number): void {
  tcb.recovery.priorSsthresh = 0;
  if (tcb.cc.phase >= CA_CWR) return;
  tcb.recovery.undoArmed = false;
  beginReduction(tcb, now);
  setPhase(tcb, CA_CWR);
  traceCwnd(tcb, cause, now);
}

/** True if a retransmitted segment may be in flight. Of records that are considered lost only the first is looked at. */
export function anyResent(tcb: Tcb): boolean {
  if (tcb.board.retransOut > 0) return true;
  return tcb.board.head !== NONE && (tcb.env.records.flags[tcb.board.head]! & EVER_RESENT) !== 0;
}

/** Sets the state to Open if nothing is SACKed, lost or retransmitted, else to Disorder. */
export function keepOpen(tcb: Tcb): void {
  const phase = tcb.board.sackedOut + tcb.board.lostOut > 0 || anyResent(tcb) ? CA_DISORDER : CA_OPEN;
  if (tcb.cc.phase === phase) return;
  setPhase(tcb, phase);
  tcb.cc.recover = tcb.snd.nxt;
}

/** True if the ACK answers an original transmission, not a retransmission (Eifel detection, RFC 3522). */
function answersOriginal(tcb: Tcb, answer: Answer): boolean {
  if (tcb.recovery.resentSince) return answer.echoed && lt(answer.tsecr, tcb.recovery.retransStamp);
  // Nothing was retransmitted yet. Without SACK that is certain only below `recover`: `mustHold` clears `resentSince`.
  return tcb.sackOk || lt(tcb.snd.una, tcb.cc.recover);
}

function mayUndo(tcb: Tcb, answer: Answer): boolean {
  return tcb.recovery.undoArmed && (tcb.recovery.undoResent === 0 || answersOriginal(tcb, answer));
}

/**
 * A false alarm about a whole window happens once per window, not with every second ACK. If fewer segments than half of the lost ones were
 * delivered since the last one, the ACK's only effect would be that all marks are cleared and set again, so the recovery goes on.
 */
function mayUnmark(tcb: Tcb): boolean {
  const { lostOut } = tcb.board;
  return lostOut <= UNMARK_MIN || tcb.deliveredSegments - tcb.recovery.unmarkedAt >= lostOut >> 1;
}

/** Restores cwnd and ssthresh after a false alarm. @param unmark also clears the LOST marks of all records */
export function undo(tcb: Tcb, unmark: boolean, now: number): void {
  if (unmark) {
    nothingLost(tcb);
    tcb.recovery.unmarkedAt = tcb.deliveredSegments;
  }
  if (tcb.recovery.priorSsthresh > 0) {
    if (tcb.congestion.control === undefined) setCwnd(tcb, Math.max(cwndOf(tcb), tcb.recovery.priorCwnd));
    tcb.congestion.undone?.(tcb, now);
    if (tcb.recovery.priorSsthresh > ssthreshOf(tcb)) {
      setSsthresh(tcb, tcb.recovery.priorSsthresh);
      tcb.ecnReduced = false;
    }
  }
  tcb.usage.at = now;
  tcb.recovery.undoArmed = false;
  tcb.rack.advanced = true;
  tcb.env.counters.count(M.CC_UNDO);
  traceCwnd(tcb, M.CC_UNDO, now);
}

/** Undoes the reduction if D-SACKs have shown that every retransmission was unnecessary (RFC 3708). */
export function undoByDsack(tcb: Tcb, now: number): boolean {
  if (!tcb.recovery.undoArmed || tcb.recovery.undoResent !== 0) return false;
  tcb.rack.reoPersist = Math.min(16, tcb.rack.reoPersist + 1);
  undo(tcb, false, now);
  return true;
}

/** Without SACK the state is kept until data above `recover` is acknowledged (RFC 6582 §4). */
function mustHold(tcb: Tcb): boolean {
  if (tcb.sackOk || tcb.snd.una !== tcb.cc.recover) return false;
  // Nothing retransmitted is in flight: the timestamp of the first retransmission no longer tells copies apart.
  if (!anyResent(tcb)) tcb.recovery.resentSince = false;
  return true;
}

/** Everything up to `recover` is acknowledged: ends the state, with an undo if it was a false alarm. Returns true if the state is kept for now. */
export function undoRecovery(tcb: Tcb, answer: Answer, now: number): boolean {
  if (mayUndo(tcb, answer)) undo(tcb, false, now);
  else if (tcb.rack.reoPersist > 0) tcb.rack.reoPersist--;
  if (mustHold(tcb)) return true;
  setPhase(tcb, CA_OPEN);
  tcb.delivery.reneged = false;
  return false;
}

/** A partial ACK answers an original that was considered lost, so it was only reordered. Returns true if the ACK is fully handled. */
export function undoPartial(tcb: Tcb, answer: Answer, before: number, now: number): boolean {
  if (!tcb.recovery.undoArmed || !answersOriginal(tcb, answer) || !mayUnmark(tcb)) return false;
  noteReordering(tcb, before);
  if (tcb.board.retransOut > 0) return true;
  if (!anyResent(tcb)) tcb.recovery.resentSince = false;
  undo(tcb, true, now);
  keepOpen(tcb);
  return false;
}

/** Undoes Loss if the timeout was spurious. @param sure F-RTO has shown that it was */
export function undoLoss(tcb: Tcb, answer: Answer, sure: boolean, now: number): boolean {
  if ((!sure && !mayUndo(tcb, answer)) || !mayUnmark(tcb)) return false;
  tcb.rtt.timeoutAt = -NEVER;
  undo(tcb, true, now);
  tcb.retries = 0;
  if (mustHold(tcb)) return true;
  if (sure || tcb.sackOk) {
    setPhase(tcb, CA_OPEN);
    tcb.delivery.reneged = false;
  }
  return true;
}

/** The segment at `low` was delivered after later ones: raises the reordering degree to this distance in segments. */
export function noteReordering(tcb: Tcb, low: number): void {
  const high = highestSacked(tcb);
  if (ge(low, high)) return;
  const octets = diff(high, low);
  const { mss } = tcb.snd;
  if (octets > tcb.reordering * mss) tcb.reordering = Math.min(Math.ceil(octets / mss), REORDERING_MAX);
  tcb.reorderingsSeen++;
}

/** Without SACK: limits the count of duplicates to what can be in flight beside the holes. Returns true if it was larger. */
export function limitDuplicates(tcb: Tcb): boolean {
  const holes = Math.min(Math.max(tcb.board.lostOut, 1), tcb.board.packetsOut);
  if (tcb.board.sackedOut + holes <= tcb.board.packetsOut) return false;
  tcb.board.sackedOut = tcb.board.packetsOut - holes;
  return true;
}

/** Without SACK: more duplicates than segments in flight mean that segments were reordered. */
export function noteDuplicateReordering(tcb: Tcb, acked: number): void {
  if (!limitDuplicates(tcb)) return;
  tcb.reordering = Math.min(tcb.board.packetsOut + acked, REORDERING_MAX);
  tcb.reorderingsSeen++;
}

/** Forgets the timestamp of the first retransmission once nothing retransmitted is in flight. */
export function forgetResent(tcb: Tcb): void {
  if (!anyResent(tcb)) tcb.recovery.resentSince = false;
}

export function traceCwnd(tcb: Tcb, cause: number, now: number): void {
  const { env, cc, pacing } = tcb;
  const i = env.trace.record(now, EV_CWND, cause, tcb.id, cc.cwnd, cc.ssthresh, tcb.inFlight(), tcb.snd.wnd);
  env.trace.more(i, pacing.isOn ? pacing.rate : 0, 0, 0);
}
