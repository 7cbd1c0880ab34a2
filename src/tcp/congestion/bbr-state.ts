/**
 * The numbers of BBR v3, in `tcb.ccState`, by the names of draft-ietf-ccwg-bbr-06 (§2). Volumes are in segments, bandwidths in segments per µs,
 * times in µs. Infinity: no bound.
 */
import type { Tcb } from "../words/tcb.ts";
import { MAX_PLACES } from "./windowed-max.ts";

export const STARTUP = 0;
export const DRAIN = 1;
export const PROBE_BW_DOWN = 2;
export const PROBE_BW_CRUISE = 3;
export const PROBE_BW_REFILL = 4;
export const PROBE_BW_UP = 5;
export const PROBE_RTT = 6;
export const STATE_NAMES = [
  "STARTUP",
  "DRAIN",
  "PROBE_BW_DOWN",
  "PROBE_BW_CRUISE",
  "PROBE_BW_REFILL",
  "PROBE_BW_UP",
  "PROBE_RTT",
] as const;

/** By state (§5.6.1). */
const PACING_GAINS = [2.77, 0.5, 0.9, 1, 1, 1.25, 1] as const;
const CWND_GAINS = [2, 2, 2, 2, 2, 2.25, 0.5] as const;

// What an ACK answers, compared with the last time that bandwidth was probed for (§5.3.3.9).
export const ACKS_INIT = 0;
export const ACKS_REFILLING = 1;
export const ACKS_PROBE_STARTING = 2;
export const ACKS_PROBE_FEEDBACK = 3;
export const ACKS_PROBE_STOPPING = 4;

// Indices into tcb.ccState.
export const STATE = 0;
export const ROUND_COUNT = 1;
export const NEXT_ROUND_DELIVERED = 2;
export const ROUND_START = 3;
export const MIN_RTT = 4;
export const MIN_RTT_STAMP = 5;
export const PROBE_RTT_MIN_DELAY = 6;
export const PROBE_RTT_MIN_STAMP = 7;
export const PROBE_RTT_EXPIRED = 8;
export const PROBE_RTT_DONE_STAMP = 9;
export const PROBE_RTT_ROUND_DONE = 10;
/** The largest bandwidth of this probing cycle and of the one before: the filter of §5.5.3 needs no more. */
export const MAX_BW_NOW = 11;
export const MAX_BW_BEFORE = 12;
export const BW = 13;
export const BW_LATEST = 14;
export const INFLIGHT_LATEST = 15;
export const BW_SHORTTERM = 16;
export const INFLIGHT_SHORTTERM = 17;
export const INFLIGHT_LONGTERM = 18;
export const LOSS_ROUND_DELIVERED = 19;
export const LOSS_ROUND_START = 20;
export const IS_LOSS_IN_ROUND = 21;
export const LOSS_EVENTS = 22;
export const IS_BW_PROBE_SAMPLE = 23;
export const ACK_PHASE = 24;
export const CYCLE_STAMP = 25;
export const BW_PROBE_WAIT = 26;
export const ROUNDS_SINCE_PROBE_UP = 27;
export const BW_PROBE_UP_ROUNDS = 28;
export const BW_PROBE_UP_ACKED = 29;
export const PROBE_UP_ACKED_PER_INC = 30;
export const PREV_PROBE_TOO_HIGH = 31;
export const PREV_PROBE_PRECAUTIONARY = 32;
export const FULL_BW = 33;
export const FULL_BW_COUNT = 34;
export const FULL_BW_NOW = 35;
export const FULL_BW_REACHED = 36;
export const DRAIN_START_ROUND = 37;
export const IDLE_RESTART = 38;
export const PRIOR_CWND = 39;
export const PRIOR_PHASE = 40;
export const EXTRA_ACKED_START = 41;
export const EXTRA_ACKED_DELIVERED = 42;
/** A maximum over rounds. */
export const EXTRA_ACKED = 43;
export const UNDO_STATE = EXTRA_ACKED + MAX_PLACES;
export const UNDO_BW_SHORTTERM = UNDO_STATE + 1;
export const UNDO_INFLIGHT_SHORTTERM = UNDO_STATE + 2;
export const UNDO_INFLIGHT_LONGTERM = UNDO_STATE + 3;
export const SAW_RTT = UNDO_STATE + 4;
/** A congestion mark was reported in this round (not in the draft). */
export const IS_CE_IN_ROUND = UNDO_STATE + 5;
/** Of this round: the shortest round trip, and the counts of delivered and lost segments when it began; and the last round trip. */
export const ROUND_RTT = UNDO_STATE + 6;
export const ROUND_DELIVERED = UNDO_STATE + 7;
export const ROUND_LOST = UNDO_STATE + 8;
export const RTT_LATEST = UNDO_STATE + 9;
export const PLACES = UNDO_STATE + 10;

export function stateOf({ ccState }: Tcb): number {
  return ccState[STATE]!;
}

export function pacingGain({ ccState }: Tcb): number {
  return PACING_GAINS[ccState[STATE]!]!;
}

export function cwndGain({ ccState }: Tcb): number {
  return CWND_GAINS[ccState[STATE]!]!;
}

export function maxBw({ ccState }: Tcb): number {
  return Math.max(ccState[MAX_BW_NOW]!, ccState[MAX_BW_BEFORE]!);
}

export function isInProbeBw({ ccState }: Tcb): boolean {
  return ccState[STATE]! >= PROBE_BW_DOWN && ccState[STATE]! <= PROBE_BW_UP;
}

/** It accelerates, so loss does not yet say that the path became slower. */
export function isProbing({ ccState }: Tcb): boolean {
  const state = ccState[STATE];
  return state === STARTUP || state === PROBE_BW_REFILL || state === PROBE_BW_UP;
}
