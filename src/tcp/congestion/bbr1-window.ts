/** How many segments BBR v1 wants in flight, and its cwnd (Linux 6.18, tcp_bbr.c). */
import { NEVER, SECOND } from "#base/time";
import type { RateSample } from "../words/rate-sample.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import * as S from "./bbr1-state.ts";
import { BW_UNIT, GAIN_UNIT } from "./bbr1-state.ts";
import { cwndOf, inFlight, setCwnd } from "./windows.ts";

/** The window before a round trip was measured. */
const INITIAL_WINDOW = 10;
/** Segments: the smallest cwnd. */
export const CWND_MIN = 4;
/** Aggregation of ACKs is allowed for up to 100 ms of the bandwidth. */
const EXTRA_TIME_MAX = SECOND / 10;
/** Below 1.2 Mbit/s a super-segment may be a single segment. */
const SLOW = 1_200_000 / 8;
const SUPER_MAX = 65_215;
const GOAL_MAX = 127;

export function superSegmentMin({ pacing }: Tcb): number {
  return pacing.rate < SLOW ? 1 : 2;
}

/** Segments of a super-segment of a millisecond. */
function superSegment(tcb: Tcb): number {
  const octets = Math.min(Math.floor(tcb.pacing.rate / 1024), SUPER_MAX);
  return Math.min(Math.max(Math.floor(octets / tcb.snd.mss), superSegmentMin(tcb)), GOAL_MAX);
}

/** The bandwidth-delay product times a gain, rounded up, so that it does not shrink by rounding. */
function product({ ccState }: Tcb, bw: number, gain: number): number {
  const rtt = ccState[S.MIN_RTT]!;
  if (rtt === NEVER) return INITIAL_WINDOW;
  return Math.ceil(Math.floor((bw * rtt * gain) / GAIN_UNIT) / BW_UNIT);
}

/** Three super-segments more keep sender and receiver busy; an even number of segments draws ACKs without delay. */
function withBudget(tcb: Tcb, segments: number): number {
  const s = tcb.ccState;
  const even = (segments + 3 * superSegment(tcb) + 1) & ~1;
  return s[S.MODE] === S.PROBE_BW && s[S.CYCLE_AT] === 0 ? even + 2 : even;
}

export function inflightFor(tcb: Tcb, bw: number, gain: number): number {
  return withBudget(tcb, product(tcb, bw, gain));
}

/** What will be in flight when the next paced data goes. */
export function inFlightAtNextSend(tcb: Tcb, flight: number, now: number): number {
  const s = tcb.ccState;
  const wait = Math.floor(Math.max(tcb.pacing.nextAt - now, 0));
  const delivered = Math.floor((S.bwOf(tcb) * wait) / BW_UNIT);
  const then = s[S.PACING_GAIN]! > GAIN_UNIT ? flight + superSegment(tcb) : flight;
  return Math.max(then - delivered, 0);
}

/** Raises cwnd towards its target by what was acknowledged, at most. */
export function updateCwnd(tcb: Tcb, sample: RateSample, bw: number, gain: number): void {
  const s = tcb.ccState;
  const { acked } = sample;
  if (acked > 0 && !recoverOrRestore(tcb, sample)) {
    const target = withBudget(tcb, product(tcb, bw, gain) + aggregation(tcb));
    let cwnd = cwndOf(tcb);
    if (S.isFull(tcb)) cwnd = Math.min(cwnd + acked, target);
    // The SYN was delivered as well.
    else if (cwnd < target || tcb.deliveredSegments + 1 < INITIAL_WINDOW) cwnd += acked;
    setCwnd(tcb, Math.max(cwnd, CWND_MIN));
  }
  if (s[S.MODE] === S.PROBE_RTT) setCwnd(tcb, Math.min(cwndOf(tcb), CWND_MIN));
}

/** The first round of recovery sends as much as is delivered; after recovery cwnd is what it was. True: cwnd is decided. */
function recoverOrRestore(tcb: Tcb, sample: RateSample): boolean {
  const s = tcb.ccState;
  const { phase } = tcb.cc;
  const before = s[S.PRIOR_PHASE]!;
  let cwnd = cwndOf(tcb);
  if (sample.losses > 0) cwnd = Math.max(cwnd - sample.losses, 1);
  if (phase === CA_RECOVERY && before !== CA_RECOVERY) {
    s[S.CONSERVES] = 1;
    s[S.NEXT_ROUND] = tcb.deliveredSegments;
    cwnd = inFlight(tcb) + sample.acked;
  } else if (before >= CA_RECOVERY && phase < CA_RECOVERY) {
    cwnd = Math.max(cwnd, s[S.PRIOR_CWND]!);
    s[S.CONSERVES] = 0;
  }
  s[S.PRIOR_PHASE] = phase;
  const conserves = s[S.CONSERVES] !== 0;
  setCwnd(tcb, conserves ? Math.max(cwnd, inFlight(tcb) + sample.acked) : cwnd);
  return conserves;
}

function aggregation(tcb: Tcb): number {
  if (!S.isFull(tcb)) return 0;
  const s = tcb.ccState;
  const most = Math.floor((S.bwOf(tcb) * EXTRA_TIME_MAX) / BW_UNIT);
  return Math.min(Math.max(s[S.EXTRA]!, s[S.EXTRA + 1]!), most);
}
