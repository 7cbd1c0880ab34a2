/** Helpers of the sender: cwnd and ssthresh in segments, its one timer, and requests to the next poll. */
import { NEVER } from "#base/time";
import { EV_TIMER_SET } from "#base/trace";
import { SSTHRESH_INFINITE } from "../congestion/windows.ts";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";

export { cwndOf, inFlight, SSTHRESH_INFINITE, setCwnd, setSsthresh, ssthreshOf } from "../congestion/windows.ts";

/** Starts one of the sender's timers and stops the other three: at most one of them runs at any time, as in Linux. */
export function arm(tcb: Tcb, timer: number, at: number): void {
  const { timers } = tcb;
  timers[T_RETRANSMIT] = NEVER;
  timers[T_LOSS_PROBE] = NEVER;
  timers[T_REORDER] = NEVER;
  timers[T_PERSIST] = NEVER;
  timers[timer] = at;
}

/** Starts the persist timer, and records when it expires. */
export function armProbe(tcb: Tcb, wait: number, now: number): void {
  tcb.env.trace.record(now, EV_TIMER_SET, 0, tcb.id, T_PERSIST, wait);
  arm(tcb, T_PERSIST, now + wait);
}

export function disarm(tcb: Tcb): void {
  arm(tcb, T_RETRANSMIT, NEVER);
}

/** Returns the send time for a new event. It is later than that of any event before, so that RACK can tell which segment was sent first. */
export function tick(tcb: Tcb, now: number): number {
  tcb.output.clock = tcb.output.clock >= now ? tcb.output.clock + 0.001 : now;
  return tcb.output.clock;
}

/** Asks the next poll to send. If several requests are made, the strongest counts. */
export function push(tcb: Tcb, what: number): void {
  if (what > tcb.output.push) tcb.output.push = what;
}

/** The segment size changed: cwnd and ssthresh keep their number of segments. */
export function recountWindows({ cc, snd }: Tcb, before: number): void {
  cc.cwnd = Math.floor(cc.cwnd / before) * snd.mss;
  if (cc.ssthresh < SSTHRESH_INFINITE) cc.ssthresh = Math.floor(cc.ssthresh / before) * snd.mss;
}
