/**
 * RACK-TLP (RFC 8985): a segment is lost if one sent sufficiently later has arrived; what is lost at the tail is found by a
 * probe. It takes the place of counting duplicates where the peer has SACK and `lossDetection` says so.
 */
import { MILLISECOND, NEVER } from "#base/time";
import * as M from "./marks.ts";
import { AMBIGUOUS, LOST, NONE, RESENT, SACKED } from "./records.ts";
import { type AckResult, markLost } from "./sack.ts";
import { diff, ge, gt, lt } from "./seq.ts";
import { CA_CWR, CA_LOSS, CA_OPEN, CA_RECOVERY, T_LOSS_PROBE, T_REORDER, T_RETRANSMIT, type Tcb } from "./tcb.ts";

/** RFC 8985 §6.2 step 4: recoveries without D-SACK after which the reordering window shrinks again. */
const PERSIST = 16;
/** RFC 8985 §7.2: what a receiver may delay the ACK of a single segment; Linux' figure. */
const ACK_DELAY_MAX = 200 * MILLISECOND;
/** Room for the timers of a receiver with several segments to acknowledge, as Linux has it. */
const ACK_DELAY_MIN = 2 * MILLISECOND;

/** The RACK.* and TLP.* variables of RFC 8985 §5.3. */
export class RackVariables {
  /** The most recently sent segment that was delivered: when it was sent, its end, its round trip. */
  xmitTime = -1;
  endSeq = 0;
  rtt = 0;
  /** The highest sequence number delivered. */
  fack = 0;
  reorderingSeen = false;
  /** A round of D-SACK counts once; -1: none under way. */
  inDsackRound = false;
  dsackRound = 0;
  reoWndMult = 1;
  reoWndPersist = PERSIST;
  /** SND.NXT when a tail loss probe went out that is not answered yet. */
  tlpEnd = 0;
  tlpPending = false;
  tlpResent = false;
  /** A probe is to be sent. */
  tlpNow = false;
}

/** Steps 1 to 3: record r was just delivered for the first time. */
export function delivered(tcb: Tcb, r: number, result: AckResult, now: number): void {
  const rack = tcb.rack;
  const records = tcb.env.records;
  const end = records.end[r]!;
  const time = records.time[r]!;
  const ambiguous = (records.flags[r]! & AMBIGUOUS) !== 0;
  if (!ambiguous) {
    if (rack.xmitTime >= 0 && lt(end, rack.fack)) rack.reorderingSeen = true;
    if (rack.xmitTime < 0 || gt(end, rack.fack)) rack.fack = end;
  } else if (wasFirstCopy(tcb, time, result) || now - time < tcb.rttMin) {
    // An ACK this early, or with this echo, answers the first copy.
    return;
  }
  if (rack.xmitTime < 0 || sentAfter(time, end, rack.xmitTime, rack.endSeq)) {
    rack.xmitTime = time;
    rack.endSeq = end;
    rack.rtt = now - time;
  }
}

function wasFirstCopy(tcb: Tcb, time: number, result: AckResult): boolean {
  if (!result.echoed) return false;
  return lt(result.tsecr, (Math.floor(time / 1000) + tcb.tsOffset) | 0);
}

function sentAfter(t1: number, seq1: number, t2: number, seq2: number): boolean {
  return t1 > t2 || (t1 === t2 && gt(seq1, seq2));
}

/** Step 4: how long something may be overtaken before it counts as lost. */
function reorderingWindow(tcb: Tcb): number {
  const rack = tcb.rack;
  if (!rack.reorderingSeen) {
    const phase = tcb.cc.phase;
    if (phase === CA_RECOVERY || phase === CA_LOSS || sackedSegments(tcb) >= tcb.reordering) return 0;
  }
  if (tcb.rttMin === NEVER) return 0;
  return Math.min((tcb.rttMin / 4) * rack.reoWndMult, Math.max(tcb.srtt, 0));
}

function sackedSegments(tcb: Tcb): number {
  const records = tcb.env.records;
  let n = 0;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) {
    if (records.flags[r]! & SACKED) n += Math.ceil(diff(records.end[r]!, records.start[r]!) / tcb.snd.mss);
  }
  return n;
}

