/** When the receiver sends an ACK, and what a D-SACK reports (RFC 9293 §3.8.6.3, RFC 5681 §4.2, RFC 2883). */
import { MILLISECOND, NEVER } from "#base/time";
import { SACK_BLOCKS_MAX } from "#wire/tcp-options";
import * as M from "../words/marks.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, le, lt, max, min } from "../words/seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "../words/state.ts";
import { T_DELAYED_ACK, type Tcb } from "../words/tcb.ts";
import { joinBeyond, keepBeyond, keepInOrder } from "./memory.ts";
import { learnShare, widenInOrder, widenWindow } from "./memory-window.ts";
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
import { canOfferAgain, countsMemory, worthAnUpdate } from "./window.ts";

/** Upper limits of a delay that follows the peer's pace: after the user or the peer has paused, and while the peer goes on sending. */
const DELAY_MAX_PAUSED = 200 * MILLISECOND;
const DELAY_MAX = 500 * MILLISECOND;
/** The first duplicate ACKs for a gap are sent at once: a sender needs this many for a fast retransmit (RFC 5681 §3.2). */
const DUPLICATES_AT_ONCE = 3;
/** The shortest delay of compressed ACKs, µs: Linux' timer slack (tcp_comp_sack_slack_ns). */
const COMPRESSION_MIN = 100;

/** A segment with text in order was stored, and RCV.NXT has advanced. */
export function keptInOrder(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  rcv.ackScheduled = true;
  learnRttByEcho(tcb, seg, now);
  const counts = countsMemory(tcb);
  if (counts) keepInOrder(tcb, seg.seq, min((seg.seq + seg.n) | 0, rcv.nxt), seg.header);
  if (learnSize(tcb, seg) && counts) learnShare(tcb, seg);
  learnRttByWindow(tcb, (seg.seq + seg.n) | 0, now);
  learnPace(tcb, now);
  noteEct(tcb, seg);
  if (!counts) return;
  widenInOrder(tcb, seg);
  joinBeyond(tcb);
}

/**
 * A segment arrived out of order, possibly not for the first time: a duplicate ACK is due (RFC 5681 §4.2).
 * @param isApart it touches nothing that arrived before, so it is a SACK block of its own
 */
export function outOfOrder(tcb: Tcb, seg: Segment, isApart: boolean, now: number): void {
  tcb.rcv.ackScheduled = true;
  if (isApart) sendHeldAck(tcb);
  learnRttByEcho(tcb, seg, now);
  noteEct(tcb, seg);
  const counts = countsMemory(tcb);
  if (learnSize(tcb, seg) && counts) learnShare(tcb, seg);
  if (counts && seg.n > 0) keptBeyond(tcb, seg);
  // With SACK one ACK can report several segments. Without it each needs a duplicate ACK of its own.
  if (tcb.ackNow === M.TX_ACK_ORDER && !tcb.sackOk) tcb.ackDuplicates++;
}

/**
 * A new SACK block would push one out that no ACK has reported: the ACK that is held back goes first (Linux: tcp_sack_new_ofo_skb), and that of the
 * new block is held back instead. Linux often does not send that one before another segment arrives; ours goes after the delay.
 */
function sendHeldAck(tcb: Tcb): void {
  const { rcv, ranges } = tcb;
  if (rcv.heldAcks === 0 || ranges.count <= SACK_BLOCKS_MAX) return;
  // Several segments in one turn share an ACK, which then reports the newest as well.
  rcv.reportsBefore = tcb.ackNow === 0;
  tcb.ackNow = M.TX_ACK_ORDER;
}

/** Without SACK the window stays the same, because ACKs count as duplicates only then (RFC 5681 §2). */
function keptBeyond(tcb: Tcb, seg: Segment): void {
  const { used } = tcb.memory;
  if (keepBeyond(tcb, seg) && tcb.sackOk) widenWindow(tcb, seg, used);
}

/** RCV.NXT has reached the peer's FIN. @param late the FIN came first and the text before it later, so a gap is filled now */
export function finReached(tcb: Tcb, late: boolean): void {
  const { rcv, params } = tcb;
  rcv.ackScheduled = true;
  const delays = params.acknowledging.delayFinAck && tcb.state === ESTABLISHED;
  if (delays) tcb.interactive = true;
  // If the peer sent no data, the user has nothing to answer, so a delay would gain nothing.
  if (late || !delays || rcv.delay === 0) tcb.ackNow = M.TX_ACK_FIN;
}

/** Decides after a segment whether its ACK is sent now, after the delay, or together with later ones. */
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

/** True if an ACK now could offer the same window as the last one. If not, it waits: the user may read before the delay is over. */
function mayOffer(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  return !params.acknowledging.secondAckNeedsWindow || rcv.unread === 0 || canOfferAgain(tcb);
}

/** Starts the delayed-ACK timer. A delay that follows the peer's pace is at most a round trip, or the peer's retransmission timer might fire. */
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
  // The timer is about to fire anyway: send the ACK now.
  if (pending <= now + wait / 4) tcb.ackNow = M.TX_ACK_DELAYED;
  else tcb.timers[T_DELAYED_ACK] = Math.min(pending, now + Math.round(wait));
}

