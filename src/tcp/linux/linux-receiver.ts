/** A receiver that acknowledges and offers as Linux does: delays that follow the pace of what comes, quick ACKs, held SACKs. */
import { MILLISECOND, NEVER } from "#base/time";
import { FIN, PSH, SYN, URG } from "#wire/tcp";
import * as M from "../marks.ts";
import type { Receiver } from "../receiver.ts";
import { tsval } from "../rto.ts";
import type { Segment } from "../segment.ts";
import { diff, lt } from "../seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "../state.ts";
import { T_DELAYED_ACK, type Tcb } from "../tcb.ts";
import { announcedMss } from "../window.ts";
import { free, join, keep, keepFar } from "./memory.ts";
import { advertise, begin, firstWindow, learnShare, offered, possible, widen } from "./receive-window.ts";
import { ReceivedVariables } from "./received.ts";

/** Delays that were learnt are bounded: by this, by this where the user or the peer pauses, and by the round trip. */
const DELAY_MAX = 500 * MILLISECOND;
const DELAY_MAX_PAUSED = 200 * MILLISECOND;
/** Nothing came yet: the ACK of a FIN alone waits for the next tick. */
const TICK = 1 * MILLISECOND;
/** Duplicate ACKs for one gap that go at once. */
const TOLD_AT_ONCE = 3;
/** The timer of held SACKs is no finer. */
const HOLD_MIN = 100;
const MSS_DEFAULT = 536;
const MSS_MIN = 88;
/** Octets from which a segment says something about how large the window may be. */
const WORTH = 128;

/** Levels of `rcv.pushes`: the peer paused, and paused again. */
const PAUSED = 1;
const PAUSED_AGAIN = 2;

export const LINUX_RECEIVER: Receiver = {
  name: "linux",
  variables: () => new ReceivedVariables(),
  begin(tcb) {
    begin(tcb, of(tcb));
    const { rcv, snd } = tcb;
    const half = firstWindow(tcb) >> 1;
    rcv.mss = Math.max(MSS_MIN, Math.min(segmentAnnounced(tcb), snd.mss, half, MSS_DEFAULT));
    tcb.quickAcks = 0;
  },
  advertise: (tcb) => advertise(tcb, of(tcb)),
  acknowledged(tcb) {
    const v = of(tcb);
    if (tcb.quickAcks > 0) {
      tcb.quickAcks -= v.scheduled ? 1 : 0;
      if (tcb.quickAcks === 0) v.delay = tcb.params.delayedAck;
    }
    v.scheduled = false;
    v.held = 0;
    tcb.rcv.pushes = 0;
    tcb.timers[T_DELAYED_ACK] = NEVER;
  },
  answered(tcb, now) {
    if (now - Math.max(tcb.lastReceiveTime, tcb.openedAt) < of(tcb).delay) tcb.interactive = true;
  },
  arrives() {},
  kept(tcb, seg, inOrder, now) {
    const v = of(tcb);
    v.scheduled = true;
    learnRttByEcho(tcb, seg, now);
    if (inOrder) {
      keep(tcb, v, seg);
      learnSize(tcb, v, seg);
      learnRtt(tcb, v, (seg.seq + seg.n) | 0, now);
      learnPace(tcb, v, now);
      noteEct(tcb, v, seg);
      if (seg.n >= WORTH && widen(tcb, v, seg, v.used)) tcb.quickAcks |= 1;
      return;
    }
    noteEct(tcb, v, seg);
    learnSize(tcb, v, seg);
    const { used } = v;
    if (keepFar(tcb, v, seg) && tcb.sackOk && widen(tcb, v, seg, used)) tcb.quickAcks |= 1;
  },
  inOrder(tcb, gap, open) {
    if (!gap) return;
    join(of(tcb), tcb.rcv.nxt);
    if (!open) tcb.ackNow = M.TX_ACK_FILLED;
  },
  outOfOrder(tcb) {
    of(tcb).scheduled = true;
  },
  ended(tcb, late) {
    of(tcb).scheduled = true;
    if (late || tcb.state & (FIN_WAIT_1 | FIN_WAIT_2)) tcb.ackNow = M.TX_ACK_FIN;
    else tcb.interactive = true;
  },
  segmentOver(tcb, now) {
    const v = of(tcb);
    if (v.scheduled && tcb.ackNow === 0) decide(tcb, v, now);
  },
  hurry(tcb, acks) {
    quickly(tcb, of(tcb), acks);
  },
  read(tcb, n) {
    const v = of(tcb);
    const { rcv } = tcb;
    free(v, (rcv.nxt - rcv.unread - finSeen(tcb)) | 0);
    if (tcb.ackNow === 0) afterRead(tcb, v, n);
  },
  quick(tcb, on) {
    tcb.interactive = !on;
    const v = of(tcb);
    if (!on || (tcb.state & (ESTABLISHED | CLOSE_WAIT)) === 0 || !v.scheduled) return;
    tcb.rcv.pushes = Math.max(tcb.rcv.pushes, PAUSED);
    afterRead(tcb, v, 1);
  },
  await(tcb, us, now) {
    const v = of(tcb);
    v.scheduled = true;
    quickly(tcb, v, tcb.params.quickAcks);
    tcb.timers[T_DELAYED_ACK] = now + us;
  },
  delayOver(tcb) {
    const v = of(tcb);
    if (v.held > 0) {
      tcb.ackNow = M.TX_ACK_ORDER;
      return;
    }
    if (!v.scheduled) return;
    if (tcb.interactive) {
      // The user had nothing to say after all.
      tcb.interactive = false;
      v.delay = tcb.params.delayedAck;
    } else v.delay = Math.min(2 * v.delay, tcb.rto);
    if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_DELAYED;
  },
};

