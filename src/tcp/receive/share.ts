/**
 * Received text under memory pressure (docs/adr/0061): each connection has a share of the slab, and text beyond a gap makes way for text that is
 * due, that of other connections too.
 */
import * as M from "../words/marks.ts";
import type { Tcb } from "../words/tcb.ts";

/** Connections whose out-of-order text is dropped for one segment, so that its cost has a bound. */
const PRUNED_MAX = 4;

/** RCV.BUFF, or the connection's share of the slab if that is less. */
export function buffer({ rcv, env }: Tcb): number {
  return env.slab.isTight ? Math.min(rcv.capacity, env.slab.share) : rcv.capacity;
}

/** Octets that it has room for beyond RCV.NXT. */
export function room({ rcv, env }: Tcb): number {
  const free = Math.max(0, rcv.capacity - rcv.unread);
  return env.slab.isTight ? Math.min(free, env.slab.grant(rcv.unread, 0)) : free;
}

/** How many of `n` octets in order may be kept: they may use the last page, which nothing else may. */
export function grantInOrder(tcb: Tcb, n: number): number {
  const { slab } = tcb.env;
  if (!slab.isTight) return n;
  if (slab.grant(0, 0) < n) prune(tcb, n);
  return Math.min(n, slab.grant(tcb.rcv.unread, 0));
}

/** The same for text beyond a gap. The last eighth of the slab is not for such text; the oldest of it makes way for the newest. */
export function grantBeyond(tcb: Tcb, n: number): number {
  const { slab, ranges } = tcb.env;
  if (!slab.isTight) return n;
  const reserve = slab.pages >> 3;
  if (slab.available <= reserve) {
    const oldest = ranges.oldest(tcb.ranges);
    if (oldest !== null) dropBeyond(oldest.owner);
  }
  return Math.min(n, slab.grant(tcb.receiveQueue.memory, reserve));
}

/** Out-of-order text of the connection itself goes first, then that of others. */
function prune(tcb: Tcb, n: number): void {
  const { slab, ranges } = tcb.env;
  if (tcb.ranges.count > 0) dropBeyond(tcb);
  for (let i = 0; i < PRUNED_MAX && slab.grant(0, 0) < n; i++) {
    const oldest = ranges.oldest(tcb.ranges);
    if (oldest === null) return;
    dropBeyond(oldest.owner);
  }
}

/** Drops all text beyond a gap. The peer keeps it until it is acknowledged, SACKed or not (RFC 2018 §8). */
export function dropBeyond(tcb: Tcb): void {
  tcb.ranges.clear();
  tcb.memory.dropBeyond();
  tcb.receiveQueue.truncate(tcb.rcv.unread);
  tcb.env.counters.count(M.RX_PRUNED);
}
