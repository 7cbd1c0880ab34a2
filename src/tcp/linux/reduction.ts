/** How cwnd falls: once per episode to ssthresh, at the pace of what is delivered (RFC 6937); and how that is taken back. */
import { EV_CWND } from "#base/trace";
import * as M from "../marks.ts";
import { LOST, NONE } from "../records.ts";
import { diff, ge, lt } from "../seq.ts";
import { CA_CWR, CA_DISORDER, CA_OPEN, CA_RECOVERY, type Tcb } from "../tcb.ts";
import type { Answer } from "./ack.ts";
import { EVER_RESENT, highestSacked, remark } from "./scoreboard.ts";
import {
  cwndOf,
  inFlight,
  type LinuxVariables,
  SSTHRESH_INFINITE,
  setCwnd,
  setSsthresh,
  ssthreshOf,
} from "./variables.ts";

/** Linux' tcp_max_reordering. */
const REORDERING_MAX = 300;

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

/** What undo will look at. */
export function armUndo(tcb: Tcb, lx: LinuxVariables): void {
  lx.undoArmed = tcb.params.undo;
  lx.undoMarker = tcb.snd.una;
  lx.undoResent = lx.retransOut + (lx.probing && lx.probeResent ? 1 : 0);
  if (lx.undoResent === 0) lx.undoResent = -1;
}

export function beginReduction(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const { cc } = tcb;
  cc.recover = tcb.snd.nxt;
  cc.credit = 0;
  lx.probing = false;
  lx.priorCwnd = cwndOf(tcb);
  lx.prrDelivered = 0;
  lx.prrOut = 0;
  cc.ssthresh = tcb.congestion.reduce(tcb, now);
  tcb.ecnReduced ||= tcb.ecnOk;
}

/** RFC 6937, with a segment more for an ACK that moves SND.UNA and shows no further loss. */
export function reduceCwnd(
  tcb: Tcb,
  lx: LinuxVariables,
  delivered: number,
  lost: number,
  advanced: boolean,
  now: number,
): void {
  if (delivered <= 0 || lx.priorCwnd === 0) return;
  lx.prrDelivered += delivered;
  const ssthresh = ssthreshOf(tcb);
  const room = ssthresh - inFlight(lx);
  let n: number;
  if (room < 0) n = Math.ceil((ssthresh * lx.prrDelivered) / lx.priorCwnd) - lx.prrOut;
  else {
    n = Math.max(lx.prrDelivered - lx.prrOut, delivered);
    if (advanced && lost === 0) n++;
    n = Math.min(room, n);
  }
  // The first retransmission goes whatever the pipe says.
  n = Math.max(n, lx.prrOut > 0 ? 0 : 1);
  setCwnd(tcb, inFlight(lx) + n);
  traceCwnd(tcb, M.CC_RECOVERY, now);
}

export function endReduction(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const ssthresh = ssthreshOf(tcb);
  if (ssthresh >= SSTHRESH_INFINITE || !(tcb.cc.phase === CA_CWR || lx.undoArmed)) return;
  setCwnd(tcb, ssthresh);
  lx.usedAt = now;
  traceCwnd(tcb, M.CC_EXIT_RECOVERY, now);
}

/** RFC 3168 §6.1.2: once per window of data. */
export function enterCwr(tcb: Tcb, lx: LinuxVariables, now: number): void {
  lx.priorSsthresh = 0;
  if (tcb.cc.phase >= CA_CWR) return;
  lx.undoArmed = false;
  beginReduction(tcb, lx, now);
  setPhase(tcb, CA_CWR);
  traceCwnd(tcb, M.CC_ECN, now);
}

/** Something that was resent, and was not SACKed or acknowledged since, is in flight; looks no further than the first record. */
export function anyResent(tcb: Tcb, lx: LinuxVariables): boolean {
  if (lx.retransOut > 0) return true;
  return tcb.head !== NONE && (tcb.env.records.flags[tcb.head]! & EVER_RESENT) !== 0;
}

/** Open where nothing is SACKed, lost or resent; else Disorder. */
export function keepOpen(tcb: Tcb, lx: LinuxVariables): void {
  const phase = lx.sackedOut + lx.lostOut > 0 || anyResent(tcb, lx) ? CA_DISORDER : CA_OPEN;
  if (tcb.cc.phase === phase) return;
  setPhase(tcb, phase);
  tcb.cc.recover = tcb.snd.nxt;
}

/** The ACK answers what was sent before anything was resent (RFC 3522). */
function answersOriginal(tcb: Tcb, lx: LinuxVariables, answer: Answer): boolean {
  if (lx.resentSince) return answer.echoed && lt(answer.tsecr, lx.retransStamp);
  // Nothing was resent yet; but without SACK the stamp is forgotten where the state is held.
  return tcb.sackOk || lt(tcb.snd.una, tcb.cc.recover);
}

