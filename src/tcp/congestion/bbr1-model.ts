/** What BBR v1 learns from an ACK: bandwidth, round trip, aggregation of ACKs, and the mode that follows (Linux 6.18, tcp_bbr.c). */
import { MILLISECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import * as S from "./bbr1-state.ts";
import { BW_UNIT, GAIN_UNIT } from "./bbr1-state.ts";
import { CWND_MIN, inFlightAtNextSend, inflightFor } from "./bbr1-window.ts";
import { takeMax } from "./windowed-max.ts";
import { cwndOf, inFlight, markAppLimited, setCwnd, setSsthresh } from "./windows.ts";

/** Rounds over which the bandwidth is the largest one. */
const BW_ROUNDS = S.CYCLE_LENGTH + 2;
/** Phases of the gain cycle in which one may begin: all but the one that drains. */
const CYCLE_RANDOM = 7;
/** In which time, ms, a shorter round trip must be found, and how long, ms, it is looked for with little in flight. */
const MIN_RTT_WINDOW = 10_000;
const PROBE_RTT_TIME = 200;

/** Three rounds in which the bandwidth did not grow by a quarter: the pipe is full. */
const FULL_THRESHOLD = (GAIN_UNIT * 5) / 4;
const FULL_ROUNDS = 3;
/** A policer: two intervals of at least four rounds with 20 % loss and nearly the same bandwidth; for 48 rounds, it is not exceeded. */
const LT_ROUNDS_MIN = 4;
const LT_LOSS = 50;
const LT_RATIO = GAIN_UNIT / 8;
const LT_DIFFERENCE = 4000 / 8;
const LT_ROUNDS_MAX = 48;
/** Rounds of each half of the window over which aggregation is measured, and the most that is counted. */
const EXTRA_WINDOW = 5;
const EXTRA_ROUNDS_MAX = 31;
const EPOCH_MAX = 2 ** 20;

export function updateModel(tcb: Tcb, sample: RateSample, now: number): void {
  updateBandwidth(tcb, sample);
  updateAggregation(tcb, sample);
  if (tcb.ccState[S.MODE] === S.PROBE_BW && isPhaseOver(tcb, sample, now)) nextPhase(tcb);
  checkFull(tcb, sample);
  checkDrain(tcb, now);
  updateMinRtt(tcb, sample, now);
  S.setGains(tcb);
}

function updateBandwidth(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  s[S.ROUND_START] = 0;
  if (sample.interval <= 0) return;
  if (sample.priorDelivered >= s[S.NEXT_ROUND]!) {
    s[S.NEXT_ROUND] = tcb.deliveredSegments;
    s[S.ROUNDS]!++;
    s[S.ROUND_START] = 1;
    s[S.CONSERVES] = 0;
  }
  sampleLongTerm(tcb, sample.losses, sample.isAppLimited);
  const bw = Math.floor((sample.delivered * BW_UNIT) / sample.interval);
  if (!sample.isAppLimited || bw >= S.maxBw(tcb)) takeMax(s, S.BW, BW_ROUNDS, s[S.ROUNDS]!, bw);
}

/** Is there a policer? Its tokens are used up when segments are lost: from one loss to a later one, its rate can be measured. */
export function sampleLongTerm(tcb: Tcb, losses: number, isAppLimited: boolean): void {
  const s = tcb.ccState;
  if (s[S.LT_USED] !== 0) {
    if (s[S.MODE] === S.PROBE_BW && s[S.ROUND_START] !== 0 && ++s[S.LT_ROUNDS]! >= LT_ROUNDS_MAX) {
      forgetLongTerm(tcb);
      beginCycle(tcb);
    }
    return;
  }
  if (s[S.LT_SAMPLING] === 0) {
    if (losses === 0) return;
    beginInterval(tcb);
    s[S.LT_SAMPLING] = 1;
  }
  if (isAppLimited) {
    forgetLongTerm(tcb);
    return;
  }
  if (s[S.ROUND_START] !== 0) s[S.LT_ROUNDS]!++;
  if (s[S.LT_ROUNDS]! < LT_ROUNDS_MIN) return;
  if (s[S.LT_ROUNDS]! > 4 * LT_ROUNDS_MIN) {
    forgetLongTerm(tcb);
    return;
  }
  if (losses === 0) return;
  const lost = tcb.board.lost - s[S.LT_LOST]!;
  const delivered = tcb.deliveredSegments - s[S.LT_DELIVERED]!;
  if (delivered === 0 || lost * GAIN_UNIT < LT_LOSS * delivered) return;
  const time = S.milliseconds(tcb.delivery.deliveredAt) - s[S.LT_STAMP]!;
  if (time >= 1) endInterval(tcb, Math.floor((delivered * BW_UNIT) / (time * MILLISECOND)));
}

function endInterval(tcb: Tcb, bw: number): void {
  const s = tcb.ccState;
  const before = s[S.LT_BW]!;
  if (before > 0) {
    const difference = Math.abs(bw - before);
    const isClose =
      difference * GAIN_UNIT <= LT_RATIO * before ||
      S.octetsPerSecond(tcb, difference, GAIN_UNIT, PERCENT_PACED) <= LT_DIFFERENCE;
    if (isClose) {
      s[S.LT_BW] = Math.floor((bw + before) / 2);
      s[S.LT_USED] = 1;
      s[S.PACING_GAIN] = GAIN_UNIT;
      s[S.LT_ROUNDS] = 0;
      return;
    }
  }
  s[S.LT_BW] = bw;
  beginInterval(tcb);
}

/** One percent less than the bandwidth is sent, so that queues do not grow. */
export const PERCENT_PACED = 99;

function beginInterval(tcb: Tcb): void {
  const s = tcb.ccState;
  s[S.LT_STAMP] = S.milliseconds(tcb.delivery.deliveredAt);
  s[S.LT_DELIVERED] = tcb.deliveredSegments;
  s[S.LT_LOST] = tcb.board.lost;
  s[S.LT_ROUNDS] = 0;
}

export function forgetLongTerm(tcb: Tcb): void {
  const s = tcb.ccState;
  s[S.LT_BW] = s[S.LT_USED] = s[S.LT_SAMPLING] = 0;
  beginInterval(tcb);
}

/** How many segments are acknowledged beyond what the bandwidth explains: cwnd allows for them. */
function updateAggregation(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  if (sample.acked <= 0 || sample.interval <= 0) return;
  if (s[S.ROUND_START] !== 0) {
    s[S.EXTRA_ROUNDS] = Math.min(EXTRA_ROUNDS_MAX, s[S.EXTRA_ROUNDS]! + 1);
    if (s[S.EXTRA_ROUNDS]! >= EXTRA_WINDOW) {
      s[S.EXTRA_ROUNDS] = 0;
      s[S.EXTRA_AT] = 1 - s[S.EXTRA_AT]!;
      s[S.EXTRA + s[S.EXTRA_AT]!] = 0;
    }
  }
  const { deliveredAt } = tcb.delivery;
  let expected = Math.floor((S.bwOf(tcb) * Math.max(deliveredAt - s[S.EPOCH_STAMP]!, 0)) / BW_UNIT);
  if (s[S.EPOCH_ACKED]! <= expected || s[S.EPOCH_ACKED]! + sample.acked >= EPOCH_MAX) {
    s[S.EPOCH_ACKED] = 0;
    s[S.EPOCH_STAMP] = deliveredAt;
    expected = 0;
  }
  s[S.EPOCH_ACKED] = Math.min(EPOCH_MAX - 1, s[S.EPOCH_ACKED]! + sample.acked);
  const extra = Math.min(s[S.EPOCH_ACKED]! - expected, cwndOf(tcb));
  const at = S.EXTRA + s[S.EXTRA_AT]!;
  if (extra > s[at]!) s[at] = extra;
}

/** A phase lasts a round trip; probing goes on until it has filled the pipe or lost something, draining ends as soon as the queue is gone. */
function isPhaseOver(tcb: Tcb, sample: RateSample, now: number): boolean {
  const s = tcb.ccState;
  const gain = s[S.PACING_GAIN]!;
  const isLong = tcb.delivery.deliveredAt - s[S.CYCLE_STAMP]! > s[S.MIN_RTT]!;
  if (gain === GAIN_UNIT) return isLong;
  const flight = inFlightAtNextSend(tcb, sample.priorInFlight, now);
  const bw = S.maxBw(tcb);
  if (gain > GAIN_UNIT) return isLong && (sample.losses > 0 || flight >= inflightFor(tcb, bw, gain));
  return isLong || flight <= inflightFor(tcb, bw, GAIN_UNIT);
}

function nextPhase(tcb: Tcb): void {
  const s = tcb.ccState;
  s[S.CYCLE_AT] = (s[S.CYCLE_AT]! + 1) % S.CYCLE_LENGTH;
  s[S.CYCLE_STAMP] = tcb.delivery.deliveredAt;
}

function beginCycle(tcb: Tcb): void {
  const s = tcb.ccState;
  s[S.MODE] = S.PROBE_BW;
  s[S.CYCLE_AT] = S.CYCLE_LENGTH - 1 - tcb.env.prng.below(CYCLE_RANDOM);
  nextPhase(tcb);
}

function checkFull(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  if (S.isFull(tcb) || s[S.ROUND_START] === 0 || sample.isAppLimited) return;
  if (S.maxBw(tcb) >= Math.floor((s[S.FULL_BW]! * FULL_THRESHOLD) / GAIN_UNIT)) {
    s[S.FULL_BW] = S.maxBw(tcb);
    s[S.FULL_COUNT] = 0;
    return;
  }
  s[S.FULL_COUNT]!++;
  s[S.FULL] = Number(s[S.FULL_COUNT]! >= FULL_ROUNDS);
}

function checkDrain(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  if (s[S.MODE] === S.STARTUP && S.isFull(tcb)) {
    s[S.MODE] = S.DRAIN;
    setSsthresh(tcb, inflightFor(tcb, S.maxBw(tcb), GAIN_UNIT));
  }
  if (s[S.MODE] !== S.DRAIN) return;
  if (inFlightAtNextSend(tcb, inFlight(tcb), now) <= inflightFor(tcb, S.maxBw(tcb), GAIN_UNIT)) beginCycle(tcb);
}

function updateMinRtt(tcb: Tcb, sample: RateSample, now: number): void {
  const s = tcb.ccState;
  const ms = S.milliseconds(now);
  const isOld = ms > s[S.MIN_RTT_STAMP]! + MIN_RTT_WINDOW;
  if (sample.rtt >= 0 && (sample.rtt < s[S.MIN_RTT]! || (isOld && !sample.isAckDelayed))) {
    s[S.MIN_RTT] = Math.floor(sample.rtt);
    s[S.MIN_RTT_STAMP] = ms;
  }
  if (isOld && s[S.IDLE_RESTART] === 0 && s[S.MODE] !== S.PROBE_RTT) {
    s[S.MODE] = S.PROBE_RTT;
    saveCwnd(tcb);
    s[S.PROBE_RTT_DONE] = 0;
  }
  if (s[S.MODE] === S.PROBE_RTT) probeRtt(tcb, now);
  if (sample.delivered > 0) s[S.IDLE_RESTART] = 0;
}

/** Four segments in flight for 200 ms and a round. */
function probeRtt(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  markAppLimited(tcb);
  if (s[S.PROBE_RTT_DONE] === 0) {
    if (inFlight(tcb) > CWND_MIN) return;
    s[S.PROBE_RTT_DONE] = S.milliseconds(now) + PROBE_RTT_TIME;
    s[S.PROBE_RTT_ROUND] = 0;
    s[S.NEXT_ROUND] = tcb.deliveredSegments;
    return;
  }
  if (s[S.ROUND_START] !== 0) s[S.PROBE_RTT_ROUND] = 1;
  if (s[S.PROBE_RTT_ROUND] !== 0) endProbeRtt(tcb, now);
}

/** Ends PROBE_RTT if its time is over. */
export function endProbeRtt(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  if (s[S.PROBE_RTT_DONE] === 0 || S.milliseconds(now) <= s[S.PROBE_RTT_DONE]!) return;
  s[S.MIN_RTT_STAMP] = S.milliseconds(now);
  setCwnd(tcb, Math.max(cwndOf(tcb), s[S.PRIOR_CWND]!));
  if (S.isFull(tcb)) beginCycle(tcb);
  else s[S.MODE] = S.STARTUP;
}

/** cwnd before recovery or PROBE_RTT reduces it. */
export function saveCwnd(tcb: Tcb): void {
  const s = tcb.ccState;
  const isWhole = s[S.PRIOR_PHASE]! < CA_RECOVERY && s[S.MODE] !== S.PROBE_RTT;
  s[S.PRIOR_CWND] = isWhole ? cwndOf(tcb) : Math.max(s[S.PRIOR_CWND]!, cwndOf(tcb));
}
