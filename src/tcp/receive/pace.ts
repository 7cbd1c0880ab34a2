/** What arriving text tells a receiver of its peer: how large its segments are, how soon one follows another, how long a round trip takes. */
import { MILLISECOND } from "#base/time";
import { FIN, PSH, SYN, URG } from "#wire/tcp";
import { tsval } from "../loss/rto.ts";
import type { Segment } from "../words/segment.ts";
import { diff, lt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { announcedMss } from "./window.ts";

/** RFC 9293 MUST-15: what the peer's segments are thought to be before one came. A larger one counts even as a single one. */
const MSS_DEFAULT = 536;
/** The smallest size that is learnt, without and with the TCP header. */
const MSS_MIN = 88;
const HEADER = 20;
const TIMESTAMPS = 12;

// Levels of `rcv.pushes`: the peer paused, and paused again, since our last ACK.
export const PAUSED = 1;
export const PAUSED_AGAIN = 2;

/** The size of the peer's segments before one came. @param window what it was offered */
export function guessSize(tcb: Tcb, window: number): void {
  tcb.rcv.mss = Math.max(MSS_MIN, Math.min(segmentAnnounced(tcb), tcb.snd.mss, window >> 1, MSS_DEFAULT));
}

/** The peer's segments are at most as large as our MSS option says, less what their options take. */
function segmentAnnounced(tcb: Tcb): number {
  return announcedMss(tcb) - (tcb.timestampsOk ? TIMESTAMPS : 0);
}

/** The size of the peer's segments (SMSS): the largest seen, or a smaller one that comes twice and does not end a message. */
export function learnSize(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  const last = rcv.lastSize;
  rcv.lastSize = 0;
  const n = seg.segmentSize;
  if (n >= rcv.mss) {
    rcv.mss = Math.min(n, segmentAnnounced(tcb));
    if (seg.ctl & PSH) rcv.pushes = Math.max(rcv.pushes, PAUSED);
    return;
  }
  const whole = n + seg.header;
  const more = (seg.ctl & (FIN | URG | SYN | PSH)) === 0;
  if (whole >= MSS_DEFAULT + HEADER || (whole >= MSS_MIN + HEADER && more)) {
    const size = whole - HEADER - (tcb.timestampsOk ? TIMESTAMPS : 0);
    rcv.lastSize = size;
    if (size === last) {
      rcv.mss = size;
      return;
    }
  }
  rcv.pushes = rcv.pushes >= PAUSED ? PAUSED_AGAIN : PAUSED;
}

/**
 * The delay of ACKs follows the time between segments: towards half of `delayedAck` while they come quickly, so that it is `delayedAck` again; to the
 * pause and half of what it was where they come slowly. After a pause of an RTO the peer is in slow start, and lives on our ACKs.
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

/** The next ACKs go at once: as many as half the window has segments, two at least, and at most so many. */
export function acknowledgeQuickly(tcb: Tcb, most: number): void {
  const { rcv } = tcb;
  const half = Math.floor(diff(rcv.adv, rcv.acked) / (2 * rcv.mss)) || 2;
  tcb.quickAcks = Math.max(tcb.quickAcks, Math.min(half, most));
}

/** The peer needs to hear soon: it lost something, or should slow down. The user's answers are not waited for. */
export function hurry(tcb: Tcb, acks: number): void {
  acknowledgeQuickly(tcb, acks);
  tcb.interactive = false;
  tcb.rcv.delay = tcb.params.acknowledging.delayedAck;
}

/** What is not ECT among what is (RFC 3168 §6.1.5) is a retransmission, most likely: its sender is in trouble. */
export function noteEct(tcb: Tcb, seg: Segment): void {
  if (!tcb.ecnOk) return;
  if (seg.ecn !== 0) tcb.rcv.sawEct = true;
  else if (tcb.rcv.sawEct) hurry(tcb, 2);
}

/** The round trip as a receiver can tell it: how old the timestamp is that its peer echoes with new data. */
export function learnRttByEcho(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  const { tsecr, timestamps } = seg.options;
  if (!tcb.timestampsOk || !timestamps || tsecr === rcv.rttEcho) return;
  rcv.rttEcho = tsecr;
  if (seg.n < rcv.mss || tsecr === 0) return;
  const sample = Math.max((tsval(tcb, now) - tsecr) | 0, 1) * MILLISECOND;
  rcv.rtt = rcv.rtt === 0 ? sample : rcv.rtt + (sample - rcv.rtt) / 8;
}

/** A window's worth of octets takes a round trip, at most: the estimate where the peer echoes no timestamps. */
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
