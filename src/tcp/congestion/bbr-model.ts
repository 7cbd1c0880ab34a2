/** What BBR v3 learns from an ACK, and the states that follow from it (draft-ietf-ccwg-bbr-06 §5.2.3, §5.3, §5.5). */
import { MILLISECOND, SECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import type { Tcb } from "../words/tcb.ts";
import { adaptLowerBounds, advanceLatest, checkStartupLoss, isSampleTooHigh, updateLatest } from "./bbr-congestion.ts";
import * as P from "./bbr-phases.ts";
import * as S from "./bbr-state.ts";
import {
  inflightFor,
  inflightWithHeadroom,
  probeRttCwnd,
  restoreCwnd,
  saveCwnd,
  targetInflight,
} from "./bbr-window.ts";
import { takeMax } from "./windowed-max.ts";
import { cwndOf, inFlight, markAppLimited } from "./windows.ts";

/** BBR.MinRTTFilterLen, BBR.ProbeRTTInterval, BBR.ProbeRTTDuration. */
const MIN_RTT_FILTER = 10 * SECOND;
const PROBE_RTT_INTERVAL = 5 * SECOND;
const PROBE_RTT_DURATION = 200 * MILLISECOND;
/** Rounds over which aggregation is measured; one in STARTUP. */
const EXTRA_ACKED_ROUNDS = 10;
/** The pipe is full if the bandwidth did not grow by a quarter in three rounds. */
const FULL_BW_GROWTH = 1.25;
const FULL_BW_ROUNDS = 3;
const DRAIN_ROUNDS_MAX = 3;
/** §5.3.3.8: probes come at least as often as Reno would have filled the same pipe, and within 63 rounds. */
const RENO_ROUNDS_MAX = 63;

/** UpdateModelAndState. */
export function updateModel(tcb: Tcb, sample: RateSample, now: number): void {
  const s = tcb.ccState;
  const bw = sample.interval > 0 ? sample.delivered / sample.interval : 0;
  updateLatest(tcb, sample, bw);
  updateRound(tcb, sample);
  if (bw > 0 && (!sample.isAppLimited || bw >= S.maxBw(tcb))) s[S.MAX_BW_NOW] = Math.max(s[S.MAX_BW_NOW]!, bw);
  adaptLowerBounds(tcb);
  updateAggregation(tcb, sample, now);
  checkFull(tcb, sample, bw);
  checkStartupLoss(tcb, sample);
  if (S.stateOf(tcb) === S.STARTUP && s[S.FULL_BW_REACHED] !== 0) P.enterDrain(tcb);
  checkDrain(tcb, now);
  if (s[S.FULL_BW_REACHED] !== 0) updateCycle(tcb, sample, bw, now);
  updateMinRtt(tcb, sample, now);
  checkProbeRtt(tcb, sample, now);
  advanceLatest(tcb, sample, bw);
  s[S.BW] = Math.min(S.maxBw(tcb), s[S.BW_SHORTTERM]!);
}

function updateRound(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  s[S.ROUND_START] = 0;
  if (sample.delivered < 0 || sample.priorDelivered < s[S.NEXT_ROUND_DELIVERED]!) return;
  P.startRound(tcb);
  s[S.ROUND_COUNT]!++;
  s[S.ROUNDS_SINCE_PROBE_UP]!++;
  s[S.ROUND_START] = 1;
}

/** UpdateACKAggregation (§5.5.9). */
function updateAggregation(tcb: Tcb, sample: RateSample, now: number): void {
  const s = tcb.ccState;
  if (sample.acked === 0) return;
  let expected = s[S.BW]! * (now - s[S.EXTRA_ACKED_START]!);
  if (s[S.EXTRA_ACKED_DELIVERED]! <= expected) {
    s[S.EXTRA_ACKED_DELIVERED] = 0;
    s[S.EXTRA_ACKED_START] = now;
    expected = 0;
  }
  s[S.EXTRA_ACKED_DELIVERED]! += sample.acked;
  const extra = Math.min(s[S.EXTRA_ACKED_DELIVERED]! - expected, cwndOf(tcb));
  const rounds = s[S.FULL_BW_REACHED] !== 0 ? EXTRA_ACKED_ROUNDS : 1;
  takeMax(s, S.EXTRA_ACKED, rounds, s[S.ROUND_COUNT]!, extra);
}

/** CheckFullBWReached (§5.3.1.2). */
function checkFull(tcb: Tcb, sample: RateSample, bw: number): void {
  const s = tcb.ccState;
  if (s[S.FULL_BW_NOW] !== 0 || s[S.ROUND_START] === 0 || sample.isAppLimited || bw === 0) return;
  if (bw >= s[S.FULL_BW]! * FULL_BW_GROWTH) {
    P.resetFullBw(tcb, bw);
    return;
  }
  if (++s[S.FULL_BW_COUNT]! < FULL_BW_ROUNDS) return;
  s[S.FULL_BW_NOW] = s[S.FULL_BW_REACHED] = 1;
}

function checkDrain(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  if (S.stateOf(tcb) !== S.DRAIN) return;
  const isDrained = inFlight(tcb) <= inflightFor(tcb, s[S.BW]!, 1);
  if (isDrained || s[S.ROUND_COUNT]! > s[S.DRAIN_START_ROUND]! + DRAIN_ROUNDS_MAX) P.startDown(tcb, now);
}

/** UpdateProbeBWCyclePhase (§5.3.3.9). */
function updateCycle(tcb: Tcb, sample: RateSample, bw: number, now: number): void {
  const s = tcb.ccState;
  if (adaptLongTerm(tcb, sample)) return;
  switch (S.stateOf(tcb)) {
    case S.PROBE_BW_DOWN:
      if (isTimeToProbe(tcb, now)) P.startRefill(tcb);
      else if (isTimeToCruise(tcb)) P.startCruise(tcb);
      break;
    case S.PROBE_BW_CRUISE:
      if (isTimeToProbe(tcb, now)) P.startRefill(tcb);
      break;
    case S.PROBE_BW_REFILL:
      if (s[S.ROUND_START] === 0) break;
      s[S.IS_BW_PROBE_SAMPLE] = 1;
      P.startUp(tcb, bw);
      break;
    case S.PROBE_BW_UP:
      if (!isTimeToGoDown(tcb, bw)) break;
      s[S.PREV_PROBE_TOO_HIGH] = 0;
      P.startDown(tcb, now);
  }
}

/** AdaptLongTermModel: which probe the ACK answers; bounds rise where the loss rate allows it. True: a state began. */
function adaptLongTerm(tcb: Tcb, sample: RateSample): boolean {
  const s = tcb.ccState;
  const isRound = s[S.ROUND_START] !== 0;
  if (isRound && s[S.ACK_PHASE] === S.ACKS_PROBE_STARTING) s[S.ACK_PHASE] = S.ACKS_PROBE_FEEDBACK;
  if (isRound && s[S.ACK_PHASE] === S.ACKS_PROBE_STOPPING) {
    s[S.IS_BW_PROBE_SAMPLE] = 0;
    s[S.ACK_PHASE] = S.ACKS_INIT;
    if (S.isInProbeBw(tcb) && !sample.isAppLimited) advanceMaxBw(tcb);
    if (S.isInProbeBw(tcb) && s[S.PREV_PROBE_PRECAUTIONARY] !== 0 && s[S.PREV_PROBE_TOO_HIGH] === 0) {
      P.startRefill(tcb);
      return true;
    }
  }
  if (sample.delivered < 0 || isSampleTooHigh(tcb, sample)) return false;
  if (s[S.INFLIGHT_LONGTERM] === Number.POSITIVE_INFINITY) return false;
  s[S.INFLIGHT_LONGTERM] = Math.max(s[S.INFLIGHT_LONGTERM]!, sample.sentInFlight);
  if (S.stateOf(tcb) === S.PROBE_BW_UP) probeUpward(tcb, sample.acked);
  return false;
}

/** A cycle is over: the maximum is that of this one and the next. */
function advanceMaxBw({ ccState: s }: Tcb): void {
  if (s[S.MAX_BW_NOW] === 0) return;
  s[S.MAX_BW_BEFORE] = s[S.MAX_BW_NOW]!;
  s[S.MAX_BW_NOW] = 0;
}

/** ProbeInflightLongtermUpward. */
function probeUpward(tcb: Tcb, acked: number): void {
  const s = tcb.ccState;
  if (!tcb.usage.limited || cwndOf(tcb) < Math.floor(s[S.INFLIGHT_LONGTERM]!)) return;
  s[S.BW_PROBE_UP_ACKED]! += acked;
  const every = s[S.PROBE_UP_ACKED_PER_INC]!;
  if (s[S.BW_PROBE_UP_ACKED]! >= every) {
    const grown = Math.floor(s[S.BW_PROBE_UP_ACKED]! / every);
    s[S.BW_PROBE_UP_ACKED]! -= grown * every;
    s[S.INFLIGHT_LONGTERM]! += grown;
  }
  if (s[S.ROUND_START] !== 0) P.raiseSlope(tcb);
}

function isTimeToProbe(tcb: Tcb, now: number): boolean {
  const s = tcb.ccState;
  if (now > s[S.CYCLE_STAMP]! + s[S.BW_PROBE_WAIT]!) return true;
  return s[S.ROUNDS_SINCE_PROBE_UP]! >= Math.min(targetInflight(tcb), RENO_ROUNDS_MAX);
}

/** The queue is gone, and there is room for others. */
function isTimeToCruise(tcb: Tcb): boolean {
  return inFlight(tcb) <= Math.min(inflightWithHeadroom(tcb), inflightFor(tcb, S.maxBw(tcb), 1));
}

function isTimeToGoDown(tcb: Tcb, bw: number): boolean {
  const s = tcb.ccState;
  const most = s[S.INFLIGHT_LONGTERM]!;
  if (s[S.PREV_PROBE_TOO_HIGH] !== 0 && inFlight(tcb) >= most) {
    s[S.PREV_PROBE_PRECAUTIONARY] = 1;
    return true;
  }
  if (tcb.usage.limited && cwndOf(tcb) >= Math.floor(most)) {
    P.resetFullBw(tcb, bw);
    return false;
  }
  return s[S.FULL_BW_NOW] !== 0;
}

function updateMinRtt(tcb: Tcb, sample: RateSample, now: number): void {
  const s = tcb.ccState;
  const { rtt } = sample;
  const isOld = now > s[S.PROBE_RTT_MIN_STAMP]! + PROBE_RTT_INTERVAL;
  s[S.PROBE_RTT_EXPIRED] = Number(isOld);
  if (rtt >= 0 && (rtt < s[S.PROBE_RTT_MIN_DELAY]! || (isOld && !sample.isAckDelayed))) {
    s[S.PROBE_RTT_MIN_DELAY] = rtt;
    s[S.PROBE_RTT_MIN_STAMP] = now;
  }
  if (s[S.PROBE_RTT_MIN_DELAY]! >= s[S.MIN_RTT]! && now <= s[S.MIN_RTT_STAMP]! + MIN_RTT_FILTER) return;
  s[S.MIN_RTT] = s[S.PROBE_RTT_MIN_DELAY]!;
  s[S.MIN_RTT_STAMP] = s[S.PROBE_RTT_MIN_STAMP]!;
}

/** CheckProbeRTT (§5.3.4.3). */
function checkProbeRtt(tcb: Tcb, sample: RateSample, now: number): void {
  const s = tcb.ccState;
  if (S.stateOf(tcb) !== S.PROBE_RTT && s[S.PROBE_RTT_EXPIRED] !== 0 && s[S.IDLE_RESTART] === 0) {
    saveCwnd(tcb);
    s[S.STATE] = S.PROBE_RTT;
    s[S.PROBE_RTT_DONE_STAMP] = 0;
    s[S.ACK_PHASE] = S.ACKS_PROBE_STOPPING;
    P.startRound(tcb);
  }
  if (S.stateOf(tcb) === S.PROBE_RTT) handleProbeRtt(tcb, now);
  if (sample.delivered > 0) s[S.IDLE_RESTART] = 0;
}

function handleProbeRtt(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  markAppLimited(tcb);
  if (s[S.PROBE_RTT_DONE_STAMP] === 0) {
    if (inFlight(tcb) > probeRttCwnd(tcb)) return;
    s[S.PROBE_RTT_DONE_STAMP] = now + PROBE_RTT_DURATION;
    s[S.PROBE_RTT_ROUND_DONE] = 0;
    P.startRound(tcb);
    return;
  }
  if (s[S.ROUND_START] !== 0) s[S.PROBE_RTT_ROUND_DONE] = 1;
  if (s[S.PROBE_RTT_ROUND_DONE] !== 0) endProbeRtt(tcb, now);
}

/** CheckProbeRTTDone: ends PROBE_RTT if its time is over. */
export function endProbeRtt(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  if (s[S.PROBE_RTT_DONE_STAMP] === 0 || now <= s[S.PROBE_RTT_DONE_STAMP]!) return;
  s[S.PROBE_RTT_MIN_STAMP] = now;
  restoreCwnd(tcb);
  P.resetShortTerm(tcb);
  if (s[S.FULL_BW_REACHED] === 0) {
    P.enterStartup(tcb);
    return;
  }
  P.startDown(tcb, now);
  P.startCruise(tcb);
}
