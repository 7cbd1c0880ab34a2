import type { CongestionControlName } from "../words/params.ts";
import type { Tcb } from "../words/tcb.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./newreno.ts";

/**
 * What a congestion control decides: how far cwnd is reduced after a loss, and how it grows otherwise. `loss/recovery.ts` decides when it
 * is called, and what happens in recovery. A control keeps its state in `tcb.ccState`, so one object serves all connections.
 */
export interface CongestionControl {
  readonly name: CongestionControlName;
  /** How many numbers it keeps in `tcb.ccState`. */
  readonly stateSize: number;
  /** A connection begins, or restarts after a timeout. */
  reset(tcb: Tcb): void;
  /** ssthresh in octets after a loss detected at `now`, from the state before it. At least 2 SMSS (RFC 5681 (4)). */
  reduce(tcb: Tcb, now: number): number;
  /** The retransmission timer fired, after `reduce`. */
  timedOut(tcb: Tcb, now: number): void;
  /** An ACK gave a round-trip sample, µs. Called before the ACK changes cwnd. */
  measured(tcb: Tcb, rtt: number, now: number): void;
  /** `n` octets were acknowledged in congestion avoidance while cwnd limited the sender: raise cwnd. */
  avoid(tcb: Tcb, n: number, now: number): void;
  /** The sender was idle for `time` µs, which must not count as time for growth. */
  idle(tcb: Tcb, time: number, now: number): void;
}

const CONTROLS: Record<CongestionControlName, CongestionControl> = { newreno: new NewReno(), cubic: new Cubic() };

export const CONGESTION_CONTROLS = Object.keys(CONTROLS) as CongestionControlName[];

export function congestionControl(name: CongestionControlName): CongestionControl {
  return CONTROLS[name];
}
