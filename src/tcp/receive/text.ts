/** The receive queue: text in order and out of order, and the FIN at its end (RFC 9293 §3.10.7.4, seventh and eighth steps). */
import { EV_DROP } from "#base/trace";
import { FIN } from "#wire/tcp";
import * as M from "../words/marks.ts";
import type { Segment } from "../words/segment.ts";
import { diff, gt, lt, max, min } from "../words/seq.ts";
import { MAY_RECEIVE } from "../words/state.ts";
import { EVENT_READABLE, EVENT_REMOTE_CLOSED, explain, type Tcb } from "../words/tcb.ts";
import { finReached, keptInOrder, noteDuplicate, outOfOrder, scheduleAck } from "./acknowledging.ts";
import { takeNext } from "./arrival.ts";
import { makeRoom } from "./memory.ts";
import { dropBeyond, grantBeyond, grantInOrder } from "./share.ts";
import { countsMemory } from "./window.ts";

// Results of `receiveText`.
export const TEXT_TAKEN = 0;
/** The data cannot be delivered to the user: the connection must be reset. */
export const TEXT_REFUSED = 1;
/** Everything up to and including the peer's FIN has arrived. */
export const TEXT_ENDED = 2;

/** Stores the text of an acceptable segment in the receive queue, and processes the FIN once everything before it has arrived. */
export function receiveText(tcb: Tcb, seg: Segment, now: number): number {
  if (seg.n === 0 && (seg.ctl & FIN) === 0) return TEXT_TAKEN;
  const { rcv } = tcb;
  const end = (seg.seq + seg.n) | 0;
  // The peer's FIN has been received: no data can follow it.
  if ((tcb.state & MAY_RECEIVE) === 0) {
    const beyond = lt(seg.seq, rcv.nxt) && gt(end, rcv.nxt);
    return tcb.params.resetting.textBeyondFinResets && beyond ? TEXT_REFUSED : TEXT_TAKEN;
  }
  if (rcv.closed && seg.n > 0 && gt(end, rcv.nxt)) {
    // The user has closed and will not read this data: tell the peer by an RST (SHLD-3).
    explain(tcb, M.RX_AFTER_CLOSE);
    return TEXT_REFUSED;
  }
  noteFin(tcb, seg, end);
  if (seg.n > 0) store(tcb, seg, end, now);
  else if (rcv.finSeen && rcv.fin !== rcv.nxt) outOfOrder(tcb, seg, false, now);
  const ended = reachFin(tcb, seg);
  scheduleAck(tcb, now);
  return ended ? TEXT_ENDED : TEXT_TAKEN;
}

/** Notes where the stream ends. A second FIN at another place, or one outside the window, is ignored. */
function noteFin(tcb: Tcb, seg: Segment, end: number): void {
  const { rcv } = tcb;
  if ((seg.ctl & FIN) === 0 || rcv.finSeen) return;
  if (gt(end, rcv.adv) || lt(end, rcv.nxt)) return;
  rcv.fin = end;
  rcv.finSeen = true;
}

/** Header prediction has found the next segment in order and stored its text in the queue already (`prediction.ts`). */
export function receiveNext(tcb: Tcb, seg: Segment, now: number): void {
  inOrder(tcb, (seg.seq + seg.n) | 0);
  keptInOrder(tcb, seg, now);
  scheduleAck(tcb, now);
}