function of(tcb: Tcb): ReceivedVariables {
  return tcb.received!;
}

function segmentAnnounced(tcb: Tcb): number {
  return announcedMss(tcb) - (tcb.timestampsOk ? 12 : 0);
}

/** 1 if RCV.NXT counts the peer's FIN. */
function finSeen(tcb: Tcb): number {
  const { rcv } = tcb;
  return rcv.finSeen && lt(rcv.fin, rcv.nxt) ? 1 : 0;
}

/** The peer's size of segments: the largest seen; a smaller one if it comes twice without an end of a message. */
function learnSize(tcb: Tcb, v: ReceivedVariables, seg: Segment): void {
  const { rcv } = tcb;
  const last = v.lastSize;
  v.lastSize = 0;
  let n = seg.segmentSize;
  if (n >= rcv.mss) {
    if (n !== rcv.mss) learnShare(tcb, v, seg);
    rcv.mss = Math.min(n, segmentAnnounced(tcb));
    if (seg.ctl & PSH) rcv.pushes = Math.max(rcv.pushes, PAUSED);
    return;
  }
  n += seg.header;
  const more = (seg.ctl & (FIN | URG | SYN | PSH)) === 0;
  if (n >= MSS_DEFAULT + 20 || (n >= MSS_MIN + 20 && more)) {
    n -= 20 + (tcb.timestampsOk ? 12 : 0);
    v.lastSize = n;
    if (n === last) {
      rcv.mss = n;
      return;
    }
  }
  rcv.pushes = rcv.pushes >= PAUSED ? PAUSED_AGAIN : PAUSED;
}

/** The delay follows the time between segments, down to half of what it is at least; after a long pause ACKs are quick again. */
function learnPace(tcb: Tcb, v: ReceivedVariables, now: number): void {
  const least = tcb.params.delayedAck;
  const pause = now - Math.max(tcb.lastReceiveTime, tcb.openedAt);
  if (v.delay === 0) {
    moreQuickAcks(tcb, tcb.params.quickAcks);
    v.delay = least;
  } else if (pause <= least / 2) v.delay = v.delay / 2 + least / 2;
  else if (pause < v.delay) v.delay = Math.min(v.delay / 2 + pause, tcb.rto);
  else if (pause > tcb.rto) moreQuickAcks(tcb, tcb.params.quickAcks);
  tcb.lastReceiveTime = now;
}

/** As many as half the window has segments, two at least. */
function moreQuickAcks(tcb: Tcb, most: number): void {
  const { rcv } = tcb;
  const half = Math.floor(diff(rcv.adv, rcv.acked) / (2 * rcv.mss)) || 2;
  tcb.quickAcks = Math.max(tcb.quickAcks, Math.min(half, most));
}

function quickly(tcb: Tcb, v: ReceivedVariables, acks: number): void {
  moreQuickAcks(tcb, acks);
  tcb.interactive = false;
  v.delay = tcb.params.delayedAck;
}

/** What cannot be marked among what can be is probably a retransmission: its sender is in trouble. */
function noteEct(tcb: Tcb, v: ReceivedVariables, seg: Segment): void {
  if (!tcb.ecnOk) return;
  if (seg.ecn === 0) {
    if (v.sawEct) quickly(tcb, v, 2);
  } else v.sawEct = true;
}

