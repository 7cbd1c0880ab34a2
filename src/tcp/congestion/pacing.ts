/**
 * Pacing: data is sent evenly over the round trip instead of as fast as ACKs allow (draft-ietf-ccwg-bbr §5.6.2). As Linux does it without
 * its fq queue: after each super-segment the next one waits as long as this one takes at the pacing rate. There is one deadline for each
 * connection. Without super-segments, a millisecond's worth of segments goes at once.
 */
import { MILLISECOND, SECOND } from "#base/time";
import { EV_TIMER_SET } from "#base/trace";
import { T_PACE, type Tcb } from "../words/tcb.ts";
import { cwndOf, ssthreshOf } from "./windows.ts";

/** Linux: the first segments of a connection, an initial window, are not paced. */
const UNPACED = 10;
/** Percent of cwnd per round trip: in slow start, and else (Linux's tcp_pacing_ss_ratio and tcp_pacing_ca_ratio). */
const SLOW_START_RATIO = 200;
const AVOIDANCE_RATIO = 120;
/** The payload of the largest super-segment: 64 KiB minus the largest headers. */
const SUPER_MAX = 65_215;

/** The parameters or the congestion control changed: whether data is paced now. */
export function choosePacing({ params, pacing, congestion }: Tcb): void {
  pacing.isOn = params.pacing || Number.isFinite(params.pacingRateMax) || congestion.isPaced === true;
  pacing.rate = Math.min(pacing.rate, params.pacingRateMax);
}

/** The rate of a congestion control that sets none: what cwnd and the round trip amount to, and some more, so that cwnd can still grow. */
export function updateRate(tcb: Tcb): void {
  const cwnd = cwndOf(tcb);
  const ratio = cwnd < Math.floor(ssthreshOf(tcb) / 2) ? SLOW_START_RATIO : AVOIDANCE_RATIO;
  const window = Math.max(cwnd, tcb.board.packetsOut) * tcb.snd.mss * ratio * (SECOND / 100);
  const { srtt8 } = tcb.rtt;
  setRate(tcb, srtt8 > 0 ? Math.floor((window * 8) / srtt8) : window);
}

/** Sets the pacing rate, octets per second. */
export function setRate({ pacing, params }: Tcb, rate: number): void {
  pacing.rate = Math.min(rate, params.pacingRateMax);
}

/** The size of the largest super-segment sent now, in segments: a millisecond's worth, more on short paths (Linux: tcp_tso_autosize). */
export function superSegments(tcb: Tcb, mss: number): number {
  const near = Math.floor(tcb.rttMin / 512);
  return segmentsPerBurst(tcb, near < 32 ? Math.floor(SUPER_MAX / 2 ** near) : 0, mss);
}

/**
 * A millisecond's worth (draft-ietf-ccwg-bbr §5.6.3) and `more` octets, in segments. Never more than one packet can carry, even where the
 * congestion control asks for two segments.
 */
function segmentsPerBurst(tcb: Tcb, more: number, mss: number): number {
  const octets = Math.min(Math.floor(tcb.pacing.rate / 1024) + more, SUPER_MAX);
  const least = tcb.congestion.superSegmentMin?.(tcb) ?? tcb.params.growing.superSegmentMin;
  return Math.max(Math.min(Math.max(Math.floor(octets / mss), least), Math.floor(SUPER_MAX / mss)), 1);
}

/** Whether data must wait for its time; if so, the timer runs. @param supers the device segments */
export function mustWait(tcb: Tcb, supers: boolean, now: number): boolean {
  const { pacing } = tcb;
  if (!pacing.isOn) return false;
  if (pacing.nextAt <= now + tcb.params.pacingSlack) {
    // What Linux adds on short paths makes fewer super-segments; without them it would only be a longer burst.
    if (!supers) pacing.quantum = segmentsPerBurst(tcb, 0, tcb.snd.mss) * tcb.snd.mss;
    return false;
  }
  if (!supers && pacing.quantum > 0) return false;
  // Half of the slack early: a timer that fires late by the other half costs nothing.
  const at = Math.ceil(pacing.nextAt - tcb.params.pacingSlack / 2);
  if (tcb.timers[T_PACE] !== at) tcb.env.trace.record(now, EV_TIMER_SET, 0, tcb.id, T_PACE, at - now);
  tcb.timers[T_PACE] = at;
  return true;
}

/** `n` octets were sent now: what follows waits as long as they take. If they were late, up to half of this time is made up for. */
export function sentPaced(tcb: Tcb, n: number, now: number): void {
  const { pacing } = tcb;
  const before = pacing.nextAt;
  pacing.nextAt = Math.max(before, now);
  pacing.quantum -= n;
  if (tcb.delivery.dataSegmentsOut < UNPACED || pacing.rate === 0) return;
  const time = (n * SECOND) / pacing.rate;
  pacing.nextAt += time - Math.min(time / 2, pacing.nextAt - before);
}

/** How much later than usual a timer must fire, because what comes next waits: in whole milliseconds, as Linux's timers. */
export function delayOf({ pacing }: Tcb, now: number): number {
  if (!pacing.isOn || pacing.nextAt <= now) return 0;
  return Math.floor((pacing.nextAt - now) / MILLISECOND) * MILLISECOND;
}
