/**
 * The congestion state (Linux' Open, Disorder, CWR, Recovery, Loss): how an ACK changes it that is a duplicate, carries SACK blocks or ECE, or arrives
 * outside of Open.
 */

import * as M from "../words/marks.ts";
import { LOST, NONE, SACKED } from "../words/records.ts";
import { diff, ge, gt } from "../words/seq.ts";
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import { RESEND_AFTER_NEW, RESEND_HEAD, RESEND_LOST } from "../words/variables.ts";
import type { Answer } from "./answer.ts";
import { cwndOf, inFlight, setCwnd, setSsthresh } from "./cwnd.ts";
import { isOverdue, markOverdue } from "./rack.ts";
import { dropIndex } from "./record-index.ts";
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
import { segmentRoom } from "./segment-size.ts";
import { renege } from "./timers.ts";

/**
 * @param before SND.UNA before the ACK
 * @param duplicates how many duplicate ACKs this one counts as
 */
export function recoveryStep(tcb: Tcb, answer: Answer, before: number, duplicates: number, now: number): void {
  const { cc, snd } = tcb;
  if (tcb.board.packetsOut === 0) tcb.board.sackedOut = 0;
  // ECE asks for the reduction, so an undo must not restore ssthresh.
  if (answer.ece) tcb.recovery.priorSsthresh = 0;
  // RFC 2018 §8: the peer discarded data that it had SACKed.
  if (answer.reneging && renege(tcb, answer, now)) return;
  if (cc.phase === CA_OPEN) tcb.recovery.resentSince = false;
  else if (ge(snd.una, cc.recover) && over(tcb, answer, now)) return;
  if (cc.phase === CA_RECOVERY) {
    inRecovery(tcb, answer, before, duplicates, now);
    return;
  }
  if (cc.phase === CA_LOSS && !inLoss(tcb, answer, duplicates, now)) return;
  if (!tcb.sackOk) {
    if (answer.advanced) tcb.board.sackedOut = 0;
    addDuplicates(tcb, duplicates);
  }
  if (cc.phase <= CA_DISORDER) undoByDsack(tcb, now);
  findLosses(tcb, answer, now);
  if (tcb.board.lostOut === 0) {
    tryToOpen(tcb, answer, now);
    return;
  }
  enterRecovery(tcb, answer.ece, now);
  tcb.output.resend = RESEND_LOST;
}

/** Everything that was in flight when the state was entered is acknowledged. Returns true if the ACK is fully handled. */
function over(tcb: Tcb, answer: Answer, now: number): boolean {
  const { cc } = tcb;
  if (cc.phase === CA_CWR) {
    // CWR lasts until a segment above `recover`, which carried the CWR flag, is acknowledged.
    if (tcb.snd.una !== cc.recover) {
      endReduction(tcb, now);
      setPhase(tcb, CA_OPEN);
    }
  } else if (cc.phase === CA_RECOVERY) {
    if (!tcb.sackOk) tcb.board.sackedOut = 0;
    if (undoRecovery(tcb, answer, now)) return true;
    endReduction(tcb, now);
  }
  return false;
}

function inRecovery(tcb: Tcb, answer: Answer, before: number, duplicates: number, now: number): void {
  if (!answer.advanced) {
    if (!tcb.sackOk) addDuplicates(tcb, duplicates);
  } else if (undoPartial(tcb, answer, before, now)) return;
  if (undoByDsack(tcb, now)) tryToOpen(tcb, answer, now);
  findLosses(tcb, answer, now);
  if (tcb.cc.phase !== CA_RECOVERY) {
    if (tcb.board.lostOut === 0) return;
    // The reduction was undone, but a segment is lost all the same.
    enterRecovery(tcb, answer.ece, now);
  }
  tcb.output.resend = RESEND_LOST;
}

/** Handles an ACK in Loss. Returns true if the state may change further. */
function inLoss(tcb: Tcb, answer: Answer, duplicates: number, now: number): boolean {
  processLoss(tcb, answer, duplicates, now);
  findLosses(tcb, answer, now);
  return tcb.cc.phase === CA_OPEN || answer.lostAgain;
}

