import type { Tcb } from "../words/tcb.ts";
import type { CongestionControl } from "./congestion.ts";

/** Congestion avoidance of RFC 5681 as Linux counts it: segments, and half of cwnd, not of the flight, after a loss. */
export class NewReno implements CongestionControl {
  readonly name = "newreno";
  readonly stateSize = 0;

  reset(): void {}

  reduce(tcb: Tcb): number {
    const { mss } = tcb.snd;
    return Math.max(Math.floor(tcb.cc.cwnd / mss) >> 1, 2) * mss;
  }

  timedOut(): void {}

  measured(): void {}

  avoid(tcb: Tcb, n: number): void {
    avoidBy(tcb, Math.floor(tcb.cc.cwnd / tcb.snd.mss), Math.round(n / tcb.snd.mss));
  }

  idle(): void {}
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
