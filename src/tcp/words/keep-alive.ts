/** When an idle connection is probed first (RFC 9293 §3.8.4). */
import type { Tcb } from "./tcb.ts";

/** The ids of connections begin here: the first one of a stack is probed without delay. */
const FIRST_ID = 2;
/** 2^32 divided by the golden ratio: its multiples, modulo 2^32, lie evenly in any number of them. */
const GOLDEN = 0x9e3779b1;

/**
 * µs without a segment of the peer until the first probe. Connections that were opened together would probe together, and their probes and answers
 * overflow queues: each waits longer than `keepAliveIdle` by its own part of `keepAliveSpread`.
 */
export function idleTime({ id, params }: Tcb): number {
  const { keepAliveIdle, keepAliveSpread } = params;
  if (keepAliveSpread === 0) return keepAliveIdle;
  const part = (Math.imul(id - FIRST_ID, GOLDEN) >>> 0) / 2 ** 32;
  return keepAliveIdle + Math.floor(keepAliveIdle * keepAliveSpread * part);
}
