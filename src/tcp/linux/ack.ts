/** What an acceptable ACK does to the sender: the scoreboard, the round trip, the state, cwnd, the timers. */
import { NEVER } from "#base/time";
import { ACK, ECE, PSH, SYN } from "#wire/tcp";
import { HAS_FIN, NONE, SACKED } from "../records.ts";
import type { Segment } from "../segment.ts";
import { dropAcknowledged } from "../send-queue.ts";
import { diff, gt, le, lt } from "../seq.ts";
import { CA_OPEN, type Tcb } from "../tcb.ts";
import { alert, eatDuplicates } from "./alert.ts";
import { advance, echoesEarlier, updateWindow } from "./rack.ts";
import { isReducing, noteReordering, reduceCwnd } from "./reduction.ts";
import { RoundTrips, takeSample, updateRate } from "./round-trip.ts";
import { applySackBlocks } from "./sack-blocks.ts";
import { dropHead, EVER_RESENT, highestSacked, shorten, trim } from "./scoreboard.ts";
import { probeAnswered } from "./tail-probe.ts";
import { restart } from "./timers.ts";
import { grow } from "./usage.ts";
import { type LinuxVariables, PUSH_NORMAL, push, tick } from "./variables.ts";
import { takeWindow, windowProbes } from "./windows.ts";

/** What one ACK brought; registers, valid until the next one. */
export class Answer {
  /** SND.UNA moved. */
  advanced = false;
  /** It acknowledged data or a FIN. */
  acked = false;
  /** It SACKed something new. */
  sacked = false;
  /** It carries data, or changed the window: no duplicate. */
  notDuplicate = false;
  ece = false;
  /** It reported a duplicate (RFC 2883): one that counts, and one of the tail loss probe. */
  dsack = false;
  dsackOfProbe = false;
  /** Something resent was acknowledged. */
  resentAcked = false;
  /** Something that was never resent, from before the state was entered, arrived. */
  original = false;
  /** What is first in flight now is SACKed: the peer threw it away. */
  reneging = false;
  /** A retransmission proved lost. */
  lostAgain = false;
  /** The timer begins anew. */
  restart = false;
  /** Our FIN is acknowledged. */
  fin = false;
  /** The peer's echo of our timestamp. */
  echoed = false;
  tsecr = 0;

  clear(): void {
    this.advanced = this.acked = this.sacked = this.notDuplicate = this.ece = this.dsack = this.dsackOfProbe = false;
    this.resentAcked = this.original = this.reneging = this.lostAgain = this.restart = this.fin = false;
  }
}

const answer = new Answer();
const trips = new RoundTrips();

/** A segment with SEG.ACK <= SND.NXT. Returns true if it acknowledged our FIN. */
export function acknowledge(tcb: Tcb, lx: LinuxVariables, seg: Segment, now: number): boolean {
  const { snd } = tcb;
  // Expected data that says nothing new of ours is passed on to the receiver alone.
  if (isPredicted(tcb, seg)) return false;
  tick(lx, now);
  const before = snd.una;
  const { options } = seg;
  answer.clear();
  trips.clear();
  answer.echoed = tcb.timestampsOk && options.timestamps && options.tsecr !== 0;
  answer.tsecr = options.tsecr;
  push(tcb, PUSH_NORMAL);
  if (lt(seg.ack, before)) {
    overtaken(tcb, lx, seg, now);
    return false;
  }
  const delivered = tcb.deliveredSegments;
  const lost = lx.lost;
  const high = highestSacked(tcb, lx);
  const outstanding = lx.packetsOut;
  answer.ece = tcb.ecnOk && (seg.ctl & (ECE | SYN)) === ECE;
  answer.advanced = gt(seg.ack, before);
  if (answer.advanced) moved(tcb, now);
  answer.notDuplicate = takeWindow(tcb, seg, now) || seg.len > 0;
  snd.una = seg.ack;
  if (tcb.sackOk && options.sackBlocks > 0) applySackBlocks(tcb, lx, seg, before, answer, trips, lx.clock);
  tcb.probes = 0;
  if (!tcb.params.userTimeoutEndsClosedWindow) lx.probedSince = NEVER;
  if (outstanding === 0) {
    if (answer.dsack) alert(tcb, lx, answer, before, 0, now);
    windowProbes(tcb, lx, now);
    if (lx.probing) probeAnswered(tcb, lx, seg.ack, answer, now);
    return false;
  }
  clean(tcb, lx, seg, high, lx.clock);
  dropAcknowledged(tcb, diff(snd.una, before) - (answer.fin ? 1 : 0));
  if (delivered > 0) updateWindow(tcb, lx, delivered);
  if (lx.probing) probeAnswered(tcb, lx, seg.ack, answer, now);
  const plain = answer.acked || answer.notDuplicate;
  if (!plain || answer.sacked || answer.ece || answer.dsack || tcb.cc.phase !== CA_OPEN) {
    const duplicates = plain || answer.advanced || answer.dsack ? 0 : 1;
    alert(tcb, lx, answer, before, duplicates, now);
  }
  if (answer.restart) restart(tcb, lx, now);
  const arrived = tcb.deliveredSegments - delivered;
  if (answer.ece) lx.deliveredCe += arrived;
  if (isReducing(tcb)) reduceCwnd(tcb, lx, arrived, lx.lost - lost, answer.advanced, now);
  else if (mayGrow(tcb)) grow(tcb, lx, arrived, now);
  updateRate(tcb, lx);
  return answer.fin;
}

