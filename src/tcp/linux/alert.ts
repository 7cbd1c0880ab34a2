/** Open, Disorder, CWR, Recovery, Loss: what an ACK that is more than a plain advance does to the state. */

import { segmentRoom } from "../emit.ts";
import * as M from "../marks.ts";
import { LOST, NONE, SACKED } from "../records.ts";
import { diff, ge, gt } from "../seq.ts";
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY, type Tcb } from "../tcb.ts";
import type { Answer } from "./ack.ts";
import { isOverdue, markOverdue } from "./rack.ts";
import {
  anyResent,
  armUndo,
  beginReduction,
  currentSsthresh,
  endReduction,
  enterCwr,
  forgetResent,
  isReducing,
  keepOpen,
  limitDuplicates,
  noteDuplicateReordering,
  setPhase,
  traceCwnd,
  undoByDsack,
  undoLoss,
  undoPartial,
  undoRecovery,
} from "./reduction.ts";
import { cut, markLost, payloadOf, recount, remark } from "./scoreboard.ts";
import { renege } from "./timers.ts";
import {
  cwndOf,
  inFlight,
  type LinuxVariables,
  RESEND_AFTER_NEW,
  RESEND_HEAD,
  RESEND_LOST,
  setCwnd,
  setSsthresh,
} from "./variables.ts";

/**
 * @param before SND.UNA before the ACK
 * @param duplicates how many duplicates the ACK stands for
 */
export function alert(
  tcb: Tcb,
  lx: LinuxVariables,
  answer: Answer,
  before: number,
  duplicates: number,
  now: number,
): void {
  const { cc, snd } = tcb;
  if (lx.packetsOut === 0) lx.sackedOut = 0;
  // An ECE asks for the reduction: it is not taken back.
  if (answer.ece) lx.priorSsthresh = 0;
  // RFC 2018 §8: the peer threw away what it had SACKed.
  if (answer.reneging && renege(tcb, lx, answer, now)) return;
  if (cc.phase === CA_OPEN) lx.resentSince = false;
  else if (ge(snd.una, cc.recover) && over(tcb, lx, answer, now)) return;
  if (cc.phase === CA_RECOVERY) {
    inRecovery(tcb, lx, answer, before, duplicates, now);
    return;
  }
  if (cc.phase === CA_LOSS && !inLoss(tcb, lx, answer, duplicates, now)) return;
  if (!tcb.sackOk) {
    if (answer.advanced) lx.sackedOut = 0;
    addDuplicates(tcb, lx, duplicates);
  }
  if (cc.phase <= CA_DISORDER) undoByDsack(tcb, lx, now);
  findLosses(tcb, lx, answer, now);
  if (lx.lostOut === 0) {
    tryToOpen(tcb, lx, answer, now);
    return;
  }
  enterRecovery(tcb, lx, answer.ece, now);
  lx.resend = RESEND_LOST;
}

/** All that was in flight when the state was entered is acknowledged. True: no more is to be done. */
function over(tcb: Tcb, lx: LinuxVariables, answer: Answer, now: number): boolean {
  const { cc } = tcb;
  if (cc.phase === CA_CWR) {
    // Held until what carried the CWR is acknowledged.
    if (tcb.snd.una !== cc.recover) {
      endReduction(tcb, lx, now);
      setPhase(tcb, CA_OPEN);
    }
  } else if (cc.phase === CA_RECOVERY) {
    if (!tcb.sackOk) lx.sackedOut = 0;
    if (undoRecovery(tcb, lx, answer, now)) return true;
    endReduction(tcb, lx, now);
  }
  return false;
}

function inRecovery(
  tcb: Tcb,
  lx: LinuxVariables,
  answer: Answer,
  before: number,
  duplicates: number,
  now: number,
): void {
  if (!answer.advanced) {
    if (!tcb.sackOk) addDuplicates(tcb, lx, duplicates);
  } else if (undoPartial(tcb, lx, answer, before, now)) return;
  if (undoByDsack(tcb, lx, now)) tryToOpen(tcb, lx, answer, now);
  findLosses(tcb, lx, answer, now);
  if (tcb.cc.phase !== CA_RECOVERY) {
    if (lx.lostOut === 0) return;
    // Taken back, and yet something is lost.
    enterRecovery(tcb, lx, answer.ece, now);
  }
  lx.resend = RESEND_LOST;
}

