/** The seventh and eighth steps of RFC 9293 §3.10.7.4: the text goes into the receive queue, the FIN ends it. */
import { NEVER } from "#base/time";
import { EV_DROP } from "#base/trace";
import { FIN, PSH } from "#wire/tcp";
import { ECONNRESET } from "./error.ts";
import { finish, timeWait } from "./finish.ts";
import * as M from "./marks.ts";
import { type Reset, resetFor } from "./reset.ts";
import { tsval } from "./rto.ts";
import type { Segment } from "./segment.ts";
import { diff, ge, gt, le, lt, max, min } from "./seq.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, MAY_RECEIVE } from "./state.ts";
import { EVENT_READABLE, EVENT_REMOTE_CLOSED, setState, T_DELAYED_ACK, type Tcb } from "./tcb.ts";
import { announcedMss, selectedWindow } from "./window.ts";

export function receiveText(tcb: Tcb, seg: Segment, now: number, reset: Reset): void {
  if (seg.n === 0 && (seg.ctl & FIN) === 0) return;
  const { rcv } = tcb;
  const end = (seg.seq + seg.n) | 0;
  // The peer has said FIN: nothing can follow it.
  if ((tcb.state & MAY_RECEIVE) === 0) {
    if (tcb.params.textBeyondFinResets && lt(seg.seq, rcv.nxt) && gt(end, rcv.nxt)) {
      resetFor(seg, M.TX_RST_UNREAD, reset);
      finish(tcb, ECONNRESET, M.RX_AFTER_CLOSE, now);
    }
    return;
  }
  if (rcv.closed && seg.n > 0 && gt(end, rcv.nxt)) {
    // SHLD-3: data that nobody will read. The peer must know.
    tcb.env.counters.count(M.RX_AFTER_CLOSE);
    resetFor(seg, M.TX_RST_UNREAD, reset);
    finish(tcb, ECONNRESET, M.RX_AFTER_CLOSE, now);
    return;
  }
  noteFin(tcb, seg, end);
  if (seg.n > 0) store(tcb, seg, end, now);
  else if (rcv.finSeen && rcv.fin !== rcv.nxt) outOfOrder(tcb, now);
  checkFin(tcb, seg, now);
}

/** Remembers where the stream ends. A second FIN elsewhere, or one beyond the window, is not believed. */
function noteFin(tcb: Tcb, seg: Segment, end: number): void {
  const { rcv } = tcb;
  if ((seg.ctl & FIN) === 0 || rcv.finSeen) return;
  if (gt(end, rcv.adv) || lt(end, rcv.nxt)) return;
  rcv.fin = end;
  rcv.finSeen = true;
}

function store(tcb: Tcb, seg: Segment, end: number, now: number): void {
  const { rcv, env } = tcb;
  if (tcb.timestampsOk && seg.n >= rcv.mss) measureRtt(tcb, seg, now);
  if (seg.segmentSize < rcv.mss || seg.ctl & PSH) rcv.pushes++;
  if (seg.segmentSize > rcv.mss) rcv.mss = Math.min(seg.segmentSize, announcedMss(tcb));
  // After a pause the sender begins with few segments again, and lives on our ACKs.
  if (now - tcb.lastReceiveTime > tcb.rto) tcb.quickAcks = tcb.params.quickAcks;
  tcb.lastReceiveTime = now;
  const left = max(seg.seq, rcv.nxt);
  let right = min(end, rcv.adv);
  if (rcv.finSeen) right = min(right, rcv.fin);
  noteDuplicate(tcb, seg.seq, end);
  if (!lt(left, right)) {
    tcb.duplicatesReceived++;
    env.counters.count(M.RX_DUPLICATE);
    tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    return;
  }
  const ahead = diff(left, rcv.nxt);
  if (ahead > 0 && tcb.ranges.covered(left, right)) {
    tcb.duplicatesReceived++;
    env.counters.count(M.RX_DUPLICATE);
    tcb.ranges.add(left, right);
    outOfOrder(tcb, now);
    return;
  }
  const n = diff(right, left);
  const from = seg.o + diff(left, seg.seq);
  let kept = tcb.receiveQueue.writeFromSlab(rcv.unread + ahead, from, n);
  if (kept < n && ahead === 0 && tcb.ranges.count > 0) {
    // RFC 2018 §8: what came early may be thrown away for what is due. The peer keeps it until it is acknowledged.
    tcb.ranges.clear();
    tcb.receiveQueue.truncate(rcv.unread);
    kept = tcb.receiveQueue.writeFromSlab(rcv.unread, from, n);
  }
  if (kept < n) {
    env.counters.count(M.RX_NO_MEMORY);
    env.trace.record(now, EV_DROP, M.RX_NO_MEMORY, tcb.id, n - kept);
    tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    if (kept === 0) return;
    right = (left + kept) | 0;
  }
  if (ahead > 0) {
    if (!tcb.ranges.add(left, right)) {
      env.counters.count(M.RX_TOO_MANY_RANGES);
      tcb.ackNow = M.TX_ACK_ORDER;
      return;
    }
    tcb.outOfOrderReceived++;
    env.counters.count(M.RX_OUT_OF_ORDER);
    outOfOrder(tcb, now);
    return;
  }
  inOrder(tcb, right, now);
}

/** What a receiver can tell of the round trip: how old the timestamp is that its peer echoes with new data. */
function measureRtt(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  const { tsecr } = seg.options;
  if (tsecr === 0 || tsecr === rcv.rttEcho) return;
  rcv.rttEcho = tsecr;
  const sample = Math.max((tsval(tcb, now) - tsecr) | 0, 1) * 1000;
  rcv.rtt = rcv.rtt === 0 ? sample : rcv.rtt + (sample - rcv.rtt) / 8;
}

