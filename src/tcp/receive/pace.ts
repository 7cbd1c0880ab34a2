/** What a receiver estimates from arriving segments: the peer's segment size, the time between segments, and the round trip. */
import { MILLISECOND } from "#base/time";
import { FIN, PSH, SYN, URG } from "#wire/tcp";
import { tsval } from "../loss/rto.ts";
import type { Segment } from "../words/segment.ts";
import { diff, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { announcedMss } from "./announced.ts";

/** The assumed size of the peer's segments before one has arrived (RFC 9293 MUST-15). A single larger segment is enough to replace it. */
const MSS_DEFAULT = 536;
/** The smallest segment size that is ever assumed (Linux: TCP_MIN_MSS). */
const MSS_MIN = 88;
const HEADER = 20;
const TIMESTAMPS = 12;

// Values of `rcv.pushes`: since our last ACK the peer sent one segment that ended a message, or more.
export const PAUSED = 1;
export const PAUSED_AGAIN = 2;

/** Sets the assumed size of the peer's segments before one has arrived. @param window the window that was offered */
export function guessSize(tcb: Tcb, window: number): void {
  tcb.rcv.mss = Math.max(MSS_MIN, Math.min(segmentAnnounced(tcb), tcb.snd.mss, window >> 1, MSS_DEFAULT));
}

/** The largest payload that the peer may send: our MSS option less the options of its segments. */
function segmentAnnounced(tcb: Tcb): number {
  return announcedMss(tcb) - (tcb.timestampsOk ? TIMESTAMPS : 0);
}

/**
 * Estimates the size of the peer's full segments: the largest one seen, or a smaller one that arrives twice in a row without PSH. Returns true
 * if this segment is larger than all before.
 */
export function learnSize(tcb: Tcb, seg: Segment): boolean {
  const { rcv } = tcb;
  const last = rcv.lastSize;
  rcv.lastSize = 0;
  const n = seg.segmentSize;
  if (n >= rcv.mss) {
    const larger = n > rcv.mss;
    rcv.mss = Math.min(n, segmentAnnounced(tcb));
    if (seg.ctl & PSH) rcv.pushes = Math.max(rcv.pushes, PAUSED);
    return larger;
  }
  const whole = n + seg.header;
  const more = (seg.ctl & (FIN | URG | SYN | PSH)) === 0;
  if (whole >= MSS_DEFAULT + HEADER || (whole >= MSS_MIN + HEADER && more)) {
    const size = whole - HEADER - (tcb.timestampsOk ? TIMESTAMPS : 0);
    rcv.lastSize = size;
    if (size === last) {
      rcv.mss = size;
      return false;
    }
  }
  rcv.pushes = rcv.pushes >= PAUSED ? PAUSED_AGAIN : PAUSED;
  return false;
}

/**
 * Lets the delay of ACKs follow the time between segments (`delayFollowsPace`). While they arrive quickly, the delay approaches `delayedAck`; when
 * they arrive slowly, it becomes the pause plus half of what it was. After a pause of an RTO the peer is in slow start, so ACKs are quick.
 */
export function learnPace(tcb: Tcb, now: number): void {
  const { rcv } = tcb;
  const { delayedAck, delayFollowsPace, quickAcks } = tcb.params.acknowledging;
  const pause = now - Math.max(tcb.lastReceiveTime, tcb.openedAt);
  if (rcv.delay === 0) {
    acknowledgeQuickly(tcb, quickAcks);
    rcv.delay = delayedAck;
  } else if (pause > tcb.rto && pause >= rcv.delay) acknowledgeQuickly(tcb, quickAcks);
  else if (!delayFollowsPace) rcv.delay = delayedAck;
  else if (pause <= delayedAck / 2) rcv.delay = rcv.delay / 2 + delayedAck / 2;
  else if (pause < rcv.delay) rcv.delay = Math.min(rcv.delay / 2 + pause, tcb.rto);
  tcb.lastReceiveTime = now;
}

/** The next ACKs are sent at once: one for each segment in half of the window, at least two unless `most` is lower, and at most `most`. */
export function acknowledgeQuickly(tcb: Tcb, most: number): void {
  const { rcv } = tcb;
  const half = Math.floor(diff(rcv.adv, rcv.acked) / (2 * rcv.mss)) || 2;
  tcb.quickAcks = Math.max(tcb.quickAcks, Math.min(half, most));
}

/** The next ACKs are sent at once and do not wait for the user's data, because the peer lost a segment or has to reduce its rate. */
export function enterQuickAck(tcb: Tcb, acks: number): void {
  acknowledgeQuickly(tcb, acks);
  tcb.interactive = false;
  tcb.rcv.delay = tcb.params.acknowledging.delayedAck;
}

/** Looks at the ECN field. A segment without ECT among segments with it is probably a retransmission (RFC 3168 §6.1.5), so its ACK is urgent. */
export function noteEct(tcb: Tcb, seg: Segment): void {
  if (!tcb.ecnOk) return;
  if (seg.ecn !== 0) tcb.rcv.sawEct = true;
  else if (tcb.rcv.sawEct) enterQuickAck(tcb, 2);
}

/** Measures the round trip on the receiving side: the age of the timestamp that the peer echoes in a new full segment. */
export function learnRttByEcho(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  const { tsecr, timestamps } = seg.options;
  if (!tcb.timestampsOk || !timestamps || tsecr === rcv.rttEcho) return;
  rcv.rttEcho = tsecr;
  if (seg.n < rcv.mss || tsecr === 0) return;
  const sample = Math.max((tsval(tcb, now) - tsecr) | 0, 1) * MILLISECOND;
  rcv.rtt = rcv.rtt === 0 ? sample : rcv.rtt + (sample - rcv.rtt) / 8;
}

/** Measures the round trip without timestamps: a full window of octets takes at least one round trip to arrive, so this is an upper limit. */
export function learnRttByWindow(tcb: Tcb, next: number, now: number): void {
  const { rcv } = tcb;
  if (rcv.rttAt >= 0) {
    if (lt(next, rcv.rttSeq)) return;
    const sample = Math.max(now - rcv.rttAt, 1);
    rcv.rtt = rcv.rtt === 0 ? sample : Math.min(rcv.rtt, sample);
  }
  rcv.rttSeq = (next + diff(rcv.adv, rcv.acked)) | 0;
  rcv.rttAt = now;
}