/** True: the state may change further. */
function inLoss(tcb: Tcb, lx: LinuxVariables, answer: Answer, duplicates: number, now: number): boolean {
  processLoss(tcb, lx, answer, duplicates, now);
  findLosses(tcb, lx, answer, now);
  return tcb.cc.phase === CA_OPEN || answer.lostAgain;
}

function processLoss(tcb: Tcb, lx: LinuxVariables, answer: Answer, duplicates: number, now: number): void {
  const { cc, snd } = tcb;
  const recovered = ge(snd.una, cc.recover);
  if (answer.advanced && undoLoss(tcb, lx, answer, false, now)) return;
  if (lx.frto) {
    // RFC 5682 §3.1 step 3 b: what was never resent arrived.
    if (answer.original && undoLoss(tcb, lx, answer, true, now)) return;
    if (gt(snd.nxt, cc.recover)) {
      if (answer.sacked || duplicates > 0) lx.frto = false;
    } else if (answer.advanced && !recovered) {
      cc.recover = snd.nxt;
      const sent = diff(snd.nxt, snd.una);
      if (!snd.finSent && (snd.queued > sent || snd.fin) && snd.wnd > sent) {
        lx.resend = RESEND_AFTER_NEW;
        return;
      }
      lx.frto = false;
    }
  }
  if (recovered) {
    undoRecovery(tcb, lx, answer, now);
    return;
  }
  lx.resend = RESEND_LOST;
  if (tcb.sackOk) return;
  // A duplicate now answers the new data of F-RTO.
  if (gt(snd.nxt, cc.recover) && duplicates > 0) addDuplicates(tcb, lx, duplicates);
  else if (answer.advanced) lx.sackedOut = 0;
}

function findLosses(tcb: Tcb, lx: LinuxVariables, answer: Answer, now: number): void {
  if (tcb.head === NONE) return;
  if (!tcb.sackOk) {
    headLost(tcb, lx, answer.advanced, now);
    return;
  }
  const before = lx.retransOut;
  if (markOverdue(tcb, lx, now)) answer.restart = false;
  if (before > lx.retransOut) answer.lostAgain = true;
}

/** Without SACK: three duplicates, or a partial ACK (RFC 6582). */
function headLost(tcb: Tcb, lx: LinuxVariables, advanced: boolean, now: number): void {
  const { phase } = tcb.cc;
  const found = phase < CA_RECOVERY ? lx.sackedOut >= tcb.reordering : phase === CA_RECOVERY && advanced;
  if (!found) return;
  const { records } = tcb.env;
  const r = tcb.head;
  if (records.flags[r]! & LOST) return;
  const { mss } = tcb.snd;
  if (records.segments[r]! > 1 && payloadOf(tcb, r) > mss) cut(tcb, lx, r, (records.start[r]! + mss) | 0, mss);
  markLost(tcb, lx, r, M.TX_FAST, now);
}

/** Each duplicate stands for a segment that arrived. */
function addDuplicates(tcb: Tcb, lx: LinuxVariables, n: number): void {
  if (n === 0) return;
  const before = lx.sackedOut;
  lx.sackedOut += n;
  noteDuplicateReordering(tcb, lx, 0);
  if (lx.sackedOut > before) tcb.deliveredSegments += lx.sackedOut - before;
}

/** Segments were acknowledged: one filled the hole, the rest had been counted as duplicates. */
export function eatDuplicates(tcb: Tcb, lx: LinuxVariables, acked: number): void {
  if (acked > 0) {
    tcb.deliveredSegments += Math.max(acked - lx.sackedOut, 1);
    lx.sackedOut = Math.max(0, lx.sackedOut - (acked - 1));
  }
  noteDuplicateReordering(tcb, lx, acked);
}

function tryToOpen(tcb: Tcb, lx: LinuxVariables, answer: Answer, now: number): void {
  forgetResent(tcb, lx);
  if (answer.ece) enterCwr(tcb, lx, now);
  if (tcb.cc.phase !== CA_CWR) keepOpen(tcb, lx);
}