function inOrder(tcb: Tcb, right: number, now: number): void {
  const { rcv } = tcb;
  const holes = tcb.ranges.count;
  let next = holes > 0 ? tcb.ranges.advance(right) : right;
  if (rcv.finSeen && gt(next, rcv.fin)) {
    // Nothing can follow the FIN, whatever came before it was known.
    next = rcv.fin;
    tcb.ranges.clear();
  }
  const n = diff(next, rcv.nxt);
  rcv.nxt = next;
  rcv.unread += n;
  tcb.bytesReceived += n;
  tcb.events |= EVENT_READABLE;
  tcb.env.counters.count(M.RX_DATA);
  tcb.ackDuplicates = 0;
  rcv.told = 0;
  // RFC 5681 §4.2: an ACK at once when a hole is filled, wholly or in part.
  if (holes > 0) tcb.ackNow = M.TX_ACK_FILLED;
  else scheduleAck(tcb, now);
}

/** RFC 9293 §3.8.6.3, RFC 5681 §4.2: every second full segment at once (SHLD-19), else within the delay (MUST-40). */
function scheduleAck(tcb: Tcb, now: number): void {
  const { rcv, params } = tcb;
  if (tcb.ackNow !== 0) return;
  if (tcb.quickAcks > 0 && !tcb.interactive) tcb.ackNow = M.TX_ACK_QUICK;
  else if ((diff(rcv.nxt, rcv.acked) > rcv.mss && mayOffer(tcb)) || params.delayedAck === 0)
    tcb.ackNow = M.TX_ACK_SECOND;
  else if (tcb.timers[T_DELAYED_ACK] === NEVER) tcb.timers[T_DELAYED_ACK] = now + params.delayedAck;
}

/** Whether an ACK now could offer as much again as the last one did: else the user may read before the delay is over. */
function mayOffer(tcb: Tcb): boolean {
  const { rcv, params } = tcb;
  return !params.secondAckNeedsWindow || rcv.unread === 0 || selectedWindow(tcb) >= diff(rcv.adv, rcv.acked);
}

/** A duplicate ACK for each out-of-order segment, at once (RFC 5681 §4.2). With SACK one tells of many. */
function outOfOrder(tcb: Tcb, now: number): void {
  if (mayWait(tcb, now)) return;
  if (tcb.ackNow === M.TX_ACK_ORDER && !tcb.sackOk) tcb.ackDuplicates++;
  tcb.ackNow = M.TX_ACK_ORDER;
  // The sender repairs a loss now: it needs every ACK.
  if (tcb.params.compressedSacks === 0) tcb.interactive = false;
}

/** Duplicate ACKs for one gap that go at once, whatever comes after them: what a sender needs to see a loss. */
const TOLD_AT_ONCE = 3;
/** Linux' timer of compressed ACKs is no finer, us. */
const COMPRESSION_MIN = 100;

/** Whether the peer can wait for the news that one more segment came out of order (`compressedSacks`). */
function mayWait(tcb: Tcb, now: number): boolean {
  const { rcv, params } = tcb;
  const hurry = (tcb.quickAcks > 0 && !tcb.interactive) || params.delayedAck === 0;
  if (hurry || tcb.ackNow !== 0 || !tcb.sackOk || rcv.heldAcks >= params.compressedSacks) return false;
  if (rcv.told < TOLD_AT_ONCE) {
    rcv.told++;
    return false;
  }
  rcv.heldAcks++;
  if (tcb.timers[T_DELAYED_ACK] === NEVER) {
    const rtt = tcb.srtt > 0 ? Math.min(tcb.srtt, rcv.rtt) : rcv.rtt;
    tcb.timers[T_DELAYED_ACK] = now + Math.max(COMPRESSION_MIN, Math.min(rtt / 20, params.compressedSacksDelay));
  }
  return true;
}

/** RFC 2883: what of [left, right) we had already, below RCV.NXT or in one of the ranges, is reported with the next ACK. */
function noteDuplicate(tcb: Tcb, left: number, right: number): void {
  if (!tcb.sackOk || !tcb.params.dsack) return;
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

/** Eighth: the FIN, once everything before it has come. */
function checkFin(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  if (!rcv.finSeen || rcv.nxt !== rcv.fin) return;
  rcv.nxt = (rcv.nxt + 1) | 0;
  if (lt(rcv.adv, rcv.nxt)) rcv.adv = rcv.nxt;
  // Nothing can follow a FIN, whatever was kept.
  tcb.ranges.clear();
  // A FIN that waited for what was missing is like a hole that is filled.
  const noHurry = (seg.ctl & FIN) !== 0 && (tcb.ackNow === 0 || tcb.ackNow === M.TX_ACK_QUICK);
  if (tcb.state === ESTABLISHED && tcb.params.delayFinAck && tcb.bytesReceived > 0 && noHurry) {
    tcb.ackNow = 0;
    tcb.interactive = true;
    if (tcb.timers[T_DELAYED_ACK] === NEVER) tcb.timers[T_DELAYED_ACK] = now + tcb.params.delayedAck;
  } else tcb.ackNow = M.TX_ACK_FIN;
  tcb.events |= EVENT_REMOTE_CLOSED;
  switch (tcb.state) {
    case ESTABLISHED:
      setState(tcb, CLOSE_WAIT, M.GOT_FIN, now);
      break;
    case FIN_WAIT_1:
      // Our FIN is not acknowledged, or step five would have moved on.
      setState(tcb, CLOSING, M.GOT_FIN, now);
      break;
    case FIN_WAIT_2:
      timeWait(tcb, M.GOT_FIN, now);
      tcb.ackNow = M.TX_ACK_FIN;
      break;
  }
}
