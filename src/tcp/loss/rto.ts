import type { Tcb } from "../words/tcb.ts";

/** RFC 6298 (5.5). The back-off: double, up to the maximum. */
export function backOff(tcb: Tcb): void {
  tcb.rto = Math.min(tcb.rto * 2, tcb.params.retransmitting.rtoMax);
}

/** The timestamp clock ticks in milliseconds (RFC 7323 §5.4 wants 1 ms to 1 s). */
export function tsval(tcb: Tcb, now: number): number {
  return (Math.floor(now / 1000) + tcb.tsOffset) | 0;
}