/** A D-SACK says that we resent too early: the window grows, once per round trip (step 4). */
export function sawDuplicate(tcb: Tcb): void {
  const rack = tcb.rack;
  if (rack.inDsackRound && lt(tcb.snd.una, rack.dsackRound)) return;
  rack.inDsackRound = true;
  rack.dsackRound = tcb.snd.nxt;
  rack.reoWndMult++;
  rack.reoWndPersist = PERSIST;
}

/** A recovery is over. */
export function recovered(tcb: Tcb): void {
  const rack = tcb.rack;
  if (--rack.reoWndPersist <= 0) rack.reoWndMult = 1;
}

/** Step 5: marks what is lost by now, and arms the timer for what will be unless it arrives first. */
export function detectLoss(tcb: Tcb, now: number): void {
  const rack = tcb.rack;
  tcb.timers[T_REORDER] = NEVER;
  if (rack.xmitTime < 0) return;
  const records = tcb.env.records;
  const patience = rack.rtt + reorderingWindow(tcb);
  let wait = 0;
  for (let r = tcb.head; r !== NONE; r = records.next[r]!) {
    const flags = records.flags[r]!;
    if (flags & SACKED || (flags & (LOST | RESENT)) === LOST) continue;
    const time = records.time[r]!;
    if (!sentAfter(rack.xmitTime, rack.endSeq, time, records.end[r]!)) continue;
    const remaining = time + patience - now;
    if (remaining <= 0) lose(tcb, r, now);
    else wait = Math.max(wait, remaining);
  }
  if (wait > 0) tcb.timers[T_REORDER] = now + Math.ceil(wait);
}

/** The copy in flight is lost: the first, or one that was resent. */
function lose(tcb: Tcb, r: number, now: number): void {
  const records = tcb.env.records;
  const flags = records.flags[r]!;
  if (flags & RESENT) {
    tcb.resentBytes -= diff(records.end[r]!, records.start[r]!);
    records.flags[r] = flags & ~RESENT;
    tcb.lostSegments++;
    // A recovery that was taken back left it marked as resent alone.
    if ((flags & LOST) === 0) markLost(tcb, r, M.TX_FAST, now);
  } else markLost(tcb, r, M.TX_FAST, now);
}

/** RFC 8985 §6.3: a timeout condemns the first segment, and whatever else was sent long enough ago. */
export function isOverdue(tcb: Tcb, r: number, now: number): boolean {
  return r === tcb.head || tcb.rack.xmitTime < 0 || tcb.env.records.time[r]! + tcb.rack.rtt <= now;
}

/** §7.2: arms the probe timer where nothing is known to be lost or reordered and something is in flight. */
export function scheduleProbe(tcb: Tcb, now: number): void {
  tcb.timers[T_LOSS_PROBE] = NEVER;
  const { cc, rack } = tcb;
  if (
    !tcb.tailProbes ||
    (cc.phase !== CA_OPEN && cc.phase !== CA_CWR) ||
    tcb.sackedBytes > 0 ||
    tcb.head === NONE ||
    rack.tlpPending
  )
    return;
  let timeout = tcb.params.rtoInitial;
  if (tcb.srtt >= 0) {
    const single = tcb.head === tcb.tail && tcb.outstanding() <= tcb.snd.mss;
    timeout = 2 * tcb.srtt + (single ? ACK_DELAY_MAX : ACK_DELAY_MIN);
  }
  tcb.timers[T_LOSS_PROBE] = Math.min(now + Math.round(timeout), tcb.timers[T_RETRANSMIT]!);
}

/** §7.4.2: what the answer to a probe says about the tail. True if a loss was repaired by it, which is congestion. */
export function probeAnswered(tcb: Tcb, ack: number, result: AckResult, duplicate: boolean): boolean {
  const rack = tcb.rack;
  if (!rack.tlpPending || lt(ack, rack.tlpEnd)) return false;
  if (!rack.tlpResent || result.dsack) {
    rack.tlpPending = false;
    return false;
  }
  if (gt(ack, rack.tlpEnd)) {
    rack.tlpPending = false;
    return true;
  }
  // The same ACK twice, and nothing SACKed: the first copy and the probe both arrived.
  if (duplicate && result.acked === 0 && ge(ack, rack.tlpEnd)) rack.tlpPending = false;
  return false;
}