/** Data in order, and nothing else but what the last segment said (Linux' header prediction). */
function isPredicted(tcb: Tcb, seg: Segment): boolean {
  const { snd, rcv } = tcb;
  if (seg.n === 0 || seg.seq !== rcv.nxt || seg.ack !== snd.una || (seg.ctl & ~PSH) !== ACK) return false;
  return seg.wnd << snd.shift === snd.wnd && tcb.ranges.count === 0 && seg.options.sackBlocks === 0;
}

/** An ACK that was overtaken still knows what arrived (RFC 6675 §4). */
function overtaken(tcb: Tcb, lx: LinuxVariables, seg: Segment, now: number): void {
  if (!tcb.sackOk || seg.options.sackBlocks === 0) return;
  applySackBlocks(tcb, lx, seg, tcb.snd.una, answer, trips, lx.clock);
  alert(tcb, lx, answer, tcb.snd.una, 0, now);
}

/** SND.UNA moves: whatever waited for that begins anew. */
function moved(tcb: Tcb, now: number): void {
  tcb.retries = 0;
  tcb.softError = 0;
  tcb.stalledSince = now;
}

/** On a path that reorders, whatever arrives makes cwnd grow. */
function mayGrow(tcb: Tcb): boolean {
  return answer.acked || (tcb.reordering > tcb.params.dupThresh && answer.sacked);
}

/** Takes off what is acknowledged, and learns from it. */
function clean(tcb: Tcb, lx: LinuxVariables, seg: Segment, high: number, now: number): void {
  const { records } = tcb.env;
  const { una } = tcb.snd;
  let acked = 0;
  let first = -1;
  let last = -1;
  let low = high;
  for (let r = tcb.head; r !== NONE; r = tcb.head) {
    const flags = records.flags[r]!;
    const start = records.start[r]!;
    const end = records.end[r]!;
    const whole = le(end, una);
    if (!whole && !gt(una, start)) break;
    if (!whole && records.segments[r] === 1) {
      shorten(tcb, r, una);
      break;
    }
    const time = records.time[r]!;
    const before = lx.packetsOut;
    const late = echoesEarlier(tcb, r, answer.echoed, answer.tsecr);
    if (whole) dropHead(tcb, lx);
    else trim(tcb, lx, r, una, tcb.snd.mss);
    const n = before - lx.packetsOut;
    if (n === 0) break;
    if (flags & EVER_RESENT) answer.resentAcked = true;
    else if ((flags & SACKED) === 0) {
      last = time;
      if (first < 0) first = time;
      if (lt(start, low)) low = start;
      if (!gt(end, tcb.cc.recover)) answer.original = true;
    }
    if ((flags & SACKED) === 0 && tcb.sackOk) {
      tcb.deliveredSegments += n;
      if (!late) advance(tcb, lx, flags, end, time, now);
    }
    acked += n;
    answer.acked = true;
    if (!whole) break;
    if (flags & HAS_FIN) answer.fin = true;
  }
  const { head } = tcb;
  if (head === NONE) tcb.stalledSince = NEVER;
  else if (records.flags[head]! & SACKED) answer.reneging = answer.advanced;
  if (first >= 0 && !answer.resentAcked) {
    trips.oldest = now - first;
    trips.newest = now - last;
  }
  const recent = takeSample(tcb, lx, seg, trips, answer.acked, Math.floor(now));
  if (answer.acked) {
    answer.restart = true;
    if (!tcb.sackOk) {
      eatDuplicates(tcb, lx, acked);
      if (answer.resentAcked) answer.original = false;
    } else if (lt(low, high)) noteReordering(tcb, lx, low);
  } else if (head !== NONE && trips.sackOldest >= 0 && trips.sackOldest > now - records.time[head]!) {
    // Something sent before the head went last: the timer would else go on and on.
    answer.restart = true;
  }
  if (recent >= 0) tcb.congestion.measured(tcb, Math.floor(recent), Math.floor(now));
}
