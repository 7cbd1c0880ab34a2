import type { Tcb } from "../words/tcb.ts";
import type { CongestionControl } from "./congestion.ts";
import { updateRate } from "./pacing.ts";
import { setCwnd } from "./windows.ts";

/**
 * No congestion control: cwnd is `fixedWindow`, whatever happens. For experiments, and for links that are one's own and never lose by congestion;
 * elsewhere it harms others (RFC 2914).
 */
export class Fixed implements CongestionControl {
  readonly name = "fixed";
  readonly stateSize = 0;

  reset(tcb: Tcb): void {
    keep(tcb);
  }

  reduce(tcb: Tcb): number {
    return tcb.cc.ssthresh;
  }

  timedOut(): void {}

  measured(): void {}

  avoid(): void {}

  idle(): void {}

  control(tcb: Tcb): void {
    keep(tcb);
    updateRate(tcb);
  }
}

function keep(tcb: Tcb): void {
  setCwnd(tcb, tcb.params.growing.fixedWindow);
}
