/**
 * Second thoughts: a recovery that proves to have been for nothing is taken back. The proof is an echo of the first copy's
 * timestamp (Eifel, RFC 3522 and 4015), D-SACKs for everything that was resent (RFC 3708), or an answer to what was never resent
 * after a timeout (F-RTO, RFC 5682).
 */
import { EV_CWND } from "#base/trace";
import * as M from "./marks.ts";
import { LOST, NONE, RESENT } from "./records.ts";
import { tsval } from "./rto.ts";
import type { AckResult } from "./sack.ts";
import { gt, lt } from "./seq.ts";
import { CA_DISORDER, CA_OPEN, type Tcb } from "./tcb.ts";

export class UndoVariables {
  /** There is a reduction that may be taken back; it began when SND.UNA was `marker`. */
  armed = false;
  marker = 0;
  /** What it took. */
  cwnd = 0;
  ssthresh = 0;
  /** Segments resent since and not reported as duplicates; -1: none was resent. */
  resent = -1;
  /** TSval of the first that was resent. */
  stamp = 0;
  /** F-RTO is under way: what the next ACKs acknowledge decides. */
  frto = false;
  /** F-RTO: new data goes first, before anything is resent. */
  newDataFirst = false;
}

/** A reduction for a loss begins; cwnd and ssthresh are still what they were. */
export function arm(tcb: Tcb): void {
  const { undo, cc, snd } = tcb;
  undo.armed = tcb.params.undo;
  undo.marker = snd.una;
  undo.cwnd = cc.cwnd;
  undo.ssthresh = cc.ssthresh;
  undo.resent = -1;
}

/** Segments were sent again. */
export function countResent(tcb: Tcb, n: number, now: number): void {
  const { undo } = tcb;
  if (!undo.armed) return;
  if (undo.resent < 0) {
    undo.resent = 0;
    undo.stamp = tsval(tcb, now);
  }
  undo.resent += Math.max(Math.ceil(n / tcb.snd.mss), 1);
}

/** A D-SACK: one of the resent segments had arrived before. */
export function countDuplicate(tcb: Tcb, result: AckResult): void {
  const { undo } = tcb;
  if (!undo.armed || undo.resent <= 0 || lt(result.dsackLeft, undo.marker) || gt(result.dsackRight, tcb.snd.nxt))
    return;
  const n = (result.dsackRight - result.dsackLeft) | 0;
  undo.resent = Math.max(0, undo.resent - Math.max(Math.ceil(n / tcb.snd.mss), 1));
}

/** The ACK answers a copy that was sent before anything was resent. */
export function answersFirstCopy(tcb: Tcb, result: AckResult): boolean {
  const { undo } = tcb;
  return undo.armed && undo.resent >= 0 && result.echoed && lt(result.tsecr, undo.stamp);
}

/** Everything that was resent has been reported as a duplicate. */
export function allDuplicates(tcb: Tcb): boolean {
  return tcb.undo.armed && tcb.undo.resent === 0;
}

/**
 * Takes the reduction back: windows as before, nothing is lost.
 * @param unmark forget which segments were thought lost, since they were only late
 */
export function takeBack(tcb: Tcb, unmark: boolean, now: number): void {
  const { undo, cc } = tcb;
  const records = tcb.env.records;
  undo.armed = false;
  undo.frto = false;
  undo.newDataFirst = false;
  if (unmark) {
    // Nor is a second copy counted: what is resent is lost, for `nextLost` and the sums.
    for (let r = tcb.head; r !== NONE; r = records.next[r]!) records.flags[r] = records.flags[r]! & ~(LOST | RESENT);
    tcb.lostBytes = 0;
    tcb.resentBytes = 0;
    tcb.renoSacked = 0;
  }
  cc.cwnd = Math.max(cc.cwnd, undo.cwnd);
  cc.ssthresh = Math.max(cc.ssthresh, undo.ssthresh);
  cc.phase = tcb.sackedBytes > 0 ? CA_DISORDER : CA_OPEN;
  cc.duplicates = 0;
  cc.force = false;
  tcb.retries = 0;
  tcb.env.counters.count(M.CC_UNDO);
  tcb.env.trace.record(now, EV_CWND, M.CC_UNDO, tcb.id, cc.cwnd, cc.ssthresh, tcb.inFlight());
}
