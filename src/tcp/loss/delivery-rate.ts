/**
 * The delivery rate (draft-ietf-ccwg-bbr §4.1), as Linux measures it: each record notes how much was delivered when it was sent. Its ACK
 * then tells how much the path delivered in the meantime. No record is visited for this that the ACK does not concern anyway.
 */
import { SECOND } from "#base/time";
import { markAppLimited } from "../congestion/windows.ts";
import type { RateSample } from "../words/rate-sample.ts";
import { APP_LIMITED, SACKED } from "../words/records.ts";
import { diff } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { cwndOf, inFlight } from "./cwnd.ts";
import { sentAfter } from "./sent-order.ts";

/**
 * Record r was sent, for the first time or again (§4.1.2.2).
 * @param first nothing else was in flight: the time without data must not count
 * @param flight segments in flight, those of r included
 */
export function noteSent(tcb: Tcb, r: number, first: boolean, flight: number): void {
  const { delivery } = tcb;
  const { records } = tcb.env;
  if (first) delivery.firstSentAt = delivery.deliveredAt = records.time[r]!;
  records.firstSentAt[r] = delivery.firstSentAt;
  records.deliveredAt[r] = delivery.deliveredAt;
  records.delivered[r] = tcb.deliveredSegments;
  records.lost[r] = tcb.board.lost;
  records.deliveredCe[r] = tcb.board.deliveredCe;
  records.inFlight[r] = flight;
  const flags = records.flags[r]! & ~APP_LIMITED;
  records.flags[r] = delivery.appLimitedUntil > 0 ? flags | APP_LIMITED : flags;
}

/** Record r, or a part of it, was delivered. The record that was sent last determines the sample (§4.1.2.3). */
export function noteDelivered(tcb: Tcb, r: number, sample: RateSample): void {
  const { delivery } = tcb;
  const { records } = tcb.env;
  const deliveredAt = records.deliveredAt[r]!;
  if (deliveredAt < 0) return;
  const time = records.time[r]!;
  const end = records.end[r]!;
  if (sample.priorDeliveredAt < 0 || sentAfter(time, end, delivery.firstSentAt, sample.end)) {
    sample.priorDelivered = earlier(tcb.deliveredSegments, records.delivered[r]!);
    sample.priorDeliveredAt = deliveredAt;
    sample.priorLost = earlier(tcb.board.lost, records.lost[r]!);
    sample.priorCe = earlier(tcb.board.deliveredCe, records.deliveredCe[r]!);
    sample.sentInFlight = records.inFlight[r]!;
    sample.isAppLimited = (records.flags[r]! & APP_LIMITED) !== 0;
    sample.end = end;
    delivery.firstSentAt = time;
    sample.sendInterval = Math.floor(time) - Math.floor(records.firstSentAt[r]!);
    sample.isAckDelayed = sample.sentInFlight === 1 && diff(end, records.start[r]!) < tcb.snd.mss;
  }
  // The cumulative ACK does not count again what is SACKed.
  if (records.flags[r]! & SACKED) records.deliveredAt[r] = -1;
}

/** What a count was when its last 32 bits were these. */
function earlier(count: number, low: number): number {
  return count - ((count - low) >>> 0);
}

/**
 * Completes the sample of an ACK that delivered `acked` segments and showed that `losses` are lost.
 * @param reneged the peer had thrown away SACKed data before this ACK
 */
export function takeRateSample(
  tcb: Tcb,
  sample: RateSample,
  acked: number,
  losses: number,
  reneged: boolean,
  now: number,
): void {
  const { delivery } = tcb;
  if (delivery.appLimitedUntil > 0 && tcb.deliveredSegments > delivery.appLimitedUntil) delivery.appLimitedUntil = 0;
  if (acked > 0) delivery.deliveredAt = now;
  sample.acked = acked;
  sample.losses = losses;
  sample.isAckDelayed &&= acked === 1 && tcb.deliveredSegments === sample.priorDelivered + 1;
  if (sample.priorDeliveredAt < 0 || reneged) return;
  sample.delivered = tcb.deliveredSegments - sample.priorDelivered;
  sample.lost = tcb.board.lost - sample.priorLost;
  sample.deliveredCe = tcb.board.deliveredCe - sample.priorCe;
  const interval = Math.max(sample.sendInterval, Math.floor(now) - Math.floor(sample.priorDeliveredAt));
  // Shorter than a round trip: the ACKs were compressed, or segments acknowledged that had arrived long before.
  if (interval < tcb.rttMin) return;
  sample.interval = interval;
  const isFaster = sample.delivered * delivery.interval >= delivery.segments * interval;
  if (sample.isAppLimited && !isFaster) return;
  delivery.segments = sample.delivered;
  delivery.interval = interval;
  delivery.isAppLimited = sample.isAppLimited;
}

/** The application writes after a time without enough data (§4.1.2.4): what is in flight now shows its pace and not the path's. */
export function checkAppLimited(tcb: Tcb): void {
  const { snd, board } = tcb;
  if (snd.queued - diff(snd.nxt, snd.una) >= snd.mss) return;
  if (inFlight(tcb) >= cwndOf(tcb) || board.lostOut > board.retransOut) return;
  markAppLimited(tcb);
}

/** Segments that the path delivers in its smallest round trip: what it holds without a queue. Infinity: no sample yet. */
export function deliveredPerRoundTrip({ delivery, rttMin }: Tcb): number {
  if (delivery.interval === 0 || !Number.isFinite(rttMin)) return Number.POSITIVE_INFINITY;
  return Math.ceil((delivery.segments * rttMin) / delivery.interval);
}

/** Octets per second; 0: no sample yet. */
export function deliveryRate({ delivery, snd }: Tcb): number {
  return delivery.interval === 0 ? 0 : Math.floor((delivery.segments * snd.mss * SECOND) / delivery.interval);
}
