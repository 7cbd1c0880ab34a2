/**
 * Header prediction (Jacobson, 1990; Stevens, TCP/IP Illustrated vol. 2, §28.4): nearly every segment of an established connection is the
 * next data in order, or an ACK that only moves SND.UNA. Neither needs the eight steps. Each has a short way, which does exactly what the
 * eight steps would do; a segment that is both takes both. Everything else, and everything in doubt, takes the steps.
 */
import { NEVER } from "#base/time";
import { ACK, PSH } from "#wire/tcp";
import { updateRate } from "../congestion/pacing.ts";
import { dropUnmarked, lastUnmarked } from "../loss/acknowledged.ts";
import { inFlight, push, tick } from "../loss/cwnd.ts";
import { grow } from "../loss/cwnd-validation.ts";
import { noteDelivered, takeRateSample } from "../loss/delivery-rate.ts";
import { advance, updateWindow } from "../loss/rack.ts";
import { traceCwnd } from "../loss/reduction.ts";
import { isStale, RoundTrips, takeSample } from "../loss/round-trip.ts";
import { restart } from "../loss/timers.ts";
import { takeNext } from "../receive/arrival.ts";
import { reserve } from "../receive/memory.ts";
import { receiveNext } from "../receive/text.ts";
import { countsMemory } from "../receive/window.ts";
import { dropAcknowledged } from "../send/send-queue.ts";
import { takeWindow } from "../send/window.ts";
import * as M from "../words/marks.ts";
import { proveSize } from "../words/path.ts";
import { RateSample } from "../words/rate-sample.ts";
import { NONE } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, gt } from "../words/seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, MAY_RECEIVE } from "../words/state.ts";
import { CA_OPEN, type Tcb } from "../words/tcb.ts";
import { PUSH_NORMAL } from "../words/variables.ts";
import { moved } from "./acknowledgment.ts";
import { heard, takeTimestamp } from "./steps.ts";

/** States in which data is in flight, and an ACK of data changes nothing else. An ACK of our FIN takes the steps. */
const SENDING = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1;

const trips = new RoundTrips();
const rate = new RateSample();

/** True: the segment was what one expects, and all of it is done. */
export function takePredicted(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd } = tcb;
  const { options } = seg;
  if (seg.seq !== tcb.rcv.nxt || (seg.ctl & ~PSH) !== ACK || tcb.ecnOk || options.sackBlocks > 0) return false;
  if (tcb.timestampsOk && !(options.timestamps && ge(options.tsval, tcb.tsRecent))) return false;
  let last = NONE;
  if (gt(seg.ack, snd.una)) {
    last = lastOfPlainAck(tcb, seg.ack);
    if (last === NONE) return false;
  } else if (seg.n === 0 || seg.ack !== snd.una || seg.wnd << snd.shift !== snd.wnd) return false;
  if (seg.n > 0 && !store(tcb, seg)) return false;
  heard(tcb, now);
  takeTimestamp(tcb, seg, now);
  if (last !== NONE) takeAck(tcb, seg, last, now);
  if (seg.n > 0) receiveNext(tcb, seg, now);
  return true;
}

/** The next data, nothing is missing, and all of it has room. Without memory the steps decide what is thrown away. */
function store(tcb: Tcb, seg: Segment): boolean {
  const { rcv } = tcb;
  if ((tcb.state & MAY_RECEIVE) === 0 || tcb.ranges.count > 0 || rcv.closed || rcv.finSeen) return false;
  if (seg.n > diff(rcv.adv, rcv.nxt) || tcb.env.slab.isTight) return false;
  if (countsMemory(tcb) && !reserve(tcb, seg)) return false;
  return takeNext(tcb, seg.o, seg.n) === seg.n;
}

/** The last record of an ACK that covers whole records, none of them SACKed, lost or resent, outside of any recovery; NONE: it is another. */
function lastOfPlainAck(tcb: Tcb, ack: number): number {
  const { snd, board, env } = tcb;
  if ((tcb.state & SENDING) === 0 || gt(ack, snd.nxt)) return NONE;
  if (!tcb.sackOk || tcb.cc.phase !== CA_OPEN || tcb.tailProbe.pending) return NONE;
  if (board.sackedOut + board.lostOut + board.retransOut > 0) return NONE;
  const last = lastUnmarked(tcb, ack);
  return last === NONE || isStale(tcb, env.records.time[board.head]!) ? NONE : last;
}

function takeAck(tcb: Tcb, seg: Segment, last: number, now: number): void {
  const { snd, board, env } = tcb;
  const event = tick(tcb, now);
  push(tcb, PUSH_NORMAL);
  moved(tcb, now);
  takeWindow(tcb, seg, now);
  const n = diff(seg.ack, snd.una);
  env.trace.explain(M.RX_ACK);
  snd.una = seg.ack;
  tcb.probes = 0;
  if (!tcb.params.retransmitting.userTimeoutEndsClosedWindow) tcb.windowProbe.since = NEVER;
  const delivered = tcb.deliveredSegments;
  const { time, end } = env.records;
  const sentAt = time[last]!;
  const endOfLast = end[last]!;
  trips.clear();
  trips.oldest = event - time[board.head]!;
  trips.newest = event - sentAt;
  rate.clear();
  rate.priorInFlight = inFlight(tcb);
  // They were sent in order, so only the last one counts.
  noteDelivered(tcb, last, rate);
  tcb.deliveredSegments += dropUnmarked(tcb, last);
  advance(tcb, 0, endOfLast, sentAt, event);
  if (board.head === NONE) tcb.stalledSince = NEVER;
  const recent = takeSample(tcb, seg, trips, true, Math.floor(event));
  rate.rtt = recent;
  if (recent >= 0) tcb.congestion.measured(tcb, Math.floor(recent), Math.floor(event));
  dropAcknowledged(tcb, n);
  if (delivered > 0) updateWindow(tcb, delivered);
  restart(tcb, now);
  takeRateSample(tcb, rate, tcb.deliveredSegments - delivered, 0, false, now);
  if (tcb.congestion.control === undefined) {
    grow(tcb, tcb.deliveredSegments - delivered, now);
    updateRate(tcb);
  } else {
    tcb.congestion.control(tcb, rate, now);
    traceCwnd(tcb, M.CC_RATE, now);
  }
  proveSize(tcb);
}
