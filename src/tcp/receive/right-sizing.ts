/**
 * Dynamic right-sizing of the receive buffer, as Linux does it (tcp_rcv_space_adjust; Feng et al., "Dynamic Right-Sizing in TCP"): the user reads so
 * much per round trip, so the peer's cwnd is about that; the buffer allows the peer to double it, and more while it grows.
 */
import { BUFFER_IDLE, receiveBufferAt } from "../words/buffers.ts";
import { diff } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { announcedMss } from "./announced.ts";
import { limitWindow, memoryFor } from "./memory-window.ts";
import { countsMemory } from "./window.ts";

/** Linux: TCP_INIT_CWND. */
const INITIAL_SEGMENTS = 10;

/** The first octet that the user has not read. */
function copiedSeq({ rcv }: Tcb): number {
  return (rcv.nxt - rcv.unread) | 0;
}

/** Octets per round trip that any connection may have read before anything is measured. */
function initialSpace(tcb: Tcb): number {
  return INITIAL_SEGMENTS * (announcedMss(tcb) - (tcb.timestampsOk ? 12 : 0));
}

/** The most octets that the user has read in a round trip so far. */
export function space(tcb: Tcb): number {
  return tcb.rcv.space || initialSpace(tcb);
}

/** The user has read: once per round trip the buffer is adapted to how much that was. Time is that of the last segment with text. */
export function rightSize(tcb: Tcb): void {
  const { rcv } = tcb;
  if (tcb.lastReceiveTime - rcv.spaceAt > BUFFER_IDLE) relax(tcb);
  if (rcv.space === 0) {
    // A connection with little data has nothing to measure, and sleeps in fewer octets.
    if (tcb.bytesReceived <= initialSpace(tcb)) return;
    rcv.space = initialSpace(tcb);
  } else {
    if (rcv.rtt === 0 || tcb.lastReceiveTime - rcv.spaceAt < rcv.rtt) return;
    const copied = diff(copiedSeq(tcb), rcv.spaceFrom);
    if (copied > rcv.space) enlarge(tcb, copied);
  }
  rcv.spaceAt = tcb.lastReceiveTime;
  rcv.spaceFrom = copiedSeq(tcb);
}

/** The connection was idle: it begins anew. A window that was offered stays valid. */
function relax({ rcv, params }: Tcb): void {
  rcv.space = 0;
  if (params.receiveBuffer === 0) rcv.capacity = receiveBufferAt(0, params.receiveBufferMax);
}

function enlarge(tcb: Tcb, copied: number): void {
  const { rcv, params, ranges, env } = tcb;
  const before = rcv.space;
  rcv.space = copied;
  if (params.receiveBuffer > 0 || env.slab.isTight) return;
  let window = 2 * copied;
  window += 2 * Math.floor((window * (copied - before)) / Math.max(before, 1));
  // What lies beyond a gap takes room, too.
  if (ranges.count > 0) window += diff(ranges.right[ranges.count - 1]!, rcv.nxt);
  const wanted = countsMemory(tcb) ? memoryFor(tcb, window) : window;
  const capacity = Math.min(wanted, params.receiveBufferMax);
  if (capacity <= rcv.capacity) return;
  rcv.capacity = capacity;
  if (countsMemory(tcb)) limitWindow(tcb);
}
