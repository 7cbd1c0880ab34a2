import { MILLISECOND, SECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import type { Tcb } from "../words/tcb.ts";
import { lostRecord, marked, saveState, spurious } from "./bbr-congestion.ts";
import { endProbeRtt, updateModel } from "./bbr-model.ts";
import { resetFullBw, resetShortTerm, startRound } from "./bbr-phases.ts";
import * as S from "./bbr-state.ts";
import { CWND_INITIAL, updateCwnd } from "./bbr-window.ts";
import type { CongestionControl, ControlDetails } from "./congestion.ts";
import { setRate } from "./pacing.ts";
import { SSTHRESH_INFINITE, setSsthresh } from "./windows.ts";

/** BBR.PacingMarginPercent: it sends 1 % less than the bandwidth, so that queues do not grow. */
const PACING_SHARE = 0.99;

/**
 * BBR v3 (draft-ietf-ccwg-bbr-06): as v1 it sends at the bandwidth that the path delivers, but it bounds what is in flight by what past probes
 * showed to be safe, answers loss above 2 % and ECN, and probes as seldom as Reno would, so that others get their share.
 */
export class Bbr implements CongestionControl {
  readonly name = "bbr";
  readonly stateSize = S.PLACES;
  readonly isPaced = true;

  reset(tcb: Tcb, now: number): void {
    const s = tcb.ccState;
    s.fill(0);
    setSsthresh(tcb, SSTHRESH_INFINITE);
    s[S.MIN_RTT] = s[S.PROBE_RTT_MIN_DELAY] = tcb.rttMin;
    s[S.MIN_RTT_STAMP] = s[S.PROBE_RTT_MIN_STAMP] = s[S.EXTRA_ACKED_START] = now;
    s[S.INFLIGHT_LONGTERM] = s[S.PROBE_UP_ACKED_PER_INC] = Number.POSITIVE_INFINITY;
    resetShortTerm(tcb);
    startRound(tcb);
    resetFullBw(tcb, 0);
    saveState(tcb);
    setInitialRate(tcb);
  }

  /** A recovery begins, or the peer has reported a congestion mark. */
  reduce(tcb: Tcb, now: number): number {
    saveState(tcb);
    if (tcb.board.lostOut === 0) marked(tcb, now);
    return tcb.cc.ssthresh;
  }

  timedOut(): void {}

  lost(tcb: Tcb, r: number, now: number): void {
    lostRecord(tcb, r, now);
  }

  undone(tcb: Tcb): void {
    spurious(tcb);
  }

  measured(): void {}

  avoid(): void {}

  /** HandleRestartFromIdle (§5.4.1). */
  idle(tcb: Tcb, _time: number, now: number): void {
    const s = tcb.ccState;
    if (tcb.delivery.appLimitedUntil === 0) return;
    s[S.IDLE_RESTART] = 1;
    s[S.EXTRA_ACKED_START] = now;
    if (S.isInProbeBw(tcb)) updatePacing(tcb, 1);
    else if (S.stateOf(tcb) === S.PROBE_RTT) endProbeRtt(tcb, now);
  }

  control(tcb: Tcb, sample: RateSample, now: number): void {
    updateModel(tcb, sample, now);
    updatePacing(tcb, S.pacingGain(tcb));
    updateCwnd(tcb, sample);
  }

  details(tcb: Tcb): ControlDetails {
    const s = tcb.ccState;
    const octets = (bw: number) => Math.floor(bw * tcb.snd.mss * SECOND);
    return {
      mode: S.STATE_NAMES[S.stateOf(tcb)]!,
      bandwidth: octets(s[S.BW]!),
      maxBandwidth: octets(S.maxBw(tcb)),
      minRtt: s[S.MIN_RTT]!,
      pacingGain: S.pacingGain(tcb),
      cwndGain: S.cwndGain(tcb),
      rounds: s[S.ROUND_COUNT]!,
      inflightLongterm: s[S.INFLIGHT_LONGTERM]! * tcb.snd.mss,
      inflightShortterm: s[S.INFLIGHT_SHORTTERM]! * tcb.snd.mss,
    };
  }
}

/** InitPacingRate (§5.6.2): the initial window in a round trip; 1 ms, before one was measured. */
function setInitialRate(tcb: Tcb): void {
  const { srtt8 } = tcb.rtt;
  if (srtt8 > 0) tcb.ccState[S.SAW_RTT] = 1;
  const rtt = srtt8 > 0 ? Math.max(srtt8 / 8, 1) : MILLISECOND;
  setRate(tcb, Math.floor((S.pacingGain(tcb) * CWND_INITIAL * tcb.snd.mss * SECOND) / rtt));
}

/** SetPacingRateWithGain: before the pipe is full, the rate does not fall. */
function updatePacing(tcb: Tcb, gain: number): void {
  const s = tcb.ccState;
  const rate = Math.floor(gain * s[S.BW]! * tcb.snd.mss * SECOND * PACING_SHARE);
  if (s[S.SAW_RTT] === 0 && tcb.rtt.srtt8 > 0) setInitialRate(tcb);
  if (s[S.FULL_BW_REACHED] !== 0 || Math.min(rate, tcb.params.pacingRateMax) > tcb.pacing.rate) setRate(tcb, rate);
}
