/** How BBR v3 answers loss and ECN (draft-ietf-ccwg-bbr-06 §5.5.10 and §5.5.11; ECN: RFC 8511; ADR 64). */
import { MILLISECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import { APP_LIMITED } from "../words/records.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import { endStartup, enterStartup, resetFullBw, startDown, startRefill } from "./bbr-phases.ts";
import * as S from "./bbr-state.ts";
import { bdpMultiple, restoreCwnd, saveCwnd, targetInflight } from "./bbr-window.ts";
import { cwndOf, inFlight } from "./windows.ts";

/** BBR.LossThresh and BBR.Beta. */
const LOSS_THRESHOLD = 0.02;
const BETA = 0.7;
/** RFC 8511: a mark comes before the queue is full, so it calls for a smaller reduction than a loss. */
const BETA_ECN = 0.85;
/** BBRStartupFullLossCnt: ACKs of a round that show losses. */
const STARTUP_LOSSES = 6;
/** A round trip is longer by this part of the shortest one, and 1 ms, where there is a queue (as HyStart has it). */
const QUEUE_DIVISOR = 8;
const NO_STATE = -1;

/** SaveStateUponLoss: what a spurious recovery restores. */
export function saveState(tcb: Tcb): void {
  const s = tcb.ccState;
  saveCwnd(tcb);
  s[S.UNDO_STATE] = NO_STATE;
  s[S.UNDO_BW_SHORTTERM] = s[S.BW_SHORTTERM]!;
  s[S.UNDO_INFLIGHT_SHORTTERM] = s[S.INFLIGHT_SHORTTERM]!;
  s[S.UNDO_INFLIGHT_LONGTERM] = s[S.INFLIGHT_LONGTERM]!;
}

function noteLoss(tcb: Tcb): void {
  const s = tcb.ccState;
  if (s[S.IS_LOSS_IN_ROUND] === 0) {
    s[S.LOSS_ROUND_DELIVERED] = tcb.deliveredSegments;
    saveState(tcb);
  }
  s[S.IS_LOSS_IN_ROUND] = 1;
}

/** HandleLostPacket: record r is lost. Was too much in flight when it was sent? */
export function lostRecord(tcb: Tcb, r: number, now: number): void {
  noteLoss(tcb);
  if (tcb.ccState[S.IS_BW_PROBE_SAMPLE] === 0) return;
  const { records } = tcb.env;
  const flight = records.inFlight[r]!;
  const lost = (tcb.board.lost - records.lost[r]!) >>> 0;
  if (!isTooHigh(tcb, lost, flight)) return;
  // A record may be a whole super-segment: at which of its segments did the losses exceed the threshold?
  const before = flight - records.segments[r]!;
  const lostBefore = lost - records.segments[r]!;
  const prefix = (LOSS_THRESHOLD * before - lostBefore) / (1 - LOSS_THRESHOLD);
  tooHigh(tcb, before + Math.max(prefix, 0), (records.flags[r]! & APP_LIMITED) !== 0, now);
}

function isTooHigh(tcb: Tcb, lost: number, flight: number): boolean {
  return lost > flight * threshold(tcb, tcb.ccState[S.RTT_LATEST]!) || (lost > 0 && !tcb.sackOk);
}

/** Loss on a path without a queue is noise, up to a limit: the link loses, and not a full buffer. */
function threshold(tcb: Tcb, rtt: number): number {
  const min = tcb.ccState[S.MIN_RTT]!;
  const isQueueless = rtt <= min + Math.max(min / QUEUE_DIVISOR, MILLISECOND);
  return isQueueless ? Math.max(tcb.params.growing.bbrLossWithoutQueue, LOSS_THRESHOLD) : LOSS_THRESHOLD;
}

/** More was lost in this round than noise explains. In the draft every loss counts. */
function isLossMuch(tcb: Tcb): boolean {
  const s = tcb.ccState;
  if (tcb.params.growing.bbrLossWithoutQueue === 0) return true;
  const lost = tcb.board.lost - s[S.ROUND_LOST]!;
  const delivered = tcb.deliveredSegments - s[S.ROUND_DELIVERED]!;
  return lost > (lost + delivered) * threshold(tcb, s[S.ROUND_RTT]!);
}

/** IsInflightTooHigh for the sample of an ACK. */
export function isSampleTooHigh(tcb: Tcb, sample: RateSample): boolean {
  return sample.delivered >= 0 && isTooHigh(tcb, sample.lost, sample.sentInFlight);
}

/** HandleInflightTooHigh: once per probe. */
function tooHigh(tcb: Tcb, flight: number, isAppLimited: boolean, now: number): void {
  const s = tcb.ccState;
  s[S.PREV_PROBE_TOO_HIGH] = 1;
  s[S.IS_BW_PROBE_SAMPLE] = 0;
  if (!isAppLimited) s[S.INFLIGHT_LONGTERM] = Math.max(flight, targetInflight(tcb) * BETA);
  if (S.stateOf(tcb) !== S.PROBE_BW_UP) return;
  s[S.UNDO_STATE] = S.PROBE_BW_UP;
  startDown(tcb, now);
}

/** The peer reports a congestion mark, at most once per window of data. */
export function marked(tcb: Tcb, now: number): void {
  const s = tcb.ccState;
  s[S.IS_CE_IN_ROUND] = 1;
  if (S.stateOf(tcb) === S.STARTUP) endStartup(tcb, safeInflight(tcb));
  else if (s[S.IS_BW_PROBE_SAMPLE] !== 0) tooHigh(tcb, inFlight(tcb), false, now);
}

function safeInflight(tcb: Tcb): number {
  return Math.max(bdpMultiple(tcb, tcb.ccState[S.BW]!, 1), tcb.ccState[S.INFLIGHT_LATEST]!);
}

/** UpdateLatestDeliverySignals: near the start of the processing of an ACK. */
export function updateLatest(tcb: Tcb, sample: RateSample, bw: number): void {
  const s = tcb.ccState;
  s[S.LOSS_ROUND_START] = 0;
  if (sample.rtt >= 0) {
    s[S.RTT_LATEST] = sample.rtt;
    s[S.ROUND_RTT] = Math.min(s[S.ROUND_RTT]!, sample.rtt);
  }
  if (sample.interval <= 0 || sample.acked === 0) return;
  s[S.BW_LATEST] = Math.max(s[S.BW_LATEST]!, bw);
  s[S.INFLIGHT_LATEST] = Math.max(s[S.INFLIGHT_LATEST]!, sample.delivered);
  if (sample.priorDelivered < s[S.LOSS_ROUND_DELIVERED]!) return;
  s[S.LOSS_ROUND_DELIVERED] = tcb.deliveredSegments;
  s[S.LOSS_ROUND_START] = 1;
}

/** AdvanceLatestDeliverySignals: near its end. */
export function advanceLatest({ ccState: s }: Tcb, sample: RateSample, bw: number): void {
  if (s[S.LOSS_ROUND_START] === 0) return;
  s[S.BW_LATEST] = bw;
  s[S.INFLIGHT_LATEST] = sample.delivered;
}

/** AdaptLowerBoundsFromCongestion: once per round in which something was lost or marked, unless it probes. */
export function adaptLowerBounds(tcb: Tcb): void {
  const s = tcb.ccState;
  if (s[S.LOSS_ROUND_START] === 0) return;
  if (!S.isProbing(tcb)) {
    if (s[S.IS_LOSS_IN_ROUND] !== 0 && isLossMuch(tcb)) {
      initLowerBounds(tcb);
      s[S.BW_SHORTTERM] = Math.max(provenBw(tcb), BETA * s[S.BW_SHORTTERM]!);
      s[S.INFLIGHT_SHORTTERM] = Math.max(s[S.INFLIGHT_LATEST]!, BETA * s[S.INFLIGHT_SHORTTERM]!);
    } else if (s[S.IS_CE_IN_ROUND] !== 0) {
      initLowerBounds(tcb);
      s[S.BW_SHORTTERM]! *= BETA_ECN;
      s[S.INFLIGHT_SHORTTERM]! *= BETA_ECN;
    }
  }
  s[S.IS_LOSS_IN_ROUND] = s[S.IS_CE_IN_ROUND] = 0;
  s[S.ROUND_RTT] = Number.POSITIVE_INFINITY;
  s[S.ROUND_DELIVERED] = tcb.deliveredSegments;
  s[S.ROUND_LOST] = tcb.board.lost;
}

/** What the path delivered in this round; while less than that is sent on purpose, it would have delivered as much more. */
function provenBw(tcb: Tcb): number {
  const latest = tcb.ccState[S.BW_LATEST]!;
  return tcb.params.growing.bbrLossWithoutQueue === 0 ? latest : latest / Math.min(S.pacingGain(tcb), 1);
}

function initLowerBounds(tcb: Tcb): void {
  const s = tcb.ccState;
  if (s[S.BW_SHORTTERM] === Number.POSITIVE_INFINITY) s[S.BW_SHORTTERM] = S.maxBw(tcb);
  if (s[S.INFLIGHT_SHORTTERM] === Number.POSITIVE_INFINITY) s[S.INFLIGHT_SHORTTERM] = cwndOf(tcb);
}

/** CheckStartupHighLoss (§5.3.1.3): a round of recovery with many losses. */
export function checkStartupLoss(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  if (s[S.FULL_BW_REACHED] !== 0) return;
  if (sample.losses > 0) s[S.LOSS_EVENTS]!++;
  if (s[S.LOSS_ROUND_START] === 0) return;
  const isMuch = s[S.LOSS_EVENTS]! >= (tcb.sackOk ? STARTUP_LOSSES : 1) && isSampleTooHigh(tcb, sample);
  s[S.LOSS_EVENTS] = 0;
  if (tcb.cc.phase === CA_RECOVERY && isMuch) endStartup(tcb, safeInflight(tcb));
}

/** HandleSpuriousLossDetection (§5.5.11.2): nothing was lost. */
export function spurious(tcb: Tcb): void {
  const s = tcb.ccState;
  restoreCwnd(tcb);
  s[S.IS_LOSS_IN_ROUND] = 0;
  resetFullBw(tcb, 0);
  s[S.BW_SHORTTERM] = Math.max(s[S.BW_SHORTTERM]!, s[S.UNDO_BW_SHORTTERM]!);
  s[S.INFLIGHT_SHORTTERM] = Math.max(s[S.INFLIGHT_SHORTTERM]!, s[S.UNDO_INFLIGHT_SHORTTERM]!);
  s[S.INFLIGHT_LONGTERM] = Math.max(s[S.INFLIGHT_LONGTERM]!, s[S.UNDO_INFLIGHT_LONGTERM]!);
  const before = s[S.UNDO_STATE]!;
  s[S.UNDO_STATE] = NO_STATE;
  if (before === NO_STATE || before === S.stateOf(tcb)) return;
  if (before === S.STARTUP) s[S.FULL_BW_REACHED] = 0;
  if (S.stateOf(tcb) === S.PROBE_RTT) return;
  if (before === S.STARTUP) enterStartup(tcb);
  else startRefill(tcb);
}
