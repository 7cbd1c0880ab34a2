import { MILLISECOND } from "#base/time";
import { gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import type { CongestionControl, ControlDetails } from "./congestion.ts";
import { HYSTART_SIZE, slowStartGrowth, slowStartPhase, watchRoundTrip } from "./hystart-plus.ts";
import { avoidBy } from "./newreno.ts";

/** cwnd is multiplied by 717/1024 after a loss. */
const BETA = 717;
const SCALE = 1024;
/** C = 41/1024 per 100 ms: 0.4 per second cubed. */
const RATE = 410;
/** Acknowledged segments per window, in eighths, for which plain TCP with this reduction would add one. */
const FRIENDLY = Math.trunc(Math.trunc((8 * (SCALE + BETA)) / 3) / (SCALE - BETA));

/** Bits of `hystart` (words/policies/growing.ts). */
const TRAINS = 1;
const DELAY = 2;
/** HyStart is active only for windows of at least this many segments. */
const HYSTART_LOW_WINDOW = 16;
/** ACKs closer together than this form a train. */
const HYSTART_ACK_DELTA = 2 * MILLISECOND;
/** Round-trip samples before their minimum is used, and how much longer than the path's minimum it may be. */
const HYSTART_SAMPLES = 8;
const HYSTART_DELAY_MIN = 4 * MILLISECOND;
const HYSTART_DELAY_MAX = 16 * MILLISECOND;

// Indices into tcb.ccState. Windows are in segments, times in ms (jiffies of a kernel with HZ = 1000), except HyStart's, in µs.
const CNT = 0;
const LAST_MAX = 1;
const LAST_CWND = 2;
const LAST_TIME = 3;
const ORIGIN = 4;
const K = 5;
const DELAY_MIN = 6;
const EPOCH = 7;
const ACK_CNT = 8;
const TCP_CWND = 9;
const FOUND = 10;
const ROUND_START = 11;
const LAST_ACK = 12;
const END_SEQ = 13;
const CURR_RTT = 14;
const SAMPLES = 15;
/** HyStart++ keeps its numbers in the place of HyStart's. */
const PLUS = FOUND;

/**
 * CUBIC in whole numbers, as Linux computes it: RFC 9438's curve to within a segment, and the same segment as Linux where a script counts them.
 * Slow start ends by HyStart++ (`hystart-plus.ts`), or by the HyStart of Linux: Ha, Rhee, "Taming the Elephants".
 */
export class Cubic implements CongestionControl {
  readonly name = "cubic";
  readonly stateSize = PLUS + HYSTART_SIZE;

  reset(tcb: Tcb, now = 0): void {
    tcb.ccState.fill(0);
    if (tcb.params.growing.slowStartExit === "hystart") newRound(tcb, now);
  }

  reduce(tcb: Tcb): number {
    const s = tcb.ccState;
    const cwnd = segments(tcb);
    s[EPOCH] = 0;
    s[LAST_MAX] = cwnd < s[LAST_MAX]! ? Math.trunc((cwnd * (SCALE + BETA)) / (2 * SCALE)) : cwnd;
    return Math.max(Math.trunc((cwnd * BETA) / SCALE), 2) * tcb.snd.mss;
  }

  timedOut(tcb: Tcb, now: number): void {
    this.reset(tcb, now);
  }

  measured(tcb: Tcb, rtt: number, now: number): void {
    const s = tcb.ccState;
    watchRoundTrip(tcb, PLUS, rtt);
    // Samples right after a recovery are not meaningful.
    if (s[EPOCH]! > 0 && jiffies(now) - s[EPOCH]! < 1000) return;
    if (s[DELAY_MIN] === 0 || s[DELAY_MIN]! > rtt) s[DELAY_MIN] = Math.max(rtt, 1);
    const { slowStartExit } = tcb.params.growing;
    if (s[FOUND] === 0 && slowStartExit === "hystart" && tcb.cc.cwnd < tcb.cc.ssthresh)
      hystart(tcb, Math.max(rtt, 1), now);
  }

  slowStart(tcb: Tcb, acked: number): number {
    return slowStartGrowth(tcb, PLUS, acked);
  }

  avoid(tcb: Tcb, n: number, now: number): void {
    const s = tcb.ccState;
    const acked = Math.ceil(n / tcb.snd.mss);
    update(tcb, segments(tcb), acked, jiffies(now));
    avoidBy(tcb, s[CNT]!, acked);
  }

  idle(tcb: Tcb, time: number, now: number): void {
    const s = tcb.ccState;
    // The curve may have begun after the last segment was sent: it does not begin later than now.
    if (s[EPOCH]! > 0) s[EPOCH] = Math.min(s[EPOCH]! + Math.trunc(time / MILLISECOND), jiffies(now));
  }

  details(tcb: Tcb): ControlDetails {
    return { phase: slowStartPhase(tcb, PLUS) };
  }
}

function segments(tcb: Tcb): number {
  return Math.trunc(tcb.cc.cwnd / tcb.snd.mss);
}

/** Never 0, which means "none". */
function jiffies(now: number): number {
  return Math.trunc(now / MILLISECOND) + 1;
}

/** How many acknowledged segments increase cwnd by one, according to the curve and to plain TCP. */
function update(tcb: Tcb, cwnd: number, acked: number, now: number): void {
  const s = tcb.ccState;
  s[ACK_CNT]! += acked;
  if (s[LAST_CWND] === cwnd && now - s[LAST_TIME]! <= 1000 / 32) return;
  if (s[EPOCH] === 0 || now !== s[LAST_TIME]) curve(tcb, cwnd, acked, now);
  const step = (cwnd * FRIENDLY) >> 3;
  while (s[ACK_CNT]! > step) {
    s[ACK_CNT]! -= step;
    s[TCP_CWND]!++;
  }
  if (s[TCP_CWND]! > cwnd) s[CNT] = Math.min(s[CNT]!, Math.trunc(cwnd / (s[TCP_CWND]! - cwnd)));
  // cwnd grows by at most one segment per two acknowledged.
  s[CNT] = Math.max(s[CNT]!, 2);
}

function curve(tcb: Tcb, cwnd: number, acked: number, now: number): void {
  const s = tcb.ccState;
  s[LAST_CWND] = cwnd;
  s[LAST_TIME] = now;
  if (s[EPOCH] === 0) {
    s[EPOCH] = now;
    s[ACK_CNT] = acked;
    s[TCP_CWND] = cwnd;
    const below = s[LAST_MAX]! - cwnd;
    s[K] = below <= 0 ? 0 : Math.trunc(Math.cbrt((2 ** 40 / RATE) * below));
    s[ORIGIN] = below <= 0 ? cwnd : s[LAST_MAX]!;
  }
  // In units of 1/1024 s.
  const t = Math.trunc(((now - s[EPOCH]! + Math.ceil(s[DELAY_MIN]! / MILLISECOND)) * 1024) / 1000);
  const delta = Math.trunc((RATE * Math.abs(t - s[K]!) ** 3) / 2 ** 40);
  const target = t < s[K]! ? s[ORIGIN]! - delta : s[ORIGIN]! + delta;
  s[CNT] = target > cwnd ? Math.trunc(cwnd / (target - cwnd)) : 100 * cwnd;
  // Before the first loss: grow by 5 % per window.
  if (s[LAST_MAX] === 0) s[CNT] = Math.min(s[CNT]!, 20);
}

function newRound(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  s[ROUND_START] = now;
  s[LAST_ACK] = now;
  s[END_SEQ] = tcb.snd.nxt;
  s[CURR_RTT] = Number.POSITIVE_INFINITY;
  s[SAMPLES] = 0;
}

/** Slow start ends when a train of ACKs is as long as half the round trip, or the round trip has grown by an eighth. */
function hystart(tcb: Tcb, rtt: number, now: number): void {
  const s = tcb.ccState;
  const { cc, params } = tcb;
  if (gt(tcb.snd.una, s[END_SEQ]! | 0)) newRound(tcb, now);
  if (segments(tcb) < HYSTART_LOW_WINDOW) return;
  let found = false;
  if (params.growing.hystart & TRAINS && now - s[LAST_ACK]! <= HYSTART_ACK_DELTA) {
    s[LAST_ACK] = now;
    found = now - s[ROUND_START]! > (s[DELAY_MIN]! + ackDelay(tcb)) / 2;
  }
  s[CURR_RTT] = Math.min(s[CURR_RTT]!, rtt);
  if (s[SAMPLES]! < HYSTART_SAMPLES) s[SAMPLES]!++;
  else if (params.growing.hystart & DELAY) {
    const eighth = Math.trunc(s[DELAY_MIN]! / 8);
    const longer = Math.min(Math.max(eighth, HYSTART_DELAY_MIN), HYSTART_DELAY_MAX);
    found ||= s[CURR_RTT]! > s[DELAY_MIN]! + longer;
  }
  if (!found) return;
  s[FOUND] = 1;
  cc.ssthresh = cc.cwnd;
}

/** How late ACKs may be because packets travel in bursts: four of the largest super-segments at the pace of slow start, at most 1 ms. */
function ackDelay(tcb: Tcb): number {
  if (tcb.srtt <= 0) return 0;
  const rate = (2 * Math.max(tcb.cc.cwnd, tcb.outstanding())) / tcb.srtt;
  return Math.min((65_536 * 4) / rate, MILLISECOND);
}