function mayUndo(tcb: Tcb, lx: LinuxVariables, answer: Answer): boolean {
  return lx.undoArmed && (lx.undoResent === 0 || answersOriginal(tcb, lx, answer));
}

/** Takes the reduction back. @param unmark nothing is lost after all */
export function undo(tcb: Tcb, lx: LinuxVariables, unmark: boolean, now: number): void {
  const { records } = tcb.env;
  if (unmark) for (let r = tcb.head; r !== NONE; r = records.next[r]!) remark(tcb, lx, r, 0, LOST);
  if (lx.priorSsthresh > 0) {
    setCwnd(tcb, Math.max(cwndOf(tcb), lx.priorCwnd));
    if (lx.priorSsthresh > ssthreshOf(tcb)) {
      setSsthresh(tcb, lx.priorSsthresh);
      tcb.ecnReduced = false;
    }
  }
  lx.usedAt = now;
  lx.undoArmed = false;
  lx.rackAdvanced = true;
  tcb.env.counters.count(M.CC_UNDO);
  traceCwnd(tcb, M.CC_UNDO, now);
}

/** D-SACKs told that all that was resent had arrived (RFC 3708). */
export function undoByDsack(tcb: Tcb, lx: LinuxVariables, now: number): boolean {
  if (!lx.undoArmed || lx.undoResent !== 0) return false;
  lx.reoPersist = Math.min(16, lx.reoPersist + 1);
  undo(tcb, lx, false, now);
  return true;
}

/** Without SACK the state is held until something above `recover` is acknowledged (RFC 6582 §4). */
function mustHold(tcb: Tcb, lx: LinuxVariables): boolean {
  if (tcb.sackOk || tcb.snd.una !== tcb.cc.recover) return false;
  // Nobody knows any more which copies are in flight.
  if (!anyResent(tcb, lx)) lx.resentSince = false;
  return true;
}

/** All of `recover` is acknowledged. True: the state stays for now. */
export function undoRecovery(tcb: Tcb, lx: LinuxVariables, answer: Answer, now: number): boolean {
  if (mayUndo(tcb, lx, answer)) undo(tcb, lx, false, now);
  else if (lx.reoPersist > 0) lx.reoPersist--;
  if (mustHold(tcb, lx)) return true;
  setPhase(tcb, CA_OPEN);
  return false;
}

/** Part of it is acknowledged, by what was thought lost: it was late. True: nothing else is to be done now. */
export function undoPartial(tcb: Tcb, lx: LinuxVariables, answer: Answer, before: number, now: number): boolean {
  if (!lx.undoArmed || !answersOriginal(tcb, lx, answer)) return false;
  noteReordering(tcb, lx, before);
  if (lx.retransOut > 0) return true;
  if (!anyResent(tcb, lx)) lx.resentSince = false;
  undo(tcb, lx, true, now);
  keepOpen(tcb, lx);
  return false;
}

/** The timeout was for nothing. @param sure F-RTO found it out */
export function undoLoss(tcb: Tcb, lx: LinuxVariables, answer: Answer, sure: boolean, now: number): boolean {
  if (!sure && !mayUndo(tcb, lx, answer)) return false;
  undo(tcb, lx, true, now);
  tcb.retries = 0;
  if (mustHold(tcb, lx)) return true;
  if (sure || tcb.sackOk) setPhase(tcb, CA_OPEN);
  return true;
}

/** What begins at `low` arrived after something sent later: by how many segments? */
export function noteReordering(tcb: Tcb, lx: LinuxVariables, low: number): void {
  const high = highestSacked(tcb, lx);
  if (ge(low, high)) return;
  const octets = diff(high, low);
  const { mss } = tcb.snd;
  if (octets > tcb.reordering * mss) tcb.reordering = Math.min(Math.ceil(octets / mss), REORDERING_MAX);
  tcb.reorderingsSeen++;
}

/** Without SACK: more duplicates than there can be. */
export function limitDuplicates(lx: LinuxVariables): boolean {
  const holes = Math.min(Math.max(lx.lostOut, 1), lx.packetsOut);
  if (lx.sackedOut + holes <= lx.packetsOut) return false;
  lx.sackedOut = lx.packetsOut - holes;
  return true;
}

export function noteDuplicateReordering(tcb: Tcb, lx: LinuxVariables, acked: number): void {
  if (!limitDuplicates(lx)) return;
  tcb.reordering = Math.min(lx.packetsOut + acked, REORDERING_MAX);
  tcb.reorderingsSeen++;
}

/** Nothing in flight was resent: an episode that left a stamp is over. */
export function forgetResent(tcb: Tcb, lx: LinuxVariables): void {
  if (!anyResent(tcb, lx)) lx.resentSince = false;
}

export function traceCwnd(tcb: Tcb, cause: number, now: number): void {
  tcb.env.trace.record(now, EV_CWND, cause, tcb.id, tcb.cc.cwnd, tcb.cc.ssthresh, tcb.inFlight());
}
