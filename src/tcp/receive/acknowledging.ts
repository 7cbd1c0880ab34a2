/** When the receiver sends an ACK, and what a D-SACK reports (RFC 9293 §3.8.6.3, RFC 5681 §4.2, RFC 2883). */
import { MILLISECOND, NEVER } from "#base/time";
import * as M from "../words/marks.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, le, lt, max, min } from "../words/seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "../words/state.ts";
import { T_DELAYED_ACK, type Tcb } from "../words/tcb.ts";
import {
  acknowledgeQuickly,
  learnPace,
  learnRttByEcho,
  learnRttByWindow,
  learnSize,
  noteEct,
  PAUSED,
  PAUSED_AGAIN,
} from "./pace.ts";
import { selectedWindow, worthAnUpdate } from "./window.ts";

/** Bounds of a delay that was learnt: where the user or the peer has paused, and where the peer goes on sending. */
const DELAY_MAX_PAUSED = 200 * MILLISECOND;
const DELAY_MAX = 500 * MILLISECOND;
/** Duplicate ACKs for one gap that go at once, whatever comes after them: what a sender needs to see a loss. */
const TOLD_AT_ONCE = 3;
/** Linux' timer of compressed ACKs is no finer, us. */
const COMPRESSION_MIN = 100;

/** Text in order was kept: RCV.NXT has moved over it. */
export function keptInOrder(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  rcv.ackScheduled = true;
  learnRttByEcho(tcb, seg, now);
  learnSize(tcb, seg);
  learnRttByWindow(tcb, (seg.seq + seg.n) | 0, now);
  learnPace(tcb, now);
  noteEct(tcb, seg);
}

/** Text beyond a gap came, for the first time or again: a duplicate ACK is due (RFC 5681 §4.2). */
export function outOfOrder(tcb: Tcb, seg: Segment, now: number): void {
  tcb.rcv.ackScheduled = true;
  learnRttByEcho(tcb, seg, now);
  noteEct(tcb, seg);
  learnSize(tcb, seg);
  // With SACK one ACK tells of all that came since the last.
  if (tcb.ackNow === M.TX_ACK_ORDER && !tcb.sackOk) tcb.ackDuplicates++;
}

/** The peer's FIN is in order. @param late what was missing before it came after it: like a hole that is filled */
export function finReached(tcb: Tcb, late: boolean): void {
  const { rcv, params } = tcb;
  rcv.ackScheduled = true;
  const delays = params.acknowledging.delayFinAck && tcb.state === ESTABLISHED;
  if (delays) tcb.interactive = true;
  // Who has said nothing before is not answered: there is nothing to wait for.
  if (late || !delays || rcv.delay === 0) tcb.ackNow = M.TX_ACK_FIN;
}

/** After a segment: whether its ACK goes now, later, or with others. */
export function scheduleAck(tcb: Tcb, now: number): void {
  const { rcv, params } = tcb;
  if (!rcv.ackScheduled || tcb.ackNow !== 0) return;
  const gap = tcb.ranges.count > 0;
  if (tcb.quickAcks > 0 && !tcb.interactive) tcb.ackNow = gap ? M.TX_ACK_ORDER : M.TX_ACK_QUICK;
  // RFC 9293 §3.8.6.3, RFC 5681 §4.2: every second full segment at once (SHLD-19), else within the delay (MUST-40).
  else if (diff(rcv.nxt, rcv.acked) > rcv.mss && mayOffer(tcb)) tcb.ackNow = M.TX_ACK_SECOND;
  else if (params.acknowledging.delayedAck === 0) tcb.ackNow = gap ? M.TX_ACK_ORDER : M.TX_ACK_SECOND;
  else if (!gap) delay(tcb, now);
  else if (!mayWait(tcb, now)) tcb.ackNow = M.TX_ACK_ORDER;
}

/** Whether an ACK now could offer as much again as the last one did: else the user may read before the delay is over. */
function mayOffer(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  return (
    !params.acknowledging.secondAckNeedsWindow || rcv.unread === 0 || selectedWindow(tcb) >= diff(rcv.adv, rcv.acked)
  );
}

/** A learnt delay is at most a round trip: beyond that the peer's timer might fire. */
function delay(tcb: Tcb, now: number): void {
  const { delayedAck } = tcb.params.acknowledging;
  let wait = tcb.rcv.delay;
  if (wait > delayedAck) {
    let most = tcb.interactive || tcb.rcv.pushes > 0 ? DELAY_MAX_PAUSED : DELAY_MAX;
    if (tcb.srtt > 0) most = Math.min(most, Math.max(tcb.srtt, delayedAck));
    wait = Math.min(wait, most);
  }
  wait = Math.min(wait, Math.max(DELAY_MAX_PAUSED, delayedAck));
  const pending = tcb.timers[T_DELAYED_ACK]!;
  // The timer is about to fire: it need not.
  if (pending <= now + wait / 4) tcb.ackNow = M.TX_ACK_DELAYED;
  else tcb.timers[T_DELAYED_ACK] = Math.min(pending, now + Math.round(wait));
}

