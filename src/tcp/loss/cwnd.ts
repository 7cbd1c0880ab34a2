/** Windows in segments, the one timer, and requests to the next poll: the small words of the sender. */
import { NEVER } from "#base/time";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";

/** The one timer of a sender: to retransmit, to probe the tail, to wait for reordering, or to probe the window. */
export function arm(tcb: Tcb, timer: number, at: number): void {
  const { timers } = tcb;
  timers[T_RETRANSMIT] = NEVER;
  timers[T_LOSS_PROBE] = NEVER;
  timers[T_REORDER] = NEVER;
  timers[T_PERSIST] = NEVER;
  timers[timer] = at;
}

export function disarm(tcb: Tcb): void {
  arm(tcb, T_RETRANSMIT, NEVER);
}

/** A new event begins. What is sent by it was sent after whatever was sent by the one before. */
export function tick(tcb: Tcb, now: number): number {
  tcb.output.clock = tcb.output.clock >= now ? tcb.output.clock + 0.001 : now;
  return tcb.output.clock;
}

/** Asks the next poll for more; the most that was asked for counts. */
export function push(tcb: Tcb, what: number): void {
  if (what > tcb.output.push) tcb.output.push = what;
}

export function cwndOf(tcb: Tcb): number {
  return Math.floor(tcb.cc.cwnd / tcb.snd.mss);
}

export function setCwnd(tcb: Tcb, segments: number): void {
  tcb.cc.cwnd = segments * tcb.snd.mss;
}

/** "No loss yet", in segments. */
export const SSTHRESH_INFINITE = 0x7fffffff;

export function ssthreshOf(tcb: Tcb): number {
  const { ssthresh } = tcb.cc;
  return ssthresh >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : Math.floor(ssthresh / tcb.snd.mss);
}

export function setSsthresh(tcb: Tcb, segments: number): void {
  tcb.cc.ssthresh = segments >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : segments * tcb.snd.mss;
}

/** The segment size changed: the windows remain as many segments. */
export function recountWindows({ cc, snd }: Tcb, before: number): void {
  cc.cwnd = Math.floor(cc.cwnd / before) * snd.mss;
  if (cc.ssthresh < SSTHRESH_INFINITE) cc.ssthresh = Math.floor(cc.ssthresh / before) * snd.mss;
}

/** Segments that are in the network, as far as one knows. */
export function inFlight(tcb: Tcb): number {
  return tcb.board.packetsOut - tcb.board.sackedOut - tcb.board.lostOut + tcb.board.retransOut;
}
