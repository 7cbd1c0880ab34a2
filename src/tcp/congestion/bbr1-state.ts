/** The numbers of BBR v1, in `tcb.ccState`, and what follows from them directly. Gains are in 256ths, bandwidths in segments per µs times 2^24. */
import { MILLISECOND, SECOND } from "#base/time";
import type { Tcb } from "../words/tcb.ts";
import { MAX_PLACES } from "./windowed-max.ts";

export const GAIN_UNIT = 256;
export const BW_UNIT = 2 ** 24;

export const STARTUP = 0;
export const DRAIN = 1;
export const PROBE_BW = 2;
export const PROBE_RTT = 3;

/** 2/ln 2: the smallest gain with which the data in flight doubles each round. */
const HIGH_GAIN = Math.floor((GAIN_UNIT * 2885) / 1000) + 1;
const DRAIN_GAIN = Math.floor((GAIN_UNIT * 1000) / 2885);
const CWND_GAIN = 2 * GAIN_UNIT;
/** Probe for more, drain the queue that this has made, then cruise. */
const CYCLE = [(GAIN_UNIT * 5) / 4, (GAIN_UNIT * 3) / 4, 256, 256, 256, 256, 256, 256] as const;
export const CYCLE_LENGTH = CYCLE.length;

// Indices into tcb.ccState. Counts of what was delivered or lost are those of the connection at the time.
export const MODE = 0;
/** The round-trip time of the path, µs, and when it was measured, ms. */
export const MIN_RTT = 1;
export const MIN_RTT_STAMP = 2;
/** ms; 0: PROBE_RTT has not yet drained the queue. */
export const PROBE_RTT_DONE = 3;
export const PROBE_RTT_ROUND = 4;
/** Rounds are counted in packets: one ends when something is delivered that was sent after it began. */
export const ROUNDS = 5;
export const NEXT_ROUND = 6;
export const ROUND_START = 7;
/** The phase in which the last ACK left recovery; whether this round sends only as much as is delivered. */
export const PRIOR_PHASE = 8;
export const CONSERVES = 9;
export const PRIOR_CWND = 10;
export const IDLE_RESTART = 11;
export const CYCLE_AT = 12;
export const CYCLE_STAMP = 13;
export const PACING_GAIN = 14;
export const CWND_GAIN_NOW = 15;
/** Bandwidth that no longer grows: the pipe is full. */
export const FULL_BW = 16;
export const FULL_COUNT = 17;
export const FULL = 18;
export const SAW_RTT = 19;
/** The long-term bandwidth, if a policer seems to limit the rate. */
export const LT_SAMPLING = 20;
export const LT_ROUNDS = 21;
export const LT_USED = 22;
export const LT_BW = 23;
export const LT_DELIVERED = 24;
export const LT_STAMP = 25;
export const LT_LOST = 26;
/** How much more than expected is acknowledged at once: a maximum over two windows of rounds. */
export const EPOCH_STAMP = 27;
export const EPOCH_ACKED = 28;
export const EXTRA_ROUNDS = 29;
export const EXTRA_AT = 30;
export const EXTRA = 31;
/** The largest bandwidth of the last ten rounds. */
export const BW = 33;
export const PLACES = BW + MAX_PLACES;

export function isFull({ ccState }: Tcb): boolean {
  return ccState[FULL] !== 0;
}

export function maxBw({ ccState }: Tcb): number {
  return ccState[BW + 1]!;
}

/** The bandwidth that the path is believed to have. */
export function bwOf(tcb: Tcb): number {
  return tcb.ccState[LT_USED] !== 0 ? tcb.ccState[LT_BW]! : maxBw(tcb);
}

/** Linux' jiffies. */
export function milliseconds(now: number): number {
  return Math.floor(now / MILLISECOND);
}

/** Octets per second for a bandwidth and a gain. @param percent of it */
export function octetsPerSecond({ snd }: Tcb, bw: number, gain: number, percent: number): number {
  return Math.floor((Math.floor((bw * snd.mss * gain) / GAIN_UNIT) * (SECOND / 100) * percent) / BW_UNIT);
}

export function setGains({ ccState: s }: Tcb): void {
  const mode = s[MODE];
  if (mode === PROBE_BW) {
    s[PACING_GAIN] = s[LT_USED] !== 0 ? GAIN_UNIT : CYCLE[s[CYCLE_AT]!]!;
    s[CWND_GAIN_NOW] = CWND_GAIN;
    return;
  }
  s[PACING_GAIN] = mode === STARTUP ? HIGH_GAIN : mode === DRAIN ? DRAIN_GAIN : GAIN_UNIT;
  s[CWND_GAIN_NOW] = mode === PROBE_RTT ? GAIN_UNIT : HIGH_GAIN;
}

export { HIGH_GAIN };
