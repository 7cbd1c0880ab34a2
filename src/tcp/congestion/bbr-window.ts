/** The volumes of BBR v3 and its cwnd (draft-ietf-ccwg-bbr-06 §5.6.4), in segments. */
import type { RateSample } from "../words/rate-sample.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import * as S from "./bbr-state.ts";
import { superSegments } from "./pacing.ts";
import { cwndOf, setCwnd } from "./windows.ts";

/** BBR.MinPipeCwnd, and the initial window, which also serves before a round trip was measured. */
export const CWND_MIN = 4;
export const CWND_INITIAL = 10;
/** BBR.Headroom: how much of inflight_longterm is left to others while it cruises. */
const HEADROOM = 0.15;

/** BBR.bdp times a gain. */
export function bdpMultiple(tcb: Tcb, bw: number, gain: number): number {
  const rtt = tcb.ccState[S.MIN_RTT]!;
  return Number.isFinite(rtt) ? gain * bw * rtt : CWND_INITIAL;
}

/** Room for three quanta (§5.5.8.1), at least `CWND_MIN`, two more while it probes. */
function withBudget(tcb: Tcb, volume: number): number {
  const budget = Math.max(volume, 3 * superSegments(tcb, tcb.snd.mss), CWND_MIN);
  return S.stateOf(tcb) === S.PROBE_BW_UP ? budget + 2 : budget;
}

export function inflightFor(tcb: Tcb, bw: number, gain: number): number {
  return withBudget(tcb, bdpMultiple(tcb, bw, gain));
}

/** What it wants in flight: the BDP, unless congestion has reduced cwnd. */
export function targetInflight(tcb: Tcb): number {
  return Math.min(bdpMultiple(tcb, tcb.ccState[S.BW]!, 1), cwndOf(tcb));
}

export function inflightWithHeadroom({ ccState }: Tcb): number {
  const most = ccState[S.INFLIGHT_LONGTERM]!;
  if (most === Number.POSITIVE_INFINITY) return most;
  return Math.max(most - Math.max(1, HEADROOM * most), CWND_MIN);
}

export function probeRttCwnd(tcb: Tcb): number {
  return Math.max(bdpMultiple(tcb, tcb.ccState[S.BW]!, S.cwndGain(tcb)), CWND_MIN);
}

/** SaveCwnd: cwnd before recovery or PROBE_RTT reduces it. */
export function saveCwnd(tcb: Tcb): void {
  const s = tcb.ccState;
  const isWhole = tcb.cc.phase < CA_RECOVERY && S.stateOf(tcb) !== S.PROBE_RTT;
  s[S.PRIOR_CWND] = isWhole ? cwndOf(tcb) : Math.max(s[S.PRIOR_CWND]!, cwndOf(tcb));
}

export function restoreCwnd(tcb: Tcb): void {
  setCwnd(tcb, Math.max(cwndOf(tcb), tcb.ccState[S.PRIOR_CWND]!));
}

/** SetCwnd (§5.6.4.6), and the end of a recovery (§5.6.4.4). */
export function updateCwnd(tcb: Tcb, sample: RateSample): void {
  const s = tcb.ccState;
  if (s[S.PRIOR_PHASE]! >= CA_RECOVERY && tcb.cc.phase < CA_RECOVERY) restoreCwnd(tcb);
  s[S.PRIOR_PHASE] = tcb.cc.phase;
  let cwnd = cwndOf(tcb);
  if (sample.acked > 0) {
    const most = withBudget(tcb, bdpMultiple(tcb, s[S.BW]!, S.cwndGain(tcb)) + s[S.EXTRA_ACKED + 1]!);
    if (s[S.FULL_BW_REACHED] !== 0) cwnd = Math.min(cwnd + sample.acked, most);
    else if (cwnd < most || tcb.deliveredSegments < CWND_INITIAL) cwnd += sample.acked;
    cwnd = Math.max(cwnd, CWND_MIN);
  }
  if (S.stateOf(tcb) === S.PROBE_RTT) cwnd = Math.min(cwnd, probeRttCwnd(tcb));
  setCwnd(tcb, Math.floor(Math.min(cwnd, modelCap(tcb))));
}

/** BoundCwndForModel (§5.6.4.7). */
function modelCap(tcb: Tcb): number {
  const s = tcb.ccState;
  const state = S.stateOf(tcb);
  let cap = Number.POSITIVE_INFINITY;
  if (state === S.PROBE_BW_CRUISE || state === S.PROBE_RTT) cap = inflightWithHeadroom(tcb);
  else if (S.isInProbeBw(tcb)) cap = s[S.INFLIGHT_LONGTERM]!;
  return Math.max(Math.min(cap, s[S.INFLIGHT_SHORTTERM]!), CWND_MIN);
}