/** True if the ACK of another segment out of order may wait for more of them (`compressedSacks`). */
function mayWait(tcb: Tcb, now: number): boolean {
  const { rcv } = tcb;
  const { compressedSacks } = tcb.params.acknowledging;
  if (!tcb.sackOk || rcv.heldAcks >= compressedSacks) return false;
  if (rcv.gapAcks < DUPLICATES_AT_ONCE) {
    rcv.gapAcks++;
    return false;
  }
  if (rcv.heldAcks === 0) holdAck(tcb, now);
  else rcv.heldAcks++;
  return true;
}

/** The ACK of a segment out of order waits for more of them. */
function holdAck(tcb: Tcb, now: number): void {
  const { rcv } = tcb;
  rcv.heldAcks = 1;
  const rtt = tcb.srtt > 0 ? Math.min(tcb.srtt, rcv.rtt) : rcv.rtt;
  const wait = Math.max(COMPRESSION_MIN, Math.min(rtt / 20, tcb.params.acknowledging.compressedSacksDelay));
  tcb.timers[T_DELAYED_ACK] = Math.min(tcb.timers[T_DELAYED_ACK]!, now + Math.round(wait));
}

/** A segment was sent that acknowledges everything up to RCV.NXT. */
export function acked(tcb: Tcb, now: number): void {
  const { rcv } = tcb;
  tcb.ackNow = 0;
  tcb.ackDuplicates = 0;
  if (tcb.quickAcks > 0 && rcv.ackScheduled && --tcb.quickAcks === 0) rcv.delay = tcb.params.acknowledging.delayedAck;
  rcv.ackScheduled = false;
  rcv.acked = rcv.nxt;
  rcv.pushes = 0;
  rcv.heldAcks = 0;
  tcb.timers[T_DELAYED_ACK] = NEVER;
  if (!rcv.reportsBefore) return;
  rcv.reportsBefore = false;
  rcv.ackScheduled = true;
  holdAck(tcb, now);
}

/** We send data soon after the peer did, so the user answers what it receives: from now on ACKs wait for such data. */
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
  // The user did not answer; or the peer sends too slowly for two segments to share an ACK.
  if (tcb.interactive) {
    tcb.interactive = false;
    rcv.delay = tcb.params.acknowledging.delayedAck;
  } else if (tcb.params.acknowledging.delayFollowsPace) rcv.delay = Math.min(2 * rcv.delay, tcb.rto);
  if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_DELAYED;
}

/** The user has read: decides whether an ACK is sent now. */
export function acknowledgeRead(tcb: Tcb): void {
  if (tcb.ackNow !== 0) return;
  const { rcv } = tcb;
  if (rcv.ackScheduled) {
    const paused = rcv.pushes >= PAUSED_AGAIN || (rcv.pushes >= PAUSED && !tcb.interactive);
    if (diff(rcv.nxt, rcv.acked) > rcv.mss) tcb.ackNow = M.TX_ACK_SECOND;
    // The user has read everything and the peer has paused: a delay gains nothing, unless the user answers.
    else if (paused && rcv.unread === 0 && tcb.ranges.count === 0) tcb.ackNow = M.TX_ACK_PUSH;
  }
  if (tcb.ackNow === 0 && tcb.state & (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2) && worthAnUpdate(tcb))
    tcb.ackNow = M.TX_ACK_WINDOW;
}

/**
 * Sets TCP_QUICKACK. Off: ACKs are delayed as for a user who answers, until the delayed-ACK timer fires. On: that ends, and a delayed ACK is sent
 * at once if everything has been read.
 */
export function quickAck(tcb: Tcb, on: boolean): void {
  tcb.interactive = !on;
  if (!on || (tcb.state & (ESTABLISHED | CLOSE_WAIT)) === 0 || !tcb.rcv.ackScheduled) return;
  tcb.rcv.pushes = Math.max(tcb.rcv.pushes, PAUSED);
  acknowledgeRead(tcb);
}

/** Delays the ACK of the peer's SYN,ACK by up to `us`, so that it can carry the user's first data. */
export function delayHandshakeAck(tcb: Tcb, us: number, now: number): void {
  tcb.rcv.ackScheduled = true;
  acknowledgeQuickly(tcb, tcb.params.acknowledging.quickAcks);
  tcb.timers[T_DELAYED_ACK] = now + us;
}

/** The part of [left, right) that had been received before, below RCV.NXT or out of order, is reported in the next ACK as a D-SACK (RFC 2883). */
export function noteDuplicate(tcb: Tcb, left: number, right: number): void {
  if (!tcb.sackOk || !tcb.params.acknowledging.dsack) return;
  const { rcv, ranges } = tcb;
  if (lt(left, rcv.nxt)) report(tcb, left, min(right, rcv.nxt), true);
  let first = !lt(left, rcv.nxt);
  for (let i = ranges.firstNotBefore((left + 1) | 0); i < ranges.count && lt(ranges.left[i]!, right); i++) {
    report(tcb, max(left, ranges.left[i]!), min(right, ranges.right[i]!), first);
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
