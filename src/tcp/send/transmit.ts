/** Chooses what is sent next: the first segment after a timeout, lost segments, new data, a tail loss probe. */
import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { delayOf, mustWait, superSegments } from "../congestion/pacing.ts";
import { arm, armProbe, cwndOf, inFlight } from "../loss/cwnd.ts";
import { validate } from "../loss/cwnd-validation.ts";
import { isReducing } from "../loss/reduction.ts";
import { segmentRoom } from "../loss/segment-size.ts";
import { probeBase, scheduleProbe } from "../loss/timers.ts";
import { FOR_TIMEOUT } from "../words/attempt.ts";
import { NONE } from "../words/records.ts";
import { gt } from "../words/seq.ts";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { PUSH_ALL, PUSH_NONE, RESEND_AFTER_NEW, RESEND_HEAD, RESEND_LOST, RESEND_NONE } from "../words/variables.ts";
import { deferral } from "./deferral.ts";
import { sendNew } from "./new-data.ts";
import { copyOn, headEnd } from "./pieces.ts";
import { sendProbe, sendWindowProbe } from "./probes.ts";
import { resendRecord } from "./resend.ts";

/** @param supers whether the device takes segments larger than the path's MTU. */
export function transmit(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  if (tcb.tailProbe.due) {
    tcb.tailProbe.due = false;
    if (sendProbe(tcb, packet, now)) return true;
  }
  if (tcb.windowProbe.due) {
    tcb.windowProbe.due = false;
    if (sendWindowProbe(tcb, packet, now)) return true;
  }
  if (tcb.output.resend === RESEND_HEAD) {
    tcb.output.resend = RESEND_NONE;
    if (tcb.board.head !== NONE && resendRecord(tcb, packet, tcb.board.head, 1, now)) {
      tcb.env.attempt.reason = FOR_TIMEOUT;
      return true;
    }
  }
  if (tcb.output.resend === RESEND_LOST && resendLost(tcb, packet, supers, now)) return true;
  if (tcb.output.resend === RESEND_AFTER_NEW) tcb.output.push = PUSH_ALL;
  if (pushOn(tcb, packet, supers, now)) return true;
  if (tcb.output.resend !== RESEND_AFTER_NEW) return false;
  tcb.output.resend = RESEND_NONE;
  if (gt(tcb.snd.nxt, tcb.cc.recover)) return false;
  // There is no new data: fall back to conventional recovery.
  tcb.recovery.frto = false;
  tcb.output.resend = RESEND_LOST;
  return resendLost(tcb, packet, supers, now);
}

/** Sends what may be sent; if nothing may, takes more of the current SEND's data into a piece. */
function pushOn(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  for (;;) {
    if (tcb.output.push !== PUSH_NONE) {
      const over = tcb.output.pushOne && tcb.output.pushed > 0;
      if (!over && !mustWait(tcb, supers, now) && sendNew(tcb, packet, supers, false, now)) return true;
      endPush(tcb, now);
    }
    if (!tcb.output.copying) return false;
    copyOn(tcb, now);
  }
}

/** Everything that may be sent has been sent. */
export function endPush(tcb: Tcb, now: number): void {
  validate(tcb, deferral.byCwnd, now);
  deferral.byCwnd = false;
  if (tcb.output.pushed > 0) {
    if (isReducing(tcb)) tcb.recovery.prrOut += tcb.output.pushed;
    if (tcb.board.packetsOut > 0) scheduleProbe(tcb, false, now);
  }
  // All that was pushed may be acknowledged already: ACKs can arrive before the last segment of a push is polled.
  if (tcb.board.packetsOut === 0 && headEnd(tcb) !== undefined && isIdle(tcb)) {
    armProbe(tcb, probeBase(tcb) + delayOf(tcb, now), now);
  }
  tcb.output.pushed = 0;
  tcb.output.pushOne = false;
  tcb.output.push = PUSH_NONE;
}

function isIdle({ timers }: Tcb): boolean {
  return (
    timers[T_RETRANSMIT] === NEVER &&
    timers[T_LOSS_PROBE] === NEVER &&
    timers[T_REORDER] === NEVER &&
    timers[T_PERSIST] === NEVER
  );
}

function resendLost(tcb: Tcb, packet: Packet, supers: boolean, now: number): boolean {
  if (mustWait(tcb, supers, now)) return false;
  const { records } = tcb.env;
  const segments = Math.min(cwndOf(tcb) - inFlight(tcb), supers ? superSegments(tcb, segmentRoom(tcb)) : 1);
  const r = segments > 0 && tcb.board.retransOut < tcb.board.lostOut ? tcb.board.firstLost : NONE;
  if (r === NONE || !resendRecord(tcb, packet, r, segments, now)) {
    tcb.output.resend = RESEND_NONE;
    return false;
  }
  if (isReducing(tcb)) {
    tcb.env.attempt.reduced = records.segments[r]!;
    tcb.recovery.prrOut += records.segments[r]!;
  }
  if (r === tcb.board.head && tcb.timers[T_REORDER] === NEVER)
    arm(tcb, T_RETRANSMIT, now + tcb.rto + delayOf(tcb, now));
  return true;
}
