/** How an acceptable ACK changes the sender: scoreboard, round trip, state, cwnd, timers. */
import { NEVER } from "#base/time";
import { ACK, ECE, PSH, SYN } from "#wire/tcp";
import { updateRate } from "../congestion/pacing.ts";
import { dropHead, shorten, trim } from "../loss/acknowledged.ts";
import { Answer } from "../loss/answer.ts";
import { inFlight, push, tick } from "../loss/cwnd.ts";
import { grow } from "../loss/cwnd-validation.ts";
import { noteDelivered, takeRateSample } from "../loss/delivery-rate.ts";
import { advance, echoesEarlier, updateWindow } from "../loss/rack.ts";
import { recoveryStep, subtractDuplicates } from "../loss/recovery.ts";
import { isReducing, noteReordering, reduceCwnd, traceCwnd } from "../loss/reduction.ts";
import { isStale, RoundTrips, takeSample } from "../loss/round-trip.ts";
import { applySackBlocks } from "../loss/sack.ts";
import { EVER_RESENT, highestSacked } from "../loss/scoreboard.ts";
import { probeAnswered } from "../loss/tail-probe.ts";
import { restart } from "../loss/timers.ts";
import { dropAcknowledged } from "../send/send-queue.ts";
import { takeWindow, windowProbes } from "../send/window.ts";
import * as M from "../words/marks.ts";
import { HAS_FIN, NONE, SACKED } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { diff, gt, le, lt } from "../words/seq.ts";
import { CA_OPEN, type Tcb } from "../words/tcb.ts";
import { PUSH_NORMAL } from "../words/variables.ts";

const answer = new Answer();
const trips = new RoundTrips();

/** Processes a segment with SEG.ACK <= SND.NXT. Returns true if it acknowledged our FIN. */
export function acknowledge(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd } = tcb;
  // Expected data without news for the sender concerns only the receiver.
  if (isPredicted(tcb, seg)) return false;
  tick(tcb, now);
  const before = snd.una;
  const { options } = seg;
  answer.clear();
  trips.clear();
  answer.echoed = tcb.timestampsOk && options.timestamps && options.tsecr !== 0;
  answer.tsecr = options.tsecr;
  push(tcb, PUSH_NORMAL);
  if (lt(seg.ack, before)) {
    tcb.env.trace.explain(M.RX_ACK_OLD);
    oldAck(tcb, seg, now);
    return false;
  }
  const delivered = tcb.deliveredSegments;
  const lost = tcb.board.lost;
  const high = highestSacked(tcb);
  const outstanding = tcb.board.packetsOut;
  const { reneged } = tcb.delivery;
  answer.rate.priorInFlight = inFlight(tcb);
  answer.ece = tcb.ecnOk && (seg.ctl & (ECE | SYN)) === ECE;
  answer.advanced = gt(seg.ack, before);
  if (answer.advanced) moved(tcb, now);
  answer.notDuplicate = takeWindow(tcb, seg, now) || seg.len > 0;
  snd.una = seg.ack;
  if (tcb.sackOk && options.sackBlocks > 0) applySackBlocks(tcb, seg, before, answer, trips, tcb.output.clock);
  tcb.env.trace.explain(kindOf(seg));
  tcb.probes = 0;
  if (!tcb.params.retransmitting.userTimeoutEndsClosedWindow) tcb.windowProbe.since = NEVER;
  if (outstanding === 0) {
    if (answer.dsack) recoveryStep(tcb, answer, before, 0, now);
    windowProbes(tcb, now);
    if (tcb.tailProbe.pending) probeAnswered(tcb, seg.ack, answer, now);
    return false;
  }
  clean(tcb, seg, high, tcb.output.clock);
  dropAcknowledged(tcb, diff(snd.una, before) - (answer.fin ? 1 : 0));
  if (delivered > 0) updateWindow(tcb, delivered);
  if (tcb.tailProbe.pending) probeAnswered(tcb, seg.ack, answer, now);
  const plain = answer.acked || answer.notDuplicate;
  if (!plain || answer.sacked || answer.ece || answer.dsack || tcb.cc.phase !== CA_OPEN) {
    const duplicates = plain || answer.advanced || answer.dsack ? 0 : 1;
    recoveryStep(tcb, answer, before, duplicates, now);
  }
  if (answer.restart) restart(tcb, now);
  const arrived = tcb.deliveredSegments - delivered;
  if (answer.ece) tcb.board.deliveredCe += arrived;
  takeRateSample(tcb, answer.rate, arrived, tcb.board.lost - lost, reneged, now);
  if (tcb.congestion.control !== undefined) {
    tcb.congestion.control(tcb, answer.rate, now);
    traceCwnd(tcb, M.CC_RATE, now);
    return answer.fin;
  }
  if (isReducing(tcb)) reduceCwnd(tcb, arrived, tcb.board.lost - lost, answer.advanced, now);
  else if (mayGrow(tcb)) grow(tcb, arrived, now);
  updateRate(tcb);
  return answer.fin;
}

