/**
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): the states before the connection is synchronized. `steps.ts` has the rest.
 */

import { NEVER } from "#base/time";
import { EV_RX } from "#base/trace";
import { ACK, FIN, RST, SYN } from "#wire/tcp";
import { tsval } from "../loss/rto.ts";
import { releaseRecords } from "../loss/scoreboard.ts";
import { answered } from "../open/fast-open-client.ts";
import { establish, takeSyn, updateSendWindow } from "../open/handshake.ts";
import { initialSequence, setInitialSequence, timestampOffset } from "../open/isn.ts";
import { delayHandshakeAck } from "../receive/acknowledging.ts";
import { synWindow } from "../receive/announced.ts";
import { ECONNREFUSED } from "../words/error.ts";
import * as M from "../words/marks.ts";
import type { PassiveOpen } from "../words/passive-open.ts";
import type { Reset } from "../words/reset.ts";
import { resetFor } from "../words/reset.ts";
import type { Segment } from "../words/segment.ts";
import { diff, gt, le } from "../words/seq.ts";
import { SYN_RECEIVED, SYN_SENT, TIME_WAIT } from "../words/state.ts";
import { explain, setState, T_RETRANSMIT, T_USER_TIMEOUT, type Tcb } from "../words/tcb.ts";
import { takeTextAndFin } from "./delivery.ts";
import { finish } from "./finish.ts";
import { takePredicted } from "./prediction.ts";
import { processSegment } from "./steps.ts";

/**
 * Processes one segment for an existing connection, addressed to its 4-tuple and with a correct checksum. Afterwards the TCB may be CLOSED
 * (the stack then removes it), and `reset.cause` may request an RST in answer to this segment.
 */
export function segmentArrives(tcb: Tcb, seg: Segment, now: number, reset: Reset): void {
  if (seg.options.signed && tcb.params.acceptance.dropSigned) {
    explain(tcb, M.RX_SIGNED);
    return;
  }
  // In TIME-WAIT segments are not counted, whether a row or a TCB holds the connection (Linux: a minisock counts none).
  if (tcb.state !== TIME_WAIT) {
    tcb.segmentsIn++;
    if (seg.n > 0) tcb.dataSegmentsIn++;
  }
  if (seg.options.malformed) tcb.env.counters.count(M.RX_BAD_OPTION);
  arrived(tcb, seg, tcb.state === SYN_SENT ? seg.seq : tcb.rcv.irs, now);
  if (tcb.state === SYN_SENT) synSent(tcb, seg, now, reset);
  else if (!takePredicted(tcb, seg, now)) processSegment(tcb, seg, now, reset);
  tcb.env.trace.arrive(-1);
}

/** Records the segment in the trace, with sequence numbers relative to the initial ones. */
function arrived(tcb: Tcb, seg: Segment, irs: number, now: number): void {
  const { trace, slab } = tcb.env;
  if (!trace.enabled) return;
  const ack = seg.ctl & ACK ? diff(seg.ack, tcb.snd.iss) : 0;
  const i = trace.record(now, EV_RX, 0, tcb.id, diff(seg.seq, irs), seg.n, seg.ctl);
  trace.more(i, ack, seg.ctl & SYN ? seg.wnd : seg.wnd << tcb.snd.shift, seg.segmentSize < seg.n ? seg.segmentSize : 0);
  trace.keep(i, slab.u8, seg.o - seg.header, seg.header);
  trace.arrive(i);
}

/** §3.10.7.1: no connection. Every segment except RST is answered with RST. */
export function closed(seg: Segment, reset: Reset): number {
  if (seg.ctl & RST) return M.RX_CLOSED;
  resetFor(seg, M.TX_RST_CLOSED, reset);
  return M.RX_CLOSED;
}

/** A segment for a listener. 0: the stack makes a connection and calls `openPassive`; otherwise the mark of the verdict. */
export function listen(listener: PassiveOpen, seg: Segment, reset: Reset): number {
  if (seg.options.signed && listener.params.acceptance.dropSigned) return M.RX_SIGNED;
  // First: RST. Second: ACK. Third: SYN.
  if (seg.ctl & RST) return M.RX_RST_IGNORED;
  if (seg.ctl & ACK) {
    resetFor(seg, M.TX_RST_ACK, reset);
    return M.RX_CLOSED;
  }
  if ((seg.ctl & SYN) === 0 || (seg.ctl & FIN && listener.params.opening.dropSynFin)) return M.RX_BAD_SYN;
  return listener.isFull ? M.RX_BACKLOG : 0;
}

/**
 * Added to the old connection's SND.NXT to get the ISS of the new one (MAY-2): more than the largest unscaled window, in which old
 * duplicates may lie.
 */
const ISS_STEP = 0x10000;

/**
 * §3.10.7.2, third step: the SYN for a listener makes a connection in SYN-RECEIVED. @param old the connection in TIME-WAIT that it replaces
 */
export function openPassive(tcb: Tcb, seg: Segment, now: number, old: Tcb | null): void {
  tcb.passive = true;
  prepare(tcb, now);
  // MAY-2: the sequence numbers of the new connection lie beyond the old one's.
  if (old !== null && !gt(tcb.snd.iss, old.snd.nxt)) setInitialSequence(tcb, (old.snd.nxt + ISS_STEP) | 0);
  limitOpening(tcb, now);
  arrived(tcb, seg, seg.seq, now);
  takeSyn(tcb, seg, now);
  updateSendWindow(tcb, seg);
  setState(tcb, SYN_RECEIVED, M.GOT_SYN, now);
  // The window that our SYN,ACK will advertise.
  tcb.rcv.adv = (tcb.rcv.nxt + synWindow(tcb, tcb.timestampsOk)) | 0;
  keepText(tcb, seg);
  tcb.env.trace.arrive(-1);
  tcb.synNow = M.TX_SYN_ACK;
}