function processLoss(tcb: Tcb, answer: Answer, duplicates: number, now: number): void {
  const { cc, snd } = tcb;
  const recovered = ge(snd.una, cc.recover);
  if (answer.advanced && undoLoss(tcb, answer, false, now)) return;
  if (tcb.recovery.frto) {
    // RFC 5682 §3.1 step 3 b: a segment arrived that was never retransmitted, so the timeout was spurious.
    if (answer.original && undoLoss(tcb, answer, true, now)) return;
    if (gt(snd.nxt, cc.recover)) {
      if (answer.sacked || duplicates > 0) tcb.recovery.frto = false;
    } else if (answer.advanced && !recovered) {
      cc.recover = snd.nxt;
      const sent = diff(snd.nxt, snd.una);
      if (!snd.finSent && (snd.queued > sent || snd.fin) && snd.wnd > sent) {
        tcb.output.resend = RESEND_AFTER_NEW;
        return;
      }
      tcb.recovery.frto = false;
    }
  }
  if (recovered) {
    undoRecovery(tcb, answer, now);
    return;
  }
  tcb.output.resend = RESEND_LOST;
  if (tcb.sackOk) return;
  // A duplicate ACK now answers the new data that F-RTO sent.
  if (gt(snd.nxt, cc.recover) && duplicates > 0) addDuplicates(tcb, duplicates);
  else if (answer.advanced) tcb.board.sackedOut = 0;
}

function findLosses(tcb: Tcb, answer: Answer, now: number): void {
  if (tcb.board.head === NONE) return;
  if (!tcb.sackOk) {
    headLost(tcb, answer.advanced, now);
    return;
  }
  const before = tcb.board.retransOut;
  if (markOverdue(tcb, now)) answer.restart = false;
  if (before > tcb.board.retransOut) answer.lostAgain = true;
}

/** Without SACK: the head is lost after three duplicate ACKs, or after a partial ACK in recovery (RFC 6582 §3.2). */
function headLost(tcb: Tcb, advanced: boolean, now: number): void {
  const { phase } = tcb.cc;
  const found = phase < CA_RECOVERY ? tcb.board.sackedOut >= tcb.reordering : phase === CA_RECOVERY && advanced;
  if (!found) return;
  const { records } = tcb.env;
  const r = tcb.board.head;
  if (records.flags[r]! & LOST) return;
  const mss = records.mss[r]!;
  if (records.segments[r]! > 1 && payloadOf(tcb, r) > mss) cut(tcb, r, (records.start[r]! + mss) | 0, mss);
  markLost(tcb, r, M.TX_FAST, now);
}

/** Without SACK: each duplicate ACK means that one segment was delivered out of order. */
function addDuplicates(tcb: Tcb, n: number): void {
  if (n === 0) return;
  const before = tcb.board.sackedOut;
  tcb.board.sackedOut += n;
  noteDuplicateReordering(tcb, 0);
  if (tcb.board.sackedOut > before) tcb.deliveredSegments += tcb.board.sackedOut - before;
}

/** Without SACK: of the acknowledged segments one filled the hole; the others had been counted when their duplicate ACKs arrived. */
export function subtractDuplicates(tcb: Tcb, acked: number): void {
  if (acked > 0) {
    tcb.deliveredSegments += Math.max(acked - tcb.board.sackedOut, 1);
    tcb.board.sackedOut = Math.max(0, tcb.board.sackedOut - (acked - 1));
  }
  noteDuplicateReordering(tcb, acked);
}

function tryToOpen(tcb: Tcb, answer: Answer, now: number): void {
  forgetResent(tcb);
  if (answer.ece) enterCwr(tcb, M.CC_ECN, now);
  if (tcb.cc.phase !== CA_CWR) keepOpen(tcb);
}

export function enterRecovery(tcb: Tcb, ece: boolean, now: number): void {
  if (!anyResent(tcb)) tcb.recovery.resentSince = false;
  tcb.recovery.priorSsthresh = 0;
  armUndo(tcb);
  if (!isReducing(tcb)) {
    if (!ece) tcb.recovery.priorSsthresh = currentSsthresh(tcb);
    beginReduction(tcb, now);
  }
  setPhase(tcb, CA_RECOVERY);
  traceCwnd(tcb, M.CC_ENTER_RECOVERY, now);
}

