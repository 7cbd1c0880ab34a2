import { Cubic } from "./cubic.ts";
import { LinuxCubic } from "./cubic-linux.ts";
import { LinuxReno } from "./linux/reno.ts";
import { NewReno } from "./newreno.ts";
import type { CongestionControlName, TcpParams } from "./params.ts";
import type { Tcb } from "./tcb.ts";

/**
 * What a congestion control decides: how far cwnd falls after a loss, and how it grows without one. When it is asked, and
 * what happens in recovery, is `recovery.ts`. A control keeps its numbers in `tcb.ccState`, so one object serves all connections.
 */
export interface CongestionControl {
  readonly name: CongestionControlName;
  /** Numbers that it keeps in `tcb.ccState`. */
  readonly places: number;
  /** A connection begins, or begins anew after a timeout. */
  reset(tcb: Tcb): void;
  /** ssthresh in octets after a loss detected at `now`, from the state before it. At least 2 SMSS (RFC 5681 (4)). */
  reduce(tcb: Tcb, now: number): number;
  /** The retransmission timer fired, after `reduce`. */
  timedOut(tcb: Tcb, now: number): void;
  /** An ACK gave a sample of the round trip, us. It comes before what the ACK does to cwnd. */
  measured(tcb: Tcb, rtt: number, now: number): void;
  /** `n` octets were acknowledged in congestion avoidance while cwnd limited the sender: raise cwnd. */
  avoid(tcb: Tcb, n: number, now: number): void;
  /** The sender was idle for `time` us: a clock that drives growth stands still. */
  idle(tcb: Tcb, time: number): void;
}

const CONTROLS: Record<CongestionControlName, CongestionControl> = { newreno: new NewReno(), cubic: new Cubic() };
const LINUX_CUBIC = new LinuxCubic();
const LINUX_RENO = new LinuxReno();

export const CONGESTION_CONTROLS = Object.keys(CONTROLS) as CongestionControlName[];

export function congestionControl(
  params: Pick<TcpParams, "congestionControl" | "linuxCubic" | "sender">,
): CongestionControl {
  const name = params.congestionControl;
  if (name === "cubic" && params.linuxCubic) return LINUX_CUBIC;
  return name === "newreno" && params.sender === "linux" ? LINUX_RENO : CONTROLS[name];
}

/** Slow start (RFC 5681 §3.1 with RFC 3465, no limit per ACK): returns the octets that remain for congestion avoidance. */
export function slowStart(tcb: Tcb, n: number): number {
  const cc = tcb.cc;
  const room = cc.ssthresh - cc.cwnd;
  const taken = Math.min(n, room);
  cc.cwnd += taken;
  return n - taken;
}
