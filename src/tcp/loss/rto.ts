import type { Tcb } from "../words/tcb.ts";

/** RFC 6298 (5.5): doubles the RTO, up to `rtoMax`. */
export function backOff(tcb: Tcb): void {
  tcb.rto = Math.min(tcb.rto * 2, tcb.params.retransmitting.rtoMax);
}

/** TSval at `now`. The timestamp clock ticks once per millisecond (RFC 7323 §5.4 allows 1 ms to 1 s). */
export function tsval(tcb: Tcb, now: number): number {
  return (Math.floor(now / 1000) + tcb.tsOffset) | 0;
}
