/** When the receiver sends an ACK, and what a D-SACK reports (RFC 9293 §3.8.6.3, RFC 5681 §4.2, RFC 2883). */
import { NEVER } from "#base/time";
import * as M from "../words/marks.ts";
import { diff, ge, le, lt, max, min } from "../words/seq.ts";
import { T_DELAYED_ACK, type Tcb } from "../words/tcb.ts";
import { selectedWindow } from "./window.ts";

/** RFC 9293 §3.8.6.3, RFC 5681 §4.2: every second full segment at once (SHLD-19), else within the delay (MUST-40). */
export function scheduleAck(tcb: Tcb, now: number): void {
  const { rcv, params } = tcb;
  if (tcb.ackNow !== 0) return;
  if (tcb.quickAcks > 0 && !tcb.interactive) tcb.ackNow = M.TX_ACK_QUICK;
  else if ((diff(rcv.nxt, rcv.acked) > rcv.mss && mayOffer(tcb)) || params.acknowledging.delayedAck === 0)
    tcb.ackNow = M.TX_ACK_SECOND;
  else if (tcb.timers[T_DELAYED_ACK] === NEVER) tcb.timers[T_DELAYED_ACK] = now + params.acknowledging.delayedAck;
}

/** Whether an ACK now could offer as much again as the last one did: else the user may read before the delay is over. */
function mayOffer(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  return (
    !params.acknowledging.secondAckNeedsWindow || rcv.unread === 0 || selectedWindow(tcb) >= diff(rcv.adv, rcv.acked)
  );
}

/** A duplicate ACK for each out-of-order segment, at once (RFC 5681 §4.2). With SACK one tells of many. */
export function outOfOrder(tcb: Tcb, now: number): void {
  if (mayWait(tcb, now)) return;
  if (tcb.ackNow === M.TX_ACK_ORDER && !tcb.sackOk) tcb.ackDuplicates++;
  tcb.ackNow = M.TX_ACK_ORDER;
  // The sender repairs a loss now: it needs every ACK.
  if (tcb.params.acknowledging.compressedSacks === 0) tcb.interactive = false;
}

/** Duplicate ACKs for one gap that go at once, whatever comes after them: what a sender needs to see a loss. */
const TOLD_AT_ONCE = 3;
/** Linux' timer of compressed ACKs is no finer, us. */
const COMPRESSION_MIN = 100;

/** Whether the peer can wait for the news that one more segment came out of order (`compressedSacks`). */
function mayWait(tcb: Tcb, now: number): boolean {
  const { rcv, params } = tcb;
  const hurry = (tcb.quickAcks > 0 && !tcb.interactive) || params.acknowledging.delayedAck === 0;
  if (hurry || tcb.ackNow !== 0 || !tcb.sackOk || rcv.heldAcks >= params.acknowledging.compressedSacks) return false;
  if (rcv.gapAcks < TOLD_AT_ONCE) {
    rcv.gapAcks++;
    return false;
  }
  rcv.heldAcks++;
  if (tcb.timers[T_DELAYED_ACK] === NEVER) {
    const rtt = tcb.srtt > 0 ? Math.min(tcb.srtt, rcv.rtt) : rcv.rtt;
    tcb.timers[T_DELAYED_ACK] =
      now + Math.max(COMPRESSION_MIN, Math.min(rtt / 20, params.acknowledging.compressedSacksDelay));
  }
  return true;
}

/** RFC 2883: what of [left, right) we had already, below RCV.NXT or in one of the ranges, is reported with the next ACK. */
export function noteDuplicate(tcb: Tcb, left: number, right: number): void {
  if (!tcb.sackOk || !tcb.params.acknowledging.dsack) return;
  const { rcv, ranges } = tcb;
  if (lt(left, rcv.nxt)) report(tcb, left, min(right, rcv.nxt), true);
  let first = !lt(left, rcv.nxt);
  for (let i = 0; i < ranges.count; i++) {
    const l = max(left, ranges.left[i]!);
    const r = min(right, ranges.right[i]!);
    if (!lt(l, r)) continue;
    report(tcb, l, r, first);
    first = false;
  }
}

function report(tcb: Tcb, left: number, right: number, first: boolean): void {
  if (first || tcb.dsackLeft === tcb.dsackRight) {
    tcb.dsackLeft = left;
    tcb.dsackRight = right;
  } else if (le(left, tcb.dsackRight) && ge(right, tcb.dsackLeft)) {
    tcb.dsackLeft = min(left, tcb.dsackLeft);
    tcb.dsackRight = max(right, tcb.dsackRight);
  }
}