/** Whether the peer can wait for the news that one more segment came out of order (`compressedSacks`). */
function mayWait(tcb: Tcb, now: number): boolean {
  const { rcv } = tcb;
  const { compressedSacks, compressedSacksDelay } = tcb.params.acknowledging;
  if (!tcb.sackOk || rcv.heldAcks >= compressedSacks) return false;
  if (rcv.gapAcks < TOLD_AT_ONCE) {
    rcv.gapAcks++;
    return false;
  }
  if (rcv.heldAcks++ > 0) return true;
  const rtt = tcb.srtt > 0 ? Math.min(tcb.srtt, rcv.rtt) : rcv.rtt;
  const wait = Math.max(COMPRESSION_MIN, Math.min(rtt / 20, compressedSacksDelay));
  tcb.timers[T_DELAYED_ACK] = Math.min(tcb.timers[T_DELAYED_ACK]!, now + Math.round(wait));
  return true;
}

/** An ACK of everything up to RCV.NXT is on its way. */
export function acked(tcb: Tcb): void {
  const { rcv } = tcb;
  tcb.ackNow = 0;
  tcb.ackDuplicates = 0;
  if (tcb.quickAcks > 0 && rcv.ackScheduled && --tcb.quickAcks === 0) rcv.delay = tcb.params.acknowledging.delayedAck;
  rcv.ackScheduled = false;
  rcv.acked = rcv.nxt;
  rcv.pushes = 0;
  rcv.heldAcks = 0;
  tcb.timers[T_DELAYED_ACK] = NEVER;
}

/** Our data goes out so soon after the peer's that it answers it: the user converses, and ACKs ride on what it says. */
export function noteAnswer(tcb: Tcb, now: number): void {
  if (now - Math.max(tcb.lastReceiveTime, tcb.openedAt) < tcb.rcv.delay) tcb.interactive = true;
}

/** The delayed-ACK timer fired. */
export function delayOver(tcb: Tcb): void {
  const { rcv } = tcb;
  if (rcv.heldAcks > 0) {
    if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_ORDER;
    return;
  }
  // The user had nothing to say after all; or the peer sends too slowly for two segments to share an ACK.
  if (tcb.interactive) {
    tcb.interactive = false;
    rcv.delay = tcb.params.acknowledging.delayedAck;
  } else if (tcb.params.acknowledging.delayFollowsPace) rcv.delay = Math.min(2 * rcv.delay, tcb.rto);
  if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_DELAYED;
}

/** The user has read: whether that is worth an ACK now. */
export function acknowledgeRead(tcb: Tcb): void {
  if (tcb.ackNow !== 0) return;
  const { rcv } = tcb;
  if (rcv.ackScheduled) {
    const paused = rcv.pushes >= PAUSED_AGAIN || (rcv.pushes >= PAUSED && !tcb.interactive);
    if (diff(rcv.nxt, rcv.acked) > rcv.mss) tcb.ackNow = M.TX_ACK_SECOND;
    // The user has all that was said, and the peer has paused: nothing is gained by waiting longer, unless the user answers.
    else if (paused && rcv.unread === 0 && tcb.ranges.count === 0) tcb.ackNow = M.TX_ACK_PUSH;
  }
  if (tcb.ackNow === 0 && tcb.state & (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2) && worthAnUpdate(tcb))
    tcb.ackNow = M.TX_ACK_WINDOW;
}

/**
 * TCP_QUICKACK: off, the connection delays ACKs as that of a user who answers, until the delayed-ACK timer fires; on ends that, and lets an
 * ACK go that waits, if all was read.
 */
export function quickAck(tcb: Tcb, on: boolean): void {
  tcb.interactive = !on;
  if (!on || (tcb.state & (ESTABLISHED | CLOSE_WAIT)) === 0 || !tcb.rcv.ackScheduled) return;
  tcb.rcv.pushes = Math.max(tcb.rcv.pushes, PAUSED);
  acknowledgeRead(tcb);
}

/** The ACK of our peer's SYN,ACK may wait so long, us, for what the user is about to write. */
export function delayHandshakeAck(tcb: Tcb, us: number, now: number): void {
  tcb.rcv.ackScheduled = true;
  acknowledgeQuickly(tcb, tcb.params.acknowledging.quickAcks);
  tcb.timers[T_DELAYED_ACK] = now + us;
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