export function enterRecovery(tcb: Tcb, lx: LinuxVariables, ece: boolean, now: number): void {
  if (!anyResent(tcb, lx)) lx.resentSince = false;
  lx.priorSsthresh = 0;
  armUndo(tcb, lx);
  if (!isReducing(tcb)) {
    if (!ece) lx.priorSsthresh = currentSsthresh(tcb);
    beginReduction(tcb, lx, now);
  }
  setPhase(tcb, CA_RECOVERY);
  traceCwnd(tcb, M.CC_ENTER_RECOVERY, now);
}

/**
 * The retransmission timer fired (RFC 5681 (4), RFC 8985 §6.3).
 * @param timeouts since SND.UNA moved, before this one
 */
export function enterLoss(tcb: Tcb, lx: LinuxVariables, timeouts: number, now: number): void {
  const { cc, snd, params } = tcb;
  const { phase } = cc;
  markAllLost(tcb, lx, now);
  if (phase <= CA_DISORDER || !gt(cc.recover, snd.una) || (phase === CA_LOSS && timeouts === 0)) {
    lx.priorSsthresh = currentSsthresh(tcb);
    lx.priorCwnd = cwndOf(tcb);
    cc.ssthresh = tcb.congestion.reduce(tcb, now);
    armUndo(tcb, lx);
  }
  setCwnd(tcb, inFlight(lx) + 1);
  cc.credit = 0;
  lx.usedAt = now;
  // So many duplicates and yet a timeout: reordering was overestimated.
  if (phase <= CA_DISORDER && lx.sackedOut >= params.dupThresh)
    tcb.reordering = Math.min(tcb.reordering, params.dupThresh);
  tcb.congestion.timedOut(tcb, now);
  setPhase(tcb, CA_LOSS);
  cc.recover = snd.nxt;
  lx.probing = false;
  tcb.ecnReduced ||= tcb.ecnOk;
  lx.frto = params.frto && (phase < CA_RECOVERY || timeouts > 0);
  traceCwnd(tcb, M.CC_LOSS, now);
}

/** The path's MTU went down: what is too large for it is lost. */
export function resendSmaller(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const { records } = tcb.env;
  const mss = segmentRoom(tcb);
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) {
    const largest = Math.ceil(payloadOf(tcb, r) / records.segments[r]!);
    if (largest > mss) markLost(tcb, lx, r, M.ICMP_MTU, now);
  }
  resendWithoutBlame(tcb, lx);
}

/** Data that went with our SYN was not taken: it goes again. */
export function dataNotTaken(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const { records } = tcb.env;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) markLost(tcb, lx, r, M.TX_SYN_DATA, now);
  recount(tcb);
  resendWithoutBlame(tcb, lx);
}

/** The handshake was over only after timeouts: data that went before it is thought lost. */
export function handshakeWasLate(tcb: Tcb, lx: LinuxVariables, now: number): void {
  recount(tcb);
  enterLoss(tcb, lx, tcb.retries - 1, now);
  lx.resend = RESEND_HEAD;
}

/** What is in flight is lost, and not by congestion: it was too large for the path, or went with a SYN that was not taken. */
export function resendWithoutBlame(tcb: Tcb, lx: LinuxVariables): void {
  if (lx.lostOut === 0) return;
  if (!tcb.sackOk) limitDuplicates(lx);
  if (tcb.cc.phase !== CA_LOSS) {
    tcb.cc.recover = tcb.snd.nxt;
    setSsthresh(tcb, currentSsthresh(tcb));
    lx.priorSsthresh = 0;
    lx.undoArmed = false;
    setPhase(tcb, CA_LOSS);
  }
  lx.resend = RESEND_LOST;
}

function markAllLost(tcb: Tcb, lx: LinuxVariables, now: number): void {
  const { records } = tcb.env;
  const { head } = tcb;
  const reneged = head !== NONE && (records.flags[head]! & SACKED) !== 0;
  if (!tcb.sackOk) lx.sackedOut = 0;
  for (let r = head; r !== NONE; r = records.next[r]!) {
    if (reneged) remark(tcb, lx, r, 0, SACKED);
    else if (!isOverdue(tcb, lx, r, now)) continue;
    markLost(tcb, lx, r, M.TX_RTO, now);
  }
}
