import { SECOND } from "#base/time";
import type { CongestionControl } from "./congestion.ts";
import type { Tcb } from "./tcb.ts";

/** RFC 9438 §4.1, §4.6: the constants of the curve and of the reduction. */
const C = 0.4;
const BETA = 0.7;
/** RFC 9438 §4.3: growth of the Reno-friendly estimate, segments per window. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

// Places in tcb.ccState; windows in segments, times in us.
const W_MAX = 0;
const K = 1;
/** Begin of the current congestion avoidance epoch; 0: none yet. */
const EPOCH = 2;
const W_EST = 3;
/** cwnd in segments before the last reduction: above it the Reno-friendly estimate grows by 1 per window. */
const CWND_PRIOR = 4;
/** 1: this epoch began without a W_max. */
const SEARCHING = 5;

/** CUBIC (RFC 9438): cwnd follows a cubic of the time since the last loss, never slower than Reno would. */
export class Cubic implements CongestionControl {
  readonly name = "cubic";
  readonly places = 6;

  reset(tcb: Tcb): void {
    tcb.ccState.fill(0);
  }

  /** RFC 9438 §4.6, §4.7: multiplicative decrease with fast convergence, in whole segments. */
  reduce(tcb: Tcb): number {
    const s = tcb.ccState;
    const mss = tcb.snd.mss;
    const cwnd = tcb.cc.cwnd / mss;
    s[W_MAX] = cwnd < s[W_MAX]! ? (cwnd * (1 + BETA)) / 2 : cwnd;
    s[CWND_PRIOR] = cwnd;
    s[EPOCH] = 0;
    return Math.max(Math.floor(cwnd * BETA + 1e-9), 2) * mss;
  }

  /** §4.8: after a timeout the next epoch begins at its own plateau. */
  timedOut(tcb: Tcb): void {
    tcb.ccState[W_MAX] = 0;
    tcb.ccState[EPOCH] = 0;
  }

  measured(): void {}

  avoid(tcb: Tcb, n: number, now: number): void {
    const s = tcb.ccState;
    const cc = tcb.cc;
    const mss = tcb.snd.mss;
    const cwnd = cc.cwnd / mss;
    if (s[EPOCH] === 0) this.#begin(tcb, cwnd, now);
    const acked = n / mss;
    // §4.3: the estimate grows as Reno with beta 0.7 would, then as plain Reno once it has caught up.
    s[W_EST]! += ((s[W_EST]! < s[CWND_PRIOR]! ? ALPHA : 1) * acked) / cwnd;
    const t = (now - s[EPOCH]! + Math.max(tcb.srtt, 0)) / SECOND;
    // No loss is known to steer by (a timeout, or none yet): the plateau is a guess, and is left by 5 % a window, as Linux does.
    const explore = s[SEARCHING]! > 0 ? acked / 20 : 0;
    const target = Math.min(Math.max(C * (t - s[K]!) ** 3 + s[W_MAX]!, cwnd), 1.5 * cwnd);
    // §4.4, §4.5: (target - cwnd) per window, but never below what the estimate has reached. Whole segments only: the
    // fraction waits in `credit`.
    cc.credit += Math.max(((target - cwnd) / cwnd) * acked, explore) * mss;
    const floor = (s[W_EST]! - cwnd) * mss;
    if (cc.credit < floor) cc.credit = floor;
    const whole = Math.floor(cc.credit / mss);
    cc.cwnd += whole * mss;
    cc.credit -= whole * mss;
  }

  idle(tcb: Tcb, time: number): void {
    const s = tcb.ccState;
    if (s[EPOCH] !== 0) s[EPOCH]! += time;
  }

  /** §4.2: K is the time in which the curve climbs back to W_max. */
  #begin(tcb: Tcb, cwnd: number, now: number): void {
    const s = tcb.ccState;
    s[EPOCH] = now;
    s[W_EST] = cwnd;
    s[SEARCHING] = 0;
    tcb.cc.credit = 0;
    if (s[W_MAX]! <= cwnd) {
      // §4.8: after a timeout, or without a loss yet, the curve begins at its plateau.
      s[SEARCHING] = s[W_MAX] === 0 ? 1 : 0;
      s[W_MAX] = cwnd;
      s[K] = 0;
    } else s[K] = Math.cbrt((s[W_MAX]! - cwnd) / C);
  }
}
