import type { CongestionControl } from "./congestion.ts";
import type { Tcb } from "./tcb.ts";

/** Congestion avoidance of RFC 5681: one SMSS per window, half of the flight after a loss. */
export class NewReno implements CongestionControl {
  readonly name = "newreno";
  readonly places = 0;

  reset(): void {}

  /** RFC 5681 (4): max(FlightSize / 2, 2 SMSS), in whole segments. */
  reduce(tcb: Tcb): number {
    const mss = tcb.snd.mss;
    return Math.max(Math.floor(Math.min(Math.max(tcb.cc.flight, tcb.outstanding()), tcb.cc.cwnd) / 2 / mss), 2) * mss;
  }

  timedOut(): void {}

  measured(): void {}

  /** RFC 5681 §3.1, counting octets: one SMSS for each cwnd acknowledged. */
  avoid(tcb: Tcb, n: number): void {
    const cc = tcb.cc;
    cc.credit += n;
    while (cc.credit >= cc.cwnd) {
      cc.credit -= cc.cwnd;
      cc.cwnd += tcb.snd.mss;
    }
  }

  idle(): void {}
}
