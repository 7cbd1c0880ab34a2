/** What the SYNs negotiate (RFC 9293 §3.5, 7323, 2018), and the transition to ESTABLISHED. */
import { NEVER } from "#base/time";
import { ACK, CWR, ECE, HEADER_MAX } from "#wire/tcp";
import { updateRate } from "../congestion/pacing.ts";
import { acknowledgeSyn } from "../loss/acknowledged.ts";
import { push } from "../loss/cwnd.ts";
import { start } from "../loss/cwnd-validation.ts";
import { roundTripOfEcho, sampled } from "../loss/round-trip.ts";
import { recount } from "../loss/scoreboard.ts";
import { setSegmentSize } from "../loss/segment-size.ts";
import { announcedMss } from "../receive/announced.ts";
import { keepInOrder } from "../receive/memory.ts";
import { beginMemoryWindow } from "../receive/memory-window.ts";
import { guessSize } from "../receive/pace.ts";
import { countsMemory } from "../receive/window.ts";
import { queueEnd } from "../send/pieces.ts";
import { idleTime } from "../words/keep-alive.ts";
import * as M from "../words/marks.ts";
import type { Segment } from "../words/segment.ts";
import { diff } from "../words/seq.ts";
import { ESTABLISHED } from "../words/state.ts";
import {
  EVENT_OPENED,
  EVENT_READABLE,
  EVENT_WRITABLE,
  setState,
  T_KEEPALIVE,
  T_RETRANSMIT,
  T_USER_TIMEOUT,
  type Tcb,
} from "../words/tcb.ts";
import { PUSH_NORMAL } from "../words/variables.ts";

/** Records the contents of a SYN or SYN,ACK: IRS and the options that both sides offer. */
export function takeSyn(tcb: Tcb, seg: Segment, now: number): void {
  const { options } = seg;
  const { params, snd, rcv } = tcb;
  rcv.irs = seg.seq;
  rcv.nxt = (seg.seq + 1) | 0;
  rcv.acked = rcv.nxt;
  rcv.adv = rcv.nxt;
  rcv.up = rcv.nxt;
  tcb.windowScaleOk = params.windowScale && options.windowScale >= 0;
  if (tcb.windowScaleOk) snd.shift = options.windowScale;
  else rcv.shift = 0;
  tcb.sackOk = params.sack && options.sackPermitted;
  tcb.tailProbe.isOn = tcb.sackOk && params.retransmitting.tailLossProbe;
  tcb.timestampsOk = params.timestamps && options.timestamps;
  if (tcb.timestampsOk) {
    tcb.tsRecent = options.tsval;
    tcb.tsRecentTime = now;
  }
  tcb.ecnOk = agreesOnEcn(tcb, seg);
  tcb.peerMss = Math.max(options.mss, 0);
  setSegmentSize(tcb, announcedMss(tcb));
  guessSize(tcb, rcv.capacity);
}

/** RFC 3168 §6.1.1: a SYN requests ECN with ECE and CWR, a SYN,ACK agrees with ECE alone. Our last SYN shows whether we requested it. */
function agreesOnEcn(tcb: Tcb, seg: Segment): boolean {
  const asked = seg.ctl & (ECE | CWR);
  if (seg.ctl & ACK) return tcb.ecnOk && asked === ECE;
  return tcb.params.ecn !== "off" && asked === (ECE | CWR);
}

/** Our SYN is acknowledged and the peer's has arrived: the connection is ESTABLISHED. */
export function establish(tcb: Tcb, seg: Segment, now: number): void {
  const { snd, params } = tcb;
  const resends = Math.max(0, tcb.retries);
  const rtt = acknowledgeSyn(tcb, seg.ack, now);
  snd.una = seg.ack;
  snd.small = snd.una;
  if (!snd.urgent) snd.up = snd.una;
  // The window of a SYN is not scaled (RFC 7323 §2.2).
  if (tcb.passive) snd.wndMax = 0;
  updateSendWindow(tcb, seg);
  setSegmentSize(tcb, snd.pathMss);
  if (rtt >= 0) sampled(tcb, rtt, rtt, now);
  // RFC 6298 (5.7): the RTO of 1 s proved too short for this path.
  else if (!sampleEcho(tcb, seg, now) && resends > 0) tcb.rto = Math.max(params.retransmitting.rtoInitial, 3_000_000);
  start(tcb, resends, now);
  begin(tcb);
  opened(tcb, now);
  takeText(tcb);
}

