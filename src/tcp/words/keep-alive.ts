/** When an idle connection is probed (RFC 9293 §3.8.4). */
import { NEVER, SECOND } from "#base/time";
import type { Tcb } from "./tcb.ts";

/** The ids of connections begin here: the first one of a stack is probed without delay. */
const FIRST_ID = 2;
/** 2^32 divided by the golden ratio: its multiples, modulo 2^32, lie evenly in any number of them. */
const GOLDEN = 0x9e3779b1;

/**
 * µs without a segment of the peer until the first probe. Connections that were opened together would probe together, and their probes and answers
 * overflow queues: each waits longer than `keepAliveIdle` by its own part of `keepAliveSpread`.
 */
export function idleTime({ id, params }: Pick<Tcb, "id" | "params">): number {
  const { keepAliveIdle, keepAliveSpread } = params;
  if (keepAliveSpread === 0) return keepAliveIdle;
  const part = (Math.imul(id - FIRST_ID, GOLDEN) >>> 0) / 2 ** 32;
  return keepAliveIdle + Math.floor(keepAliveIdle * keepAliveSpread * part);
}

/** The shortest interval of probes under memory pressure, µs, so that a slow path can answer one before the next. */
const INTERVAL_MIN = SECOND;

/** µs between probes: fewer under memory pressure, so that the connections of dead peers end sooner. */
export function probeInterval({ params, env }: Tcb): number {
  const { keepAliveInterval, keepAliveUnderPressure } = params;
  if (!env.pressure.isOn) return keepAliveInterval;
  return Math.min(keepAliveInterval, Math.max(INTERVAL_MIN, Math.floor(keepAliveInterval * keepAliveUnderPressure)));
}

/**
 * When an idle connection is probed under memory pressure; NEVER: not earlier than otherwise.
 * @param at when it is probed otherwise: `idleTime` after the last segment of the peer
 */
export function earlyProbeAt(tcb: Pick<Tcb, "id" | "params">, at: number): number {
  const { keepAlive, keepAliveUnderPressure } = tcb.params;
  if (!keepAlive || keepAliveUnderPressure >= 1) return NEVER;
  const idle = idleTime(tcb);
  return at - idle + Math.floor(idle * keepAliveUnderPressure);
}
