/** The retransmission time-out of RFC 6298 with Linux' estimate of the deviation: it falls slowly, and never below what `rtoMin` stands for. */
import { MILLISECOND, SECOND } from "#base/time";
import { EV_RTT } from "#base/trace";
import { tsval } from "../rto.ts";
import type { Segment } from "../segment.ts";
import { gt } from "../seq.ts";
import type { Tcb } from "../tcb.ts";
import { cwndOf, type LinuxVariables, ssthreshOf } from "./variables.ts";

/** What one ACK says about the round trip, us; -1: nothing. */
export class RoundTrips {
  /** Of the oldest and of the newest segment that it acknowledges, if none of those was resent. */
  oldest = -1;
  newest = -1;
  /** The same of what it SACKs for the first time. */
  sackOldest = -1;
  sackNewest = -1;

  clear(): void {
    this.oldest = this.newest = this.sackOldest = this.sackNewest = -1;
  }
}

/** Takes the sample of an ACK. @param acked it acknowledged something. Returns what congestion control is told: us, or -1. */
export function takeSample(
  tcb: Tcb,
  lx: LinuxVariables,
  seg: Segment,
  trips: RoundTrips,
  acked: boolean,
  now: number,
): number {
  let rtt = trips.oldest >= 0 ? trips.oldest : trips.sackOldest;
  let recent = trips.sackOldest >= 0 ? trips.sackNewest : trips.newest;
  if (rtt < 0 && acked && tcb.timestampsOk && seg.options.timestamps && seg.options.tsecr !== 0) {
    const ticks = (tsval(tcb, now) - seg.options.tsecr) | 0;
    if (ticks >= 0) rtt = recent = Math.max(ticks, 1) * MILLISECOND;
  }
  if (rtt < 0) return recent;
  sampled(tcb, lx, rtt, recent, now);
  return recent;
}

/** @param recent of the newest segment: what the path itself takes. */
export function sampled(tcb: Tcb, lx: LinuxVariables, rtt: number, recent: number, now: number): void {
  if (recent >= 0) tcb.rttMin = Math.min(tcb.rttMin, Math.max(Math.floor(recent), 1));
  estimate(tcb, lx, Math.max(Math.floor(rtt), 1));
  tcb.srtt = lx.srtt8 / 8;
  tcb.rttvar = lx.mdev / 4;
  tcb.rto = rtoOf(tcb, lx);
  lx.backoff = 0;
  tcb.env.trace.record(now, EV_RTT, 0, tcb.id, rtt, tcb.srtt, tcb.rttvar, tcb.rto);
}

function estimate(tcb: Tcb, lx: LinuxVariables, rtt: number): void {
  const { rtoMin } = tcb.params;
  if (lx.srtt8 === 0) {
    lx.srtt8 = rtt * 8;
    lx.mdev = rtt * 2;
    lx.rttvar = Math.max(lx.mdev, rtoMin);
    lx.mdevMax = lx.rttvar;
    lx.rttEnd = tcb.snd.nxt;
    return;
  }
  let error = rtt - Math.floor(lx.srtt8 / 8);
  lx.srtt8 = Math.max(1, lx.srtt8 + error);
  if (error < 0) {
    // A round trip that became shorter is no reason to wait longer.
    error = -error - Math.floor(lx.mdev / 4);
    if (error > 0) error = Math.floor(error / 8);
  } else error -= Math.floor(lx.mdev / 4);
  lx.mdev += error;
  if (lx.mdev > lx.mdevMax) {
    lx.mdevMax = lx.mdev;
    if (lx.mdevMax > lx.rttvar) lx.rttvar = lx.mdevMax;
  }
  // Once per round trip the deviation comes down, by a quarter of the way.
  if (!gt(tcb.snd.una, lx.rttEnd)) return;
  if (lx.mdevMax < lx.rttvar) lx.rttvar -= Math.floor((lx.rttvar - lx.mdevMax) / 4);
  lx.rttEnd = tcb.snd.nxt;
  lx.mdevMax = rtoMin;
}

/** RTO without back-off. */
export function rtoOf(tcb: Tcb, lx: LinuxVariables): number {
  const { rtoInitial, rtoMax, rtoMin, rtoSlop } = tcb.params;
  if (lx.srtt8 === 0) return rtoInitial;
  if (rtoSlop >= 0) return Math.min(Math.max(Math.round(lx.srtt8 / 8 + lx.mdev + rtoSlop), rtoMin), rtoMax);
  const rto = Math.floor(lx.srtt8 / 8) + lx.rttvar;
  return Math.min(Math.ceil(rto / MILLISECOND) * MILLISECOND, rtoMax);
}

/** What cwnd and the round trip amount to now: super-segments are as large as what goes in a millisecond. */
export function updateRate(tcb: Tcb, lx: LinuxVariables): void {
  const cwnd = cwndOf(tcb);
  const gain = cwnd < Math.floor(ssthreshOf(tcb) / 2) ? 2 : 1.2;
  const srtt = lx.srtt8 / 8;
  const window = Math.max(cwnd, lx.packetsOut) * tcb.snd.mss * gain;
  lx.rate = srtt > 0 ? Math.floor((window * SECOND) / srtt) : window * SECOND;
}
