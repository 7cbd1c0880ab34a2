/** The seventh and eighth steps of RFC 9293 §3.10.7.4: the text goes into the receive queue, the FIN ends it. */
import { EV_DROP } from "#base/trace";
import { FIN } from "#wire/tcp";
import { ECONNRESET } from "./error.ts";
import { finish, timeWait } from "./finish.ts";
import * as M from "./marks.ts";
import { type Reset, resetFor } from "./reset.ts";
import type { Segment } from "./segment.ts";
import { diff, ge, gt, le, lt, max, min } from "./seq.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, MAY_RECEIVE } from "./state.ts";
import { EVENT_READABLE, EVENT_REMOTE_CLOSED, setState, type Tcb } from "./tcb.ts";

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
  else if (rcv.finSeen && rcv.fin !== rcv.nxt) early(tcb, seg, now);
  checkFin(tcb, seg, now);
  tcb.receiver.segmentOver(tcb, now);
}

/** It lies beyond a gap. */
function early(tcb: Tcb, seg: Segment, now: number): void {
  tcb.outOfOrderReceived++;
  tcb.receiver.kept(tcb, seg, false, now);
  tcb.receiver.outOfOrder(tcb, now);
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
  tcb.receiver.arrives(tcb, seg, now);
  const left = max(seg.seq, rcv.nxt);
  let right = min(end, rcv.adv);
  if (rcv.finSeen) right = min(right, rcv.fin);
  noteDuplicate(tcb, seg.seq, end);
  if (!lt(left, right)) {
    tcb.duplicatesReceived++;
    env.counters.count(M.RX_DUPLICATE);
    tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    tcb.receiver.hurry(tcb, tcb.params.quickAcks);
    return;
  }
  const ahead = diff(left, rcv.nxt);
  if (ahead > 0 && tcb.ranges.covered(left, right)) {
    tcb.duplicatesReceived++;
    env.counters.count(M.RX_DUPLICATE);
    tcb.ranges.add(left, right);
    early(tcb, seg, now);
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
    env.counters.count(M.RX_OUT_OF_ORDER);
    early(tcb, seg, now);
    return;
  }
  tcb.receiver.kept(tcb, seg, true, now);
  inOrder(tcb, right, now);
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
  tcb.receiver.inOrder(tcb, holes > 0, tcb.ranges.count > 0, now);
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
  tcb.receiver.ended(tcb, (seg.ctl & FIN) === 0, now);
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