/** Initializes the sender: data sent during the handshake is counted in segments of the present size. */
function begin(tcb: Tcb): void {
  recount(tcb);
  if (tcb.congestion.control === undefined) updateRate(tcb);
  tcb.usage.end = tcb.snd.una;
  if (tcb.snd.queued === 0) tcb.output.pushEnd = queueEnd(tcb);
}

/** Measures the round trip with the echo of our timestamp, if there is one. */
export function sampleEcho(tcb: Tcb, seg: Segment, now: number): boolean {
  if (!tcb.timestampsOk || seg.options.tsecr === 0) return false;
  const rtt = roundTripOfEcho(tcb, seg.options.tsecr, now);
  if (rtt >= 0) sampled(tcb, rtt, rtt, now);
  return rtt >= 0;
}

/** Sets the state and the timers and reports the event, for active and passive opens. */
export function opened(tcb: Tcb, now: number): void {
  const { params } = tcb;
  if (params.buffering.wholeSegmentBuffers) roundBuffers(tcb);
  if (tcb.synNow !== 0) {
    // A retransmission of the SYN was due when its acknowledgment arrived: an ACK is sufficient now.
    tcb.synNow = 0;
    tcb.ackNow = M.TX_ACK_HANDSHAKE;
  }
  tcb.retries = 0;
  push(tcb, PUSH_NORMAL);
  tcb.timers[T_RETRANSMIT] = NEVER;
  tcb.timers[T_USER_TIMEOUT] = NEVER;
  tcb.stalledSince = NEVER;
  setState(tcb, ESTABLISHED, M.GOT_ACK_OF_SYN, now);
  tcb.openedAt = now;
  guessSize(tcb, diff(tcb.rcv.adv, tcb.rcv.nxt));
  if (countsMemory(tcb) && tcb.rcv.clamp === 0) beginMemoryWindow(tcb);
  tcb.lastAckTime = now;
  if (params.keepAlive) tcb.timers[T_KEEPALIVE] = now + idleTime(tcb);
  tcb.events |= EVENT_OPENED | EVENT_WRITABLE;
}

/** As FreeBSD (tcp_mss): both buffers hold a whole number of segments without options, if at least one fits. */
function roundBuffers(tcb: Tcb): void {
  const { rcv, params } = tcb;
  const { mssBase } = tcb.snd;
  rcv.capacity = Math.max(rcv.capacity, Math.min(toSegments(rcv.capacity, mssBase), params.receiveBufferMax));
  tcb.snd.capacity = toSegments(tcb.snd.capacity, mssBase);
}

function toSegments(octets: number, mss: number): number {
  return octets < mss ? octets : Math.ceil(octets / mss) * mss;
}

/** Gives the user the data of the SYN, which was stored like out-of-order data. */
export function takeText(tcb: Tcb): void {
  const { rcv } = tcb;
  const next = tcb.ranges.advance(rcv.nxt);
  if (next !== rcv.nxt) {
    if (countsMemory(tcb)) keepInOrder(tcb, rcv.nxt, next, HEADER_MAX);
    rcv.unread += (next - rcv.nxt) | 0;
    tcb.bytesReceived += (next - rcv.nxt) | 0;
    rcv.nxt = next;
    tcb.events |= EVENT_READABLE;
    tcb.ackNow = M.TX_ACK_FILLED;
  }
}

/** RFC 9293 §3.10.7.4, fifth step: SND.WND, SND.WL1, SND.WL2. */
export function updateSendWindow(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb;
  snd.wnd = seg.ctl & 2 ? seg.wnd : seg.wnd << snd.shift;
  if (snd.wnd > snd.wndMax) snd.wndMax = snd.wnd;
  snd.wl1 = seg.seq;
  snd.wl2 = seg.ack;
}
