import { MILLISECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import { CA_LOSS, type Tcb } from "../words/tcb.ts";
import { endProbeRtt, forgetLongTerm, PERCENT_PACED, sampleLongTerm, saveCwnd, updateModel } from "./bbr1-model.ts";
import * as S from "./bbr1-state.ts";
import { BW_UNIT, GAIN_UNIT, HIGH_GAIN } from "./bbr1-state.ts";
import { superSegmentMin, updateCwnd } from "./bbr1-window.ts";
import type { CongestionControl, ControlDetails } from "./congestion.ts";
import { setRate } from "./pacing.ts";
import { cwndOf, SSTHRESH_INFINITE, setSsthresh } from "./windows.ts";

/**
 * BBR v1 (Cardwell, Cheng, Gunn, Yeganeh, Jacobson, "BBR: Congestion-Based Congestion Control", 2016) as Linux 6.18 has it: it sends at the
 * largest bandwidth that the path delivered in the last ten rounds, probes for more once in eight round trips, and reacts to loss only while
 * a policer seems to cause it.
 */
export class Bbr1 implements CongestionControl {
  readonly name = "bbr1";
  readonly stateSize = S.PLACES;
  readonly isPaced = true;

  reset(tcb: Tcb, now: number): void {
    const s = tcb.ccState;
    s.fill(0);
    setSsthresh(tcb, SSTHRESH_INFINITE);
    s[S.NEXT_ROUND] = tcb.deliveredSegments;
    s[S.MIN_RTT] = tcb.rttMin;
    s[S.MIN_RTT_STAMP] = S.milliseconds(now);
    setInitialRate(tcb);
    forgetLongTerm(tcb);
    s[S.MODE] = S.STARTUP;
    s[S.EPOCH_STAMP] = now;
    S.setGains(tcb);
  }

  reduce(tcb: Tcb): number {
    saveCwnd(tcb);
    return tcb.cc.ssthresh;
  }

  timedOut(tcb: Tcb): void {
    const s = tcb.ccState;
    s[S.PRIOR_PHASE] = CA_LOSS;
    s[S.FULL_BW] = 0;
    s[S.ROUND_START] = 1;
    sampleLongTerm(tcb, 1, false);
  }

  undone(tcb: Tcb): void {
    const s = tcb.ccState;
    s[S.FULL_BW] = s[S.FULL_COUNT] = 0;
    forgetLongTerm(tcb);
  }

  measured(): void {}

  avoid(): void {}

  /** After silence of the application there is no queue, and no reason to probe. */
  idle(tcb: Tcb, _time: number, now: number): void {
    const s = tcb.ccState;
    if (tcb.delivery.appLimitedUntil === 0) return;
    s[S.IDLE_RESTART] = 1;
    s[S.EPOCH_STAMP] = now;
    s[S.EPOCH_ACKED] = 0;
    if (s[S.MODE] === S.PROBE_BW) updatePacing(tcb, S.bwOf(tcb), GAIN_UNIT);
    else if (s[S.MODE] === S.PROBE_RTT) endProbeRtt(tcb, now);
  }

  control(tcb: Tcb, sample: RateSample, now: number): void {
    const s = tcb.ccState;
    updateModel(tcb, sample, now);
    const bw = S.bwOf(tcb);
    updatePacing(tcb, bw, s[S.PACING_GAIN]!);
    updateCwnd(tcb, sample, bw, s[S.CWND_GAIN_NOW]!);
  }

  details(tcb: Tcb): ControlDetails {
    const s = tcb.ccState;
    return {
      mode: MODES[s[S.MODE]!]!,
      bandwidth: S.octetsPerSecond(tcb, S.bwOf(tcb), GAIN_UNIT, 100),
      minRtt: s[S.MIN_RTT]!,
      pacingGain: s[S.PACING_GAIN]! / GAIN_UNIT,
      cwndGain: s[S.CWND_GAIN_NOW]! / GAIN_UNIT,
      rounds: s[S.ROUNDS]!,
      isPoliced: s[S.LT_USED] !== 0,
    };
  }

  superSegmentMin(tcb: Tcb): number {
    return superSegmentMin(tcb);
  }
}

const MODES = ["STARTUP", "DRAIN", "PROBE_BW", "PROBE_RTT"] as const;

/** cwnd per round trip; 1 ms, before one was measured. */
function setInitialRate(tcb: Tcb): void {
  const { srtt8 } = tcb.rtt;
  if (srtt8 > 0) tcb.ccState[S.SAW_RTT] = 1;
  const rtt = srtt8 > 0 ? Math.max(Math.floor(srtt8 / 8), 1) : MILLISECOND;
  setRate(tcb, S.octetsPerSecond(tcb, Math.floor((cwndOf(tcb) * BW_UNIT) / rtt), HIGH_GAIN, PERCENT_PACED));
}

/** In STARTUP the rate does not fall: samples may still be too low. */
function updatePacing(tcb: Tcb, bw: number, gain: number): void {
  const rate = S.octetsPerSecond(tcb, bw, gain, PERCENT_PACED);
  if (tcb.ccState[S.SAW_RTT] === 0 && tcb.rtt.srtt8 > 0) setInitialRate(tcb);
  if (S.isFull(tcb) || Math.min(rate, tcb.params.pacingRateMax) > tcb.pacing.rate) setRate(tcb, rate);
}
