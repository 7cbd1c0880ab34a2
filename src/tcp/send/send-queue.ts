import { cwndOf, inFlight } from "../loss/cwnd.ts";
import { deliveredPerRoundTrip } from "../loss/delivery-rate.ts";
import { BUFFER_IDLE, sendBufferAt } from "../words/buffers.ts";
import { dropRecordEnds } from "../words/record-ends.ts";
import { NONE } from "../words/records.ts";
import { gt } from "../words/seq.ts";
import { EVENT_ALL_ACKED, EVENT_WRITABLE, type Tcb } from "../words/tcb.ts";

/** Removes octets that the peer has acknowledged from the send queue. SND.UNA and the scoreboard are already updated. */
export function dropAcknowledged(tcb: Tcb, n: number): void {
  const { snd } = tcb;
  const full = snd.queued >= snd.capacity;
  if (full && tcb.params.sendBuffer === 0) expand(tcb);
  snd.queued -= n;
  tcb.bytesAcked += n;
  if (snd.queued === 0) tcb.sendQueue.clear();
  else tcb.sendQueue.drop(n);
  if (snd.ends.length > 0) dropRecordEnds(tcb);
  if (snd.urgent && !gt(snd.up, snd.una)) snd.urgent = false;
  if (full || snd.queued <= snd.capacity >> 1) tcb.events |= EVENT_WRITABLE;
  if (tcb.board.head === NONE && snd.queued === 0) tcb.events |= EVENT_ALL_ACKED;
}

/** Segments of cwnd for which the send buffer has room: those in flight, and as many for the next round trip; BBR probes with a third. */
const WINDOWS = 2;
const WINDOWS_OF_BBR = 3;

/**
 * The user filled the buffer: it grows with cwnd, as Linux's (tcp_sndbuf_expand), so that the buffer never keeps the path from being used; but not
 * while memory is short, and not for what waits in a queue of the path: cwnd grows without end where nothing is lost, and a long queue of data is cold in the
 * processor's cache when it is sent.
 */
function expand(tcb: Tcb): void {
  const { snd, params } = tcb;
  if (tcb.env.slab.isTight) return;
  const windows = tcb.congestion.control === undefined ? WINDOWS : WINDOWS_OF_BBR;
  const useful = Math.min(cwndOf(tcb), deliveredPerRoundTrip(tcb));
  const segments = Math.max(useful, params.growing.initialWindow, tcb.reordering + 1);
  snd.capacity = Math.max(snd.capacity, Math.min(windows * segments * snd.mss, params.sendBufferMax));
}

/** Called before the first segment after an idle time: what the buffer grew to is no longer true. What is queued stays in it. */
export function relaxSendBuffer(tcb: Tcb, now: number): void {
  const { snd, params } = tcb;
  if (params.sendBuffer > 0 || inFlight(tcb) > 0 || now - tcb.lastSendTime <= BUFFER_IDLE) return;
  snd.capacity = Math.max(snd.queued, sendBufferAt(0, params.sendBufferMax));
}
