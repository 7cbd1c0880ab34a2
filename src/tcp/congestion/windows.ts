/** cwnd, ssthresh and what is in flight, in segments: the sender counts in segments (ADR 14). */
import type { Tcb } from "../words/tcb.ts";

export function cwndOf(tcb: Tcb): number {
  return Math.floor(tcb.cc.cwnd / tcb.snd.mss);
}

export function setCwnd(tcb: Tcb, segments: number): void {
  tcb.cc.cwnd = segments * tcb.snd.mss;
}

/** The value of ssthresh, in segments, before the first loss (RFC 5681 §3.1: "arbitrarily high"). */
export const SSTHRESH_INFINITE = 0x7fffffff;

export function ssthreshOf(tcb: Tcb): number {
  const { ssthresh } = tcb.cc;
  return ssthresh >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : Math.floor(ssthresh / tcb.snd.mss);
}

export function setSsthresh(tcb: Tcb, segments: number): void {
  tcb.cc.ssthresh = segments >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : segments * tcb.snd.mss;
}

/** Segments that are believed to be in the network (RFC 6675's pipe, counted in segments). */
export function inFlight(tcb: Tcb): number {
  return tcb.board.packetsOut - tcb.board.sackedOut - tcb.board.lostOut + tcb.board.retransOut;
}

/** Delivery rates of what was delivered and is in flight do not show what the path can do (draft-ietf-ccwg-bbr §4.1.2.4). */
export function markAppLimited(tcb: Tcb): void {
  tcb.delivery.appLimitedUntil = Math.max(tcb.deliveredSegments + inFlight(tcb), 1);
}
