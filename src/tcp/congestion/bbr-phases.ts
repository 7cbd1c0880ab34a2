/** Beginning the states of BBR v3 (draft-ietf-ccwg-bbr-06 §5.3.3.9), and forgetting what the state before has learned. */
import { SECOND } from "#base/time";
import type { Tcb } from "../words/tcb.ts";
import * as S from "./bbr-state.ts";
import { cwndOf } from "./windows.ts";

const NO_BOUND = Number.POSITIVE_INFINITY;
/** BBR.bw_probe_wait: 2 to 3 s, at random, so that flows do not probe in step. */
const PROBE_WAIT_MIN = 2 * SECOND;
const PROBE_WAIT_RANDOM = SECOND;
/** cwnd doubles its growth each round that long. */
const UP_ROUNDS_MAX = 30;

/** The round ends when something is delivered that is sent from now on. */
export function startRound(tcb: Tcb): void {
  tcb.ccState[S.NEXT_ROUND_DELIVERED] = tcb.deliveredSegments;
}

export function resetFullBw({ ccState: s }: Tcb, bw: number): void {
  s[S.FULL_BW] = bw;
  s[S.FULL_BW_COUNT] = s[S.FULL_BW_NOW] = 0;
}

export function resetShortTerm({ ccState: s }: Tcb): void {
  s[S.BW_SHORTTERM] = s[S.INFLIGHT_SHORTTERM] = NO_BOUND;
}

function resetCongestionSignals({ ccState: s }: Tcb): void {
  s[S.IS_LOSS_IN_ROUND] = s[S.IS_CE_IN_ROUND] = s[S.BW_LATEST] = s[S.INFLIGHT_LATEST] = 0;
}

export function enterStartup({ ccState: s }: Tcb): void {
  s[S.STATE] = S.STARTUP;
}

export function enterDrain({ ccState: s }: Tcb): void {
  s[S.STATE] = S.DRAIN;
  s[S.DRAIN_START_ROUND] = s[S.ROUND_COUNT]!;
}

/** Empties the queue that probing has filled, and draws how long until it probes again. */
export function startDown(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  resetCongestionSignals(tcb);
  s[S.PROBE_UP_ACKED_PER_INC] = NO_BOUND;
  s[S.ROUNDS_SINCE_PROBE_UP] = tcb.env.prng.below(2);
  s[S.BW_PROBE_WAIT] = PROBE_WAIT_MIN + tcb.env.prng.below(PROBE_WAIT_RANDOM);
  s[S.CYCLE_STAMP] = now;
  s[S.ACK_PHASE] = S.ACKS_PROBE_STOPPING;
  startRound(tcb);
  s[S.STATE] = S.PROBE_BW_DOWN;
}

export function startCruise({ ccState: s }: Tcb): void {
  s[S.STATE] = S.PROBE_BW_CRUISE;
}

/** Fills the pipe for a round before it is probed: otherwise the first loss would show too small a volume. */
export function startRefill(tcb: Tcb): void {
  const s = tcb.ccState;
  resetShortTerm(tcb);
  s[S.BW_PROBE_UP_ROUNDS] = s[S.BW_PROBE_UP_ACKED] = s[S.PREV_PROBE_PRECAUTIONARY] = 0;
  s[S.ACK_PHASE] = S.ACKS_REFILLING;
  startRound(tcb);
  s[S.STATE] = S.PROBE_BW_REFILL;
}

export function startUp(tcb: Tcb, bw: number): void {
  const s = tcb.ccState;
  s[S.ACK_PHASE] = S.ACKS_PROBE_STARTING;
  startRound(tcb);
  resetFullBw(tcb, bw);
  s[S.STATE] = S.PROBE_BW_UP;
  raiseSlope(tcb);
}

/** inflight_longterm grows by 1, 2, 4 ... segments in each round of probing. */
export function raiseSlope(tcb: Tcb): void {
  const s = tcb.ccState;
  const growth = 2 ** s[S.BW_PROBE_UP_ROUNDS]!;
  s[S.BW_PROBE_UP_ROUNDS] = Math.min(s[S.BW_PROBE_UP_ROUNDS]! + 1, UP_ROUNDS_MAX);
  s[S.PROBE_UP_ACKED_PER_INC] = Math.max(Math.floor(cwndOf(tcb) / growth), 1);
}

/** The pipe is full: congestion said so. `inflight` bounds what is in flight from now on. */
export function endStartup({ ccState: s }: Tcb, inflight: number): void {
  s[S.UNDO_STATE] = S.STARTUP;
  s[S.FULL_BW_REACHED] = 1;
  s[S.INFLIGHT_LONGTERM] = inflight;
}
