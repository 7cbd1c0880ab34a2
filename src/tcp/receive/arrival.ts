/** Text in order goes to the receive queue, or stays in its packet until its user takes it from there. */
import { assert } from "#base/assert";
import { PACKET_MAX } from "#base/packet";
import { PAGE_SHIFT } from "#base/slab";
import type { Tcb, TcpEnv } from "../words/tcb.ts";

/** Pages that the text of one packet can need. So many are free while it stays in its packet, so that it can always be kept. */
const PAGES_MAX = (PACKET_MAX >> PAGE_SHIFT) + 2;

/** Takes `n` octets at RCV.NXT. Returns how many: fewer if the slab has no page left. */
export function takeNext(tcb: Tcb, o: number, n: number): number {
  const { rcv, env } = tcb;
  const stays = n >= tcb.takesFrom && rcv.unread === 0 && tcb.ranges.count === 0;
  if (!stays || env.slab.isTight || env.slab.available < PAGES_MAX)
    return tcb.receiveQueue.writeFromSlab(rcv.unread, o, n);
  env.arrival.tcb = tcb;
  env.arrival.o = o;
  env.arrival.n = n;
  return n;
}

/** Copies what is left of the text in the packet to its receive queue. Returns the connection, or null if nothing was left. */
export function keepArrival(env: TcpEnv): Tcb | null {
  const { arrival } = env;
  const { tcb, o, n } = arrival;
  arrival.tcb = null;
  // A connection that was reset meanwhile has nothing to read.
  if (tcb === null || tcb.rcv.unread === 0) return null;
  assert(tcb.receiveQueue.writeFromSlab(0, o, n) === n, "text that stays in its packet has pages reserved");
  return tcb;
}
