import type { Tcb } from "../words/tcb.ts";
import type { CongestionControl, ControlDetails } from "./congestion.ts";
import { HYSTART_SIZE, slowStartGrowth, slowStartPhase, watchRoundTrip } from "./hystart-plus.ts";

/** Congestion avoidance of RFC 5681 as Linux counts it: segments, and half of cwnd, not of the flight, after a loss. */
export class NewReno implements CongestionControl {
  readonly name = "newreno";
  readonly stateSize = HYSTART_SIZE;

  reset(tcb: Tcb): void {
    tcb.ccState.fill(0);
  }

  reduce(tcb: Tcb): number {
    const { mss } = tcb.snd;
    return Math.max(Math.floor(tcb.cc.cwnd / mss) >> 1, 2) * mss;
  }

  timedOut(): void {}

  measured(tcb: Tcb, rtt: number): void {
    watchRoundTrip(tcb, 0, rtt);
  }

  slowStart(tcb: Tcb, acked: number): number {
    return slowStartGrowth(tcb, 0, acked);
  }

  avoid(tcb: Tcb, n: number): void {
    avoidBy(tcb, Math.floor(tcb.cc.cwnd / tcb.snd.mss), Math.round(n / tcb.snd.mss));
  }

  idle(): void {}

  details(tcb: Tcb): ControlDetails {
    return { phase: slowStartPhase(tcb, 0) };
  }
}

/** Increases cwnd by one segment for every `every` acknowledged ones, which `cc.credit` counts. */
export function avoidBy(tcb: Tcb, every: number, acked: number): void {
  const { cc } = tcb;
  let grown = 0;
  if (cc.credit >= every) {
    cc.credit = 0;
    grown = 1;
  }
  cc.credit += acked;
  const more = Math.floor(cc.credit / every);
  cc.credit -= more * every;
  cc.cwnd += (grown + more) * tcb.snd.mss;
}