function store(tcb: Tcb, seg: Segment, end: number, now: number): void {
  const { rcv, env } = tcb;
  const left = max(seg.seq, rcv.nxt);
  let right = min(end, rcv.adv);
  if (rcv.finSeen) right = min(right, rcv.fin);
  noteDuplicate(tcb, seg.seq, end);
  if (!lt(left, right)) {
    tcb.duplicatesReceived++;
    explain(tcb, M.RX_DUPLICATE);
    tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    return;
  }
  const ahead = diff(left, rcv.nxt);
  if (ahead > 0 && tcb.ranges.covered(left, right)) {
    tcb.duplicatesReceived++;
    tcb.outOfOrderReceived++;
    explain(tcb, M.RX_DUPLICATE);
    tcb.ranges.add(left, right);
    outOfOrder(tcb, seg, false, now);
    return;
  }
  if (countsMemory(tcb) && !makeRoom(tcb, seg)) {
    noRoom(tcb, ahead > 0, right, now);
    return;
  }
  const n = diff(right, left);
  const kept = keep(tcb, seg.o + diff(left, seg.seq), n, ahead);
  if (kept < n) {
    explain(tcb, M.RX_NO_MEMORY);
    env.trace.record(now, EV_DROP, M.RX_NO_MEMORY, tcb.id, n - kept);
    tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
    if (kept === 0) {
      if (ahead === 0) closeWindow(tcb);
      return;
    }
    right = (left + kept) | 0;
  }
  if (ahead > 0) {
    const ranges = tcb.ranges.count;
    if (!tcb.ranges.add(left, right)) {
      explain(tcb, M.RX_TOO_MANY_RANGES);
      tcb.ackNow = M.TX_ACK_ORDER;
      return;
    }
    tcb.outOfOrderReceived++;
    explain(tcb, M.RX_OUT_OF_ORDER);
    outOfOrder(tcb, seg, tcb.ranges.count > ranges, now);
    return;
  }
  inOrder(tcb, right);
  keptInOrder(tcb, seg, now);
  if (kept < n) closeWindow(tcb);
}

/**
 * There was no memory for text that is due: the peer would only send it again, so the ACK closes the window, as in Linux. This withdraws what
 * was offered, which SHLD-14 advises against.
 */
function closeWindow(tcb: Tcb): void {
  if (!tcb.params.buffering.linuxWindow && !countsMemory(tcb)) return;
  if (tcb.ranges.count > 0) dropBeyond(tcb);
  tcb.rcv.adv = tcb.rcv.nxt;
}

/** Takes `n` octets: text in order may stay in its packet, the rest is copied to its place in the queue. Returns how many there is memory for. */
function keep(tcb: Tcb, from: number, n: number, ahead: number): number {
  if (ahead === 0) return takeNext(tcb, from, grantInOrder(tcb, n));
  return tcb.receiveQueue.writeFromSlab(tcb.rcv.unread + ahead, from, grantBeyond(tcb, n));
}

/** The buffer has no memory for a segment. If it was the next one, an ACK closes the window; beyond a gap it is dropped without an answer. */
function noRoom(tcb: Tcb, beyond: boolean, right: number, now: number): void {
  const { rcv, env } = tcb;
  env.counters.count(M.RX_NO_MEMORY);
  env.trace.record(now, EV_DROP, M.RX_NO_MEMORY, tcb.id, diff(right, rcv.nxt));
  if (beyond) return;
  tcb.quickAcks = 0;
  tcb.ackNow = M.TX_ACK_UNACCEPTABLE;
  closeWindow(tcb);
}

function inOrder(tcb: Tcb, right: number): void {
  const { rcv } = tcb;
  const holes = tcb.ranges.count;
  let next = holes > 0 ? tcb.ranges.advance(right) : right;
  if (rcv.finSeen && gt(next, rcv.fin)) {
    // Data beyond the FIN arrived before the FIN: ignore it.
    next = rcv.fin;
    tcb.ranges.clear();
    tcb.memory.dropBeyond();
  }
  const n = diff(next, rcv.nxt);
  rcv.nxt = next;
  rcv.unread += n;
  tcb.bytesReceived += n;
  if (tcb.env.arrival.tcb !== tcb) tcb.events |= EVENT_READABLE;
  explain(tcb, M.RX_DATA);
  tcb.ackDuplicates = 0;
  rcv.gapAcks = 0;
  // RFC 5681 §4.2: acknowledge at once when the last gap is filled. If gaps are left, `gapAcks` starts over, so that they are reported at once.
  if (holes > 0 && tcb.ranges.count === 0) tcb.ackNow = M.TX_ACK_FILLED;
}

/** If everything before the peer's FIN has arrived, advances RCV.NXT over the FIN, whose ACK is due now, and returns true. */
function reachFin(tcb: Tcb, seg: Segment): boolean {
  const { rcv } = tcb;
  if (!rcv.finSeen || rcv.nxt !== rcv.fin) return false;
  rcv.nxt = (rcv.nxt + 1) | 0;
  if (lt(rcv.adv, rcv.nxt)) rcv.adv = rcv.nxt;
  // Discard what was received beyond the FIN: nothing can follow it.
  tcb.ranges.clear();
  tcb.memory.dropBeyond();
  finReached(tcb, (seg.ctl & FIN) === 0);
  tcb.events |= EVENT_REMOTE_CLOSED;
  return true;
}
