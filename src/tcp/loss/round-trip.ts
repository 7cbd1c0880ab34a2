/** Round-trip samples and the retransmission timeout (RFC 6298), with Linux' RTTVAR: it decreases slowly, and never below `rtoMin`. */
import { MILLISECOND } from "#base/time";

import { EV_RTT } from "#base/trace";
import type { Segment } from "../words/segment.ts";
import { gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { tsval } from "./rto.ts";

/** The round-trip samples of one ACK, µs; -1: none. */
export class RoundTrips {
  /** Of the first and the last segment that it acknowledges, if none of them was retransmitted (Karn's algorithm). */
  oldest = -1;
  newest = -1;
  /** Of the first and the last segment that it newly SACKs. */
  sackOldest = -1;
  sackNewest = -1;

  clear(): void {
    this.oldest = this.newest = this.sackOldest = this.sackNewest = -1;
  }
}

/**
 * True if a segment sent at `sentAt` gives no sample because the retransmission timer has fired since. Even if the segment was sent only once, its own
 * ACK may have been lost, and the ACK that arrives now may answer a retransmission. Linux takes such samples: at 25 % loss its RTO for a path
 * of 40 ms becomes minutes.
 */
export function isStale(tcb: Tcb, sentAt: number): boolean {
  return sentAt < tcb.rtt.timeoutAt && !tcb.params.retransmitting.staleSamples;
}

/**
 * Takes the sample of an ACK.
 * @param acked the ACK acknowledged something
 * @returns the sample for congestion control, µs; -1: none
 */
export function takeSample(tcb: Tcb, seg: Segment, trips: RoundTrips, acked: boolean, now: number): number {
  let rtt = trips.oldest >= 0 ? trips.oldest : trips.sackOldest;
  let recent = trips.sackOldest >= 0 ? trips.sackNewest : trips.newest;
  if (rtt < 0 && acked && tcb.timestampsOk && seg.options.timestamps && seg.options.tsecr !== 0) {
    const echo = roundTripOfEcho(tcb, seg.options.tsecr, now);
    if (echo >= 0) rtt = recent = echo;
    else endBackOff(tcb);
  }
  if (rtt < 0) return recent;
  sampled(tcb, rtt, recent, now);
  return recent;
}

/**
 * The round trip measured by the echo of our timestamp, µs; -1: the echo is stale or from the future. A new ACK may carry an old echo: the ACK of
 * a duplicate echoes the last segment that arrived in order (RFC 7323 §4.3).
 */
export function roundTripOfEcho(tcb: Tcb, tsecr: number, now: number): number {
  const ticks = (tsval(tcb, now) - tsecr) | 0;
  if (ticks < 0 || isStale(tcb, now - (ticks - 1) * MILLISECOND)) return -1;
  return Math.max(ticks, 1) * MILLISECOND;
}

/** The peer answers again but its echo is stale: ends the back-off without a sample. Linux takes the stale echo as a sample. */
function endBackOff(tcb: Tcb): void {
  tcb.rto = Math.max(rtoOf(tcb), tcb.params.retransmitting.rtoMin);
  tcb.rtt.backoff = 0;
}

/** Updates SRTT, RTTVAR and RTO. @param recent the sample of the last segment: without the receiver's delay, so it counts for the minimum */
export function sampled(tcb: Tcb, rtt: number, recent: number, now: number): void {
  if (recent >= 0) tcb.rttMin = Math.min(tcb.rttMin, Math.max(Math.floor(recent), 1));
  estimate(tcb, Math.max(Math.floor(rtt), 1));
  tcb.srtt = tcb.rtt.srtt8 / 8;
  tcb.rttvar = tcb.rtt.mdev / 4;
  tcb.rto = rtoOf(tcb);
  tcb.rtt.backoff = 0;
  tcb.env.trace.record(now, EV_RTT, 0, tcb.id, rtt, tcb.srtt, tcb.rttvar, tcb.rto);
}

function estimate(tcb: Tcb, rtt: number): void {
  const { rtoMin } = tcb.params.retransmitting;
  if (tcb.rtt.srtt8 === 0) {
    tcb.rtt.srtt8 = rtt * 8;
    tcb.rtt.mdev = rtt * 2;
    tcb.rtt.rttvar = Math.max(tcb.rtt.mdev, rtoMin);
    tcb.rtt.mdevMax = tcb.rtt.rttvar;
    tcb.rtt.end = tcb.snd.nxt;
    return;
  }
  let error = rtt - Math.floor(tcb.rtt.srtt8 / 8);
  tcb.rtt.srtt8 = Math.max(1, tcb.rtt.srtt8 + error);
  if (error < 0) {
    // The round trip became shorter: let that raise the deviation by only an eighth, or the RTO would increase.
    error = -error - Math.floor(tcb.rtt.mdev / 4);
    if (error > 0) error = Math.floor(error / 8);
  } else error -= Math.floor(tcb.rtt.mdev / 4);
  tcb.rtt.mdev += error;
  if (tcb.rtt.mdev > tcb.rtt.mdevMax) {
    tcb.rtt.mdevMax = tcb.rtt.mdev;
    if (tcb.rtt.mdevMax > tcb.rtt.rttvar) tcb.rtt.rttvar = tcb.rtt.mdevMax;
  }
  // Once per round trip RTTVAR decreases, by a quarter of its distance to the largest deviation of that round trip.
  if (!gt(tcb.snd.una, tcb.rtt.end)) return;
  if (tcb.rtt.mdevMax < tcb.rtt.rttvar) tcb.rtt.rttvar -= Math.floor((tcb.rtt.rttvar - tcb.rtt.mdevMax) / 4);
  tcb.rtt.end = tcb.snd.nxt;
  tcb.rtt.mdevMax = rtoMin;
}

/** The RTO without back-off. */
export function rtoOf(tcb: Tcb): number {
  const { rtoInitial, rtoMax, rtoMin, rtoSlop } = tcb.params.retransmitting;
  if (tcb.rtt.srtt8 === 0) return rtoInitial;
  if (rtoSlop >= 0) return Math.min(Math.max(Math.round(tcb.rtt.srtt8 / 8 + tcb.rtt.mdev + rtoSlop), rtoMin), rtoMax);
  const rto = Math.floor(tcb.rtt.srtt8 / 8) + tcb.rtt.rttvar;
  return Math.min(Math.ceil(rto / MILLISECOND) * MILLISECOND, rtoMax);
}
