/**
 * HyStart++ (RFC 9406): slow start ends when round trips grow, before the queue overflows. It first grows slower for some rounds
 * (Conservative Slow Start, CSS), and resumes if the longer round trip was no queue. Only for the first slow start: later ones know ssthresh.
 */
import { MILLISECOND } from "#base/time";
import { lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { superSegments } from "./pacing.ts";
import { SSTHRESH_INFINITE } from "./windows.ts";

/** RFC 9406 §4.3. */
const MIN_RTT_THRESH = 4 * MILLISECOND;
const MAX_RTT_THRESH = 16 * MILLISECOND;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;
/** L: the most segments by which one ACK raises cwnd if data is not paced. */
const UNPACED_LIMIT = 8;

// Indices into tcb.ccState from the control's first one on. Times are µs; 0: none yet.
const LAST_ROUND_MIN_RTT = 0;
const CURRENT_ROUND_MIN_RTT = 1;
const RTT_SAMPLE_COUNT = 2;
const WINDOW_END = 3;
/** In CSS: the round trip that ended slow start. */
const CSS_BASELINE_MIN_RTT = 4;
const CSS_ROUND_COUNT = 5;
/** Segments acknowledged in CSS that have not yet made a quarter of one. */
const CREDIT = 6;
export const HYSTART_SIZE = 7;

/** Whether the connection is in its first slow start, and HyStart++ may end it. */
function isActive(tcb: Tcb): boolean {
  return tcb.params.growing.slowStartExit === "hystart++" && tcb.cc.ssthresh >= SSTHRESH_INFINITE;
}

function beginRound(tcb: Tcb, at: number): void {
  const s = tcb.ccState;
  s[at + LAST_ROUND_MIN_RTT] = s[at + CURRENT_ROUND_MIN_RTT]!;
  s[at + CURRENT_ROUND_MIN_RTT] = 0;
  s[at + RTT_SAMPLE_COUNT] = 0;
  s[at + WINDOW_END] = tcb.snd.nxt;
}

/** An ACK gave a round-trip sample (§4.2). @param at where the control keeps these numbers in `tcb.ccState` */
export function watchRoundTrip(tcb: Tcb, at: number, rtt: number): void {
  if (!isActive(tcb)) return;
  const s = tcb.ccState;
  // The first sample of the connection.
  if (s[at + CURRENT_ROUND_MIN_RTT] === 0 && s[at + LAST_ROUND_MIN_RTT] === 0) beginRound(tcb, at);
  const sample = Math.max(rtt, 1);
  const least = s[at + CURRENT_ROUND_MIN_RTT]!;
  s[at + CURRENT_ROUND_MIN_RTT] = least === 0 ? sample : Math.min(least, sample);
  s[at + RTT_SAMPLE_COUNT]!++;
  if (s[at + RTT_SAMPLE_COUNT]! >= N_RTT_SAMPLE) compare(s, at);
  if (!lt(tcb.snd.una, s[at + WINDOW_END]! | 0)) endRound(tcb, at);
}

/** Enough samples: slow start gives way to CSS if this round's least is longer than the last one's; CSS ends if it was a false alarm. */
function compare(s: Float64Array, at: number): void {
  const current = s[at + CURRENT_ROUND_MIN_RTT]!;
  const baseline = s[at + CSS_BASELINE_MIN_RTT]!;
  if (baseline > 0) {
    if (current < baseline) s[at + CSS_BASELINE_MIN_RTT] = 0;
    return;
  }
  const last = s[at + LAST_ROUND_MIN_RTT]!;
  if (last === 0) return;
  const rttThresh = Math.max(MIN_RTT_THRESH, Math.min(last / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
  if (current < last + rttThresh) return;
  s[at + CSS_BASELINE_MIN_RTT] = current;
  s[at + CSS_ROUND_COUNT] = 0;
  s[at + CREDIT] = 0;
}

/** All data of the round is acknowledged. The round in which CSS began counts as its first one. */
function endRound(tcb: Tcb, at: number): void {
  const s = tcb.ccState;
  if (s[at + CSS_BASELINE_MIN_RTT]! > 0 && ++s[at + CSS_ROUND_COUNT]! >= CSS_ROUNDS) tcb.cc.ssthresh = tcb.cc.cwnd;
  beginRound(tcb, at);
}

/**
 * By how many segments cwnd grows in slow start when `acked` segments were acknowledged. Without pacing RFC 9406 limits this to L = 8, because an ACK
 * of many segments would release a burst of twice as many. One super-segment is a burst in any case, so an ACK may count for two of them.
 */
export function slowStartGrowth(tcb: Tcb, at: number, acked: number): number {
  if (!isActive(tcb)) return acked;
  const s = tcb.ccState;
  const counted = tcb.pacing.isOn
    ? acked
    : Math.min(acked, Math.max(UNPACED_LIMIT, 2 * superSegments(tcb, tcb.snd.mss)));
  if (s[at + CSS_BASELINE_MIN_RTT] === 0) return counted;
  s[at + CREDIT]! += counted;
  const growth = Math.floor(s[at + CREDIT]! / CSS_GROWTH_DIVISOR);
  s[at + CREDIT]! -= growth * CSS_GROWTH_DIVISOR;
  return growth;
}

/** For `info().control`. */
export function slowStartPhase(tcb: Tcb, at: number): string {
  if (tcb.cc.cwnd >= tcb.cc.ssthresh) return "congestion avoidance";
  const conservative = isActive(tcb) && tcb.ccState[at + CSS_BASELINE_MIN_RTT]! > 0;
  return conservative ? "conservative slow start" : "slow start";
}
