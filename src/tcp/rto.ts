import { EV_RTT } from "#base/trace";
import type { Tcb } from "./tcb.ts";

/**
 * The retransmission time-out of RFC 6298 (MUST-18). `G` of its formula is `rtoMin`: RTO = SRTT + max(rtoMin, 4 RTTVAR), so
 * that a delayed ACK of the peer never looks like a loss, as Linux has it; never below what the RFC's own formula with a
 * fine clock gives.
 */

/** Takes a round-trip sample (us). Karn's rule is the caller's. Ends any back-off. */
export function sample(tcb: Tcb, rtt: number, now: number): void {
  if (rtt < 1) rtt = 1;
  if (rtt < tcb.rttMin) tcb.rttMin = rtt;
  if (tcb.srtt < 0) {
    // (2.2)
    tcb.srtt = rtt;
    tcb.rttvar = rtt / 2;
  } else {
    // (2.3) alpha = 1/8, beta = 1/4
    tcb.rttvar += (Math.abs(tcb.srtt - rtt) - tcb.rttvar) / 4;
    tcb.srtt += (rtt - tcb.srtt) / 8;
  }
  resetRto(tcb);
  tcb.env.trace.record(now, EV_RTT, 0, tcb.id, rtt, tcb.srtt, tcb.rttvar, tcb.rto);
}

/** RTO from the estimate, without back-off. */
export function resetRto(tcb: Tcb): void {
  const { rtoMin, rtoMax, rtoSlop } = tcb.params;
  if (tcb.srtt < 0) return;
  const rto = rtoSlop < 0 ? tcb.srtt + Math.max(rtoMin, 4 * tcb.rttvar) : tcb.srtt + 4 * tcb.rttvar + rtoSlop;
  tcb.rto = Math.min(Math.round(Math.max(rto, rtoMin)), rtoMax);
}

/** (5.5) The back-off: double, up to the maximum. */
export function backOff(tcb: Tcb): void {
  tcb.rto = Math.min(tcb.rto * 2, tcb.params.rtoMax);
}

/** The timestamp clock ticks in milliseconds (RFC 7323 §5.4 wants 1 ms to 1 s). */
export function tsval(tcb: Tcb, now: number): number {
  return (Math.floor(now / 1000) + tcb.tsOffset) | 0;
}