/** USER TIMEOUT and `connectTimeout`: limits the duration of the handshake, regardless of retransmissions. */
export function limitOpening(tcb: Tcb, now: number): void {
  const { userTimeout, connectTimeout } = tcb.params;
  const limit = Math.min(userTimeout > 0 ? userTimeout : NEVER, connectTimeout > 0 ? connectTimeout : NEVER);
  tcb.timers[T_USER_TIMEOUT] = now + limit;
}

/** Chooses ISS and the timestamp offset (RFC 6528, 7323). */
export function prepare(tcb: Tcb, now: number): void {
  const { hash } = tcb.env;
  const { local, localPort, remote, remotePort } = tcb;
  setInitialSequence(tcb, initialSequence(hash, local, localPort, remote, remotePort, now));
  tcb.tsOffset = timestampOffset(hash, local, localPort, remote, remotePort);
}

/** §3.10.7.3 */
function synSent(tcb: Tcb, seg: Segment, now: number, reset: Reset): void {
  const { snd } = tcb;
  // First, the ACK bit.
  const acks = (seg.ctl & ACK) !== 0;
  if (acks && (le(seg.ack, snd.iss) || gt(seg.ack, snd.nxt))) {
    explain(tcb, M.RX_ACK_TOO_NEW);
    const { resendSynAfterBadAck } = tcb.params.opening;
    if (resendSynAfterBadAck > 0 && tcb.retries === 0) tcb.timers[T_RETRANSMIT] = now + resendSynAfterBadAck;
    if ((seg.ctl & RST) === 0) resetFor(seg, M.TX_RST_ACK, reset);
    return;
  }
  // It echoes a timestamp that no SYN of ours had, so it does not answer our SYN (RFC 7323 §3.2), whether it is a SYN or an RST.
  if (acks && tcb.params.timestamps && !echoesSyn(tcb, seg, now)) {
    explain(tcb, M.RX_BAD_ECHO);
    if ((seg.ctl & RST) === 0) resetFor(seg, M.TX_RST_ACK, reset);
    return;
  }
  // Second, the RST bit.
  if (seg.ctl & RST) {
    explain(tcb, acks ? M.RX_RST : M.RX_RST_IGNORED);
    if (acks) finish(tcb, ECONNREFUSED, M.RX_RST, now);
    return;
  }
  // Fourth, the SYN bit. (Third, security, is not implemented.)
  if ((seg.ctl & SYN) === 0) {
    explain(tcb, M.RX_BAD_SYN);
    return;
  }
  takeSyn(tcb, seg, now);
  if (acks) {
    establish(tcb, seg, now);
    answered(tcb, seg, now);
    if (expectsToWrite(tcb)) delayHandshakeAck(tcb, tcb.params.opening.delayHandshakeAck, now);
    else tcb.ackNow = M.TX_ACK_HANDSHAKE;
    // Sixth and later steps: urgent pointer, data and FIN in the same segment. The SYN itself is processed.
    const { fast } = tcb;
    if (tcb.params.opening.dropSynText && !(fast.sent > 0 ? fast.taken : fast.asked)) {
      seg.n = 0;
      seg.ctl &= ~FIN;
    }
    seg.seq = tcb.rcv.nxt;
    seg.ctl &= ~SYN;
    seg.len = seg.n + (seg.ctl & FIN ? 1 : 0);
    // The window that our SYN advertised begins here.
    tcb.rcv.adv = (tcb.rcv.nxt + synWindow(tcb, false)) | 0;
    takeTextAndFin(tcb, seg, now, reset);
    return;
  }
  // Simultaneous open: our SYN is sent again, now with an ACK. The window that it advertised is already valid.
  updateSendWindow(tcb, seg);
  setState(tcb, SYN_RECEIVED, M.GOT_SYN, now);
  tcb.rcv.adv = (tcb.rcv.nxt + synWindow(tcb, false)) | 0;
  if (!tcb.params.opening.dropSynText) keepText(tcb, seg);
  tcb.timers[T_RETRANSMIT] = NEVER;
  tcb.retries = 0;
  // Data of our SYN is still in flight.
  if (tcb.fast.sent === 0) releaseRecords(tcb);
  tcb.synNow = M.TX_SYN_ACK;
}

/** Whether TSecr, if present, lies between the TSval of our first SYN and that of one sent now. */
function echoesSyn(tcb: Tcb, { options }: Segment, now: number): boolean {
  if (!options.timestamps || options.tsecr === 0) return true;
  return le(tsval(tcb, tcb.stalledSince), options.tsecr) && le(options.tsecr, tsval(tcb, now));
}

/** Whether the user waits to write, or announced it: then the ACK can be sent with the data. */
function expectsToWrite(tcb: Tcb): boolean {
  if (tcb.params.opening.delayHandshakeAck === 0) return false;
  return tcb.writerWaits || tcb.interactive || tcb.params.deferAccept > 0;
}

/**
 * Data in a SYN waits until the handshake is complete. It is stored like out-of-order data, and not acknowledged yet. Data beyond the window of
 * our own SYN is cut off (RFC 9293 §3.10.7.4, seventh step).
 */
function keepText(tcb: Tcb, seg: Segment): void {
  if (seg.n === 0) return;
  const n = Math.min(seg.n, diff(tcb.rcv.adv, tcb.rcv.nxt));
  const kept = tcb.receiveQueue.writeFromSlab(0, seg.o, n);
  if (kept > 0) tcb.ranges.add(tcb.rcv.nxt, (tcb.rcv.nxt + kept) | 0);
}