/** A window's worth of octets took a round trip, at most. */
function learnRtt(tcb: Tcb, v: ReceivedVariables, next: number, now: number): void {
  const { rcv } = tcb;
  if (v.rttAt >= 0) {
    if (lt(next, v.rttSeq)) return;
    const sample = Math.max(now - v.rttAt, 1);
    rcv.rtt = rcv.rtt === 0 ? sample : Math.min(rcv.rtt, sample);
  }
  v.rttSeq = (next + diff(rcv.adv, rcv.acked)) | 0;
  v.rttAt = now;
}

function learnRttByEcho(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  const { tsecr, timestamps } = seg.options;
  if (!tcb.timestampsOk || !timestamps || tsecr === rcv.rttEcho) return;
  rcv.rttEcho = tsecr;
  if (seg.n < rcv.mss || tsecr === 0) return;
  const sample = Math.max((tsval(tcb, now) - tsecr) | 0, 1) * MILLISECOND;
  rcv.rtt = rcv.rtt === 0 ? sample : rcv.rtt + (sample - rcv.rtt) / 8;
}

/** Now, later, or held with others. */
function decide(tcb: Tcb, v: ReceivedVariables, now: number): void {
  const { rcv, params } = tcb;
  if (tcb.quickAcks > 0 && !tcb.interactive) tcb.ackNow = M.TX_ACK_QUICK;
  else if (diff(rcv.nxt, rcv.acked) > rcv.mss && mayOffer(tcb, v)) tcb.ackNow = M.TX_ACK_SECOND;
  else if (params.delayedAck === 0) tcb.ackNow = M.TX_ACK_SECOND;
  else if (tcb.ranges.count === 0) delay(tcb, v, now);
  else if (!tcb.sackOk || v.held >= params.compressedSacks) tcb.ackNow = M.TX_ACK_ORDER;
  else hold(tcb, v, now);
}

/** Whether as much could be offered as the last ACK did: else the user may read before the delay is over. */
function mayOffer(tcb: Tcb, v: ReceivedVariables): boolean {
  return tcb.rcv.unread === 0 || possible(tcb, v) >= diff(tcb.rcv.adv, tcb.rcv.acked);
}

function delay(tcb: Tcb, v: ReceivedVariables, now: number): void {
  const least = tcb.params.delayedAck;
  let wait = v.delay;
  if (wait > least) {
    let most = tcb.interactive || tcb.rcv.pushes > 0 ? DELAY_MAX_PAUSED : DELAY_MAX;
    if (tcb.srtt > 0) most = Math.min(most, Math.max(tcb.srtt, least));
    wait = Math.min(wait, most);
  }
  wait = Math.max(Math.min(wait, DELAY_MAX_PAUSED), TICK);
  const pending = tcb.timers[T_DELAYED_ACK]!;
  if (pending <= now + wait / 4) tcb.ackNow = M.TX_ACK_DELAYED;
  else tcb.timers[T_DELAYED_ACK] = Math.min(pending, now + Math.round(wait));
}

/** Three tell of a gap at once; later ones go as one. */
function hold(tcb: Tcb, v: ReceivedVariables, now: number): void {
  const { rcv, params } = tcb;
  if (v.toldFor !== rcv.nxt) {
    v.toldFor = rcv.nxt;
    v.told = 0;
  }
  if (v.told < TOLD_AT_ONCE) {
    v.told++;
    tcb.ackNow = M.TX_ACK_ORDER;
    return;
  }
  if (v.held++ > 0) return;
  const rtt = tcb.srtt > 0 ? Math.min(tcb.srtt, rcv.rtt) : rcv.rtt;
  const wait = Math.max(HOLD_MIN, Math.min(rtt / 20, params.compressedSacksDelay));
  tcb.timers[T_DELAYED_ACK] = Math.min(tcb.timers[T_DELAYED_ACK]!, now + Math.round(wait));
}

/** @param n octets that the user took */
function afterRead(tcb: Tcb, v: ReceivedVariables, n: number): void {
  const { rcv } = tcb;
  if (v.scheduled) {
    const second = diff(rcv.nxt, rcv.acked) > rcv.mss;
    const paused = rcv.pushes >= PAUSED_AGAIN || (rcv.pushes >= PAUSED && !tcb.interactive);
    // The user has all that was said, and the peer has paused.
    if (second || (n > 0 && paused && v.used === 0)) {
      tcb.ackNow = second ? M.TX_ACK_SECOND : M.TX_ACK_PUSH;
      return;
    }
  }
  if (n === 0 || (tcb.state & (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2)) === 0) return;
  const now = offered(tcb);
  if (2 * now > v.clamp) return;
  const next = possible(tcb, v);
  if (next > 0 && next >= 2 * now) tcb.ackNow = M.TX_ACK_WINDOW;
}