/** Whether it is in-order data that otherwise repeats the last segment's fields (Linux's header prediction). */
function isPredicted(tcb: Tcb, seg: Segment): boolean {
  const { snd, rcv } = tcb;
  if (seg.n === 0 || seg.seq !== rcv.nxt || seg.ack !== snd.una || (seg.ctl & ~PSH) !== ACK) return false;
  return seg.wnd << snd.shift === snd.wnd && tcb.ranges.count === 0 && seg.options.sackBlocks === 0;
}

/** What this ACK is, for the trace. */
function kindOf(seg: Segment): number {
  if (answer.dsack) return M.RX_ACK_DSACK;
  if (answer.advanced) return M.RX_ACK;
  if (answer.sacked || seg.options.sackBlocks > 0) return M.RX_ACK_SACK;
  return answer.notDuplicate ? M.RX_WINDOW : M.RX_ACK_DUPLICATE;
}

/** An ACK below SND.UNA is late, but its SACK blocks still show what arrived (RFC 6675 §4). */
function oldAck(tcb: Tcb, seg: Segment, now: number): void {
  if (!tcb.sackOk || seg.options.sackBlocks === 0) return;
  applySackBlocks(tcb, seg, tcb.snd.una, answer, trips, tcb.output.clock);
  recoveryStep(tcb, answer, tcb.snd.una, 0, now);
}

/** SND.UNA advances: resets the counters and timers that depend on it. */
export function moved(tcb: Tcb, now: number): void {
  tcb.retries = 0;
  tcb.softError = 0;
  tcb.stalledSince = now;
}

/** On a path with reordering, cwnd grows with every delivery. */
function mayGrow(tcb: Tcb): boolean {
  return answer.acked || (tcb.reordering > tcb.params.retransmitting.dupThresh && answer.sacked);
}

/** Removes acknowledged records, and takes samples from them. */
function clean(tcb: Tcb, seg: Segment, high: number, now: number): void {
  const { records } = tcb.env;
  const { una } = tcb.snd;
  let acked = 0;
  let first = -1;
  let last = -1;
  let low = high;
  for (let r = tcb.board.head; r !== NONE; r = tcb.board.head) {
    const flags = records.flags[r]!;
    const start = records.start[r]!;
    const end = records.end[r]!;
    const whole = le(end, una);
    if (!whole && !gt(una, start)) break;
    if (!whole && records.segments[r] === 1) {
      shorten(tcb, r, una);
      break;
    }
    const time = records.time[r]!;
    const before = tcb.board.packetsOut;
    const late = echoesEarlier(tcb, r, answer.echoed, answer.tsecr);
    noteDelivered(tcb, r, answer.rate);
    if (whole) dropHead(tcb);
    else trim(tcb, r, una, records.mss[r]!);
    const n = before - tcb.board.packetsOut;
    if (n === 0) break;
    if (flags & EVER_RESENT) answer.resentAcked = true;
    else if ((flags & SACKED) === 0) {
      if (!isStale(tcb, time)) {
        last = time;
        if (first < 0) first = time;
      }
      if (lt(start, low)) low = start;
      if (!gt(end, tcb.cc.recover)) answer.original = true;
    }
    if ((flags & SACKED) === 0 && tcb.sackOk) {
      tcb.deliveredSegments += n;
      // If a super-segment is acknowledged in part, only that part has arrived (RFC 8985 §6.2 step 2).
      if (!late) advance(tcb, flags, whole ? end : una, time, now);
    }
    acked += n;
    answer.acked = true;
    if (!whole) break;
    if (flags & HAS_FIN) answer.fin = true;
  }
  const { head } = tcb.board;
  if (head === NONE) tcb.stalledSince = NEVER;
  else if (records.flags[head]! & SACKED) answer.reneging = answer.advanced;
  if (first >= 0 && !answer.resentAcked) {
    trips.oldest = now - first;
    trips.newest = now - last;
  }
  const recent = takeSample(tcb, seg, trips, answer.acked, Math.floor(now));
  answer.rate.rtt = recent;
  if (answer.acked) {
    answer.restart = true;
    if (!tcb.sackOk) {
      subtractDuplicates(tcb, acked);
      if (answer.resentAcked) answer.original = false;
    } else if (lt(low, high)) noteReordering(tcb, low);
  } else if (head !== NONE && trips.sackOldest >= 0 && trips.sackOldest > now - records.time[head]!) {
    // The SACKed data was sent before the head was last sent: re-arm the timer now, or it could be extended again and again.
    answer.restart = true;
  }
  if (recent >= 0) tcb.congestion.measured(tcb, Math.floor(recent), Math.floor(now));
}