/**
 * Enters Loss, because the retransmission timer fired (RFC 5681 §3.1 (4), RFC 8985 §6.3).
 * @param timeouts how many timeouts there were since SND.UNA moved, without this one
 */
export function enterLoss(tcb: Tcb, timeouts: number, now: number): void {
  const { cc, snd, params } = tcb;
  const { phase } = cc;
  markAllLost(tcb, now);
  if (phase <= CA_DISORDER || !gt(cc.recover, snd.una) || (phase === CA_LOSS && timeouts === 0)) {
    tcb.recovery.priorSsthresh = currentSsthresh(tcb);
    tcb.recovery.priorCwnd = cwndOf(tcb);
    cc.ssthresh = tcb.congestion.reduce(tcb, now);
    armUndo(tcb);
  }
  setCwnd(tcb, inFlight(tcb) + 1);
  cc.credit = 0;
  tcb.rtt.timeoutAt = now;
  tcb.usage.at = now;
  // Despite this many duplicates the loss was found only by the timeout, so the reordering degree was too high.
  if (phase <= CA_DISORDER && tcb.board.sackedOut >= params.retransmitting.dupThresh)
    tcb.reordering = Math.min(tcb.reordering, params.retransmitting.dupThresh);
  tcb.congestion.timedOut(tcb, now);
  setPhase(tcb, CA_LOSS);
  cc.recover = snd.nxt;
  tcb.tailProbe.pending = false;
  tcb.ecnReduced ||= tcb.ecnOk;
  tcb.recovery.frto = params.retransmitting.frto && (phase < CA_RECOVERY || timeouts > 0);
  traceCwnd(tcb, M.CC_LOSS, now);
}

/** The path MTU decreased: segments that are too large for it count as lost. */
export function resendSmaller(tcb: Tcb, now: number): void {
  const { records } = tcb.env;
  const mss = segmentRoom(tcb);
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) {
    const largest = Math.ceil(payloadOf(tcb, r) / records.segments[r]!);
    if (largest > mss) markLost(tcb, r, M.ICMP_MTU, now);
  }
  resendWithoutReduction(tcb);
}

/** The peer did not accept the data in our SYN: mark it lost, so that it is sent again. */
export function dataNotTaken(tcb: Tcb, now: number): void {
  const { records } = tcb.env;
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) markLost(tcb, r, M.TX_SYN_DATA, now);
  recount(tcb);
  resendWithoutReduction(tcb);
}

/** The handshake completed only after a timeout: data sent before then counts as lost. */
export function handshakeWasLate(tcb: Tcb, now: number): void {
  recount(tcb);
  enterLoss(tcb, tcb.retries - 1, now);
  tcb.output.resend = RESEND_HEAD;
}

/** Segments were lost, but not by congestion (too large for the path, or not accepted with the SYN): resend them without reducing cwnd. */
export function resendWithoutReduction(tcb: Tcb): void {
  if (tcb.board.lostOut === 0) return;
  if (!tcb.sackOk) limitDuplicates(tcb);
  if (tcb.cc.phase !== CA_LOSS) {
    tcb.cc.recover = tcb.snd.nxt;
    setSsthresh(tcb, currentSsthresh(tcb));
    tcb.recovery.priorSsthresh = 0;
    tcb.recovery.undoArmed = false;
    setPhase(tcb, CA_LOSS);
  }
  tcb.output.resend = RESEND_LOST;
}

function markAllLost(tcb: Tcb, now: number): void {
  const { records } = tcb.env;
  const { head } = tcb.board;
  const reneged = head !== NONE && (records.flags[head]! & SACKED) !== 0;
  if (!tcb.sackOk) tcb.board.sackedOut = 0;
  if (reneged) {
    dropIndex(tcb);
    tcb.delivery.reneged = true;
  }
  for (let r = head; r !== NONE; r = records.next[r]!) {
    if (reneged) remark(tcb, r, 0, SACKED);
    else if (!isOverdue(tcb, r, now)) continue;
    markLost(tcb, r, M.TX_RTO, now);
  }
}
