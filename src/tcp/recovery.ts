/**
 * Loss recovery: when to believe in a loss, how much may be sent while it is repaired, when it is over. RFC 5681 (fast
 * retransmit), 6582 (NewReno), 6675 (SACK), 3042 (limited transmit: what left the network makes room for new data), 6937 (how
 * fast the window comes down). The retransmission timer's part is `timedOut`.
 */
import { MILLISECOND, NEVER } from "#base/time";
import { EV_CWND } from "#base/trace";
import { slowStart } from "./congestion.ts";
import * as M from "./marks.ts";
import { detectLoss, recovered } from "./rack.ts";
import { NONE, SACKED } from "./records.ts";
import { AckResult, forgetSacks, markAllLost, markHeadLost, markLostBySack } from "./sack.ts";
import { diff, ge, gt, lt } from "./seq.ts";
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY, T_LOSS_PROBE, type Tcb } from "./tcb.ts";
import { allDuplicates, answersFirstCopy, arm, countDuplicate, takeBack } from "./undo.ts";

/** An event without an ACK. */
const nothing = new AckResult();

/** RFC 6928: the initial window, less after a lost SYN (RFC 5681 §3.1; one loss may be spurious with an RTO of 1 s). */
export function start(tcb: Tcb, synRetransmissions: number): void {
  const cc = tcb.cc;
  const mss = tcb.snd.mss;
  cc.cwnd = synRetransmissions > 1 ? mss : tcb.params.initialWindow * mss;
  cc.ssthresh = 0x7fffffff;
  cc.recover = tcb.snd.iss;
  cc.usageEnd = tcb.snd.una;
  tcb.congestion.reset(tcb);
}

/**
 * An acceptable ACK was applied to the scoreboard.
 * @param duplicate RFC 5681's duplicate ACK, or with SACK one that brought news.
 */
export function acknowledged(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): void {
  const cc = tcb.cc;
  tcb.undo.newDataFirst = false;
  if (result.dsack) countDuplicate(tcb, result);
  switch (cc.phase) {
    case CA_RECOVERY:
      inRecovery(tcb, result, duplicate, now);
      break;
    case CA_CWR:
      inReduction(tcb, result, duplicate, now);
      break;
    case CA_LOSS:
      inLoss(tcb, result, duplicate, now);
      break;
    default:
      inOrder(tcb, result, duplicate, now);
  }
  // RFC 8985 §7.2: while something is known to be missing the tail is not probed.
  if (cc.phase !== CA_OPEN && cc.phase !== CA_CWR) tcb.timers[T_LOSS_PROBE] = NEVER;
}

function inOrder(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): void {
  const cc = tcb.cc;
  // D-SACKs may complete the proof when recovery is already over (RFC 3708).
  if (allDuplicates(tcb)) takeBack(tcb, false, now);
  if (lossFound(tcb, result, duplicate, now)) {
    arm(tcb);
    beginReduction(tcb, now);
    enterRecovery(tcb, result, now);
    return;
  }
  cc.phase = tcb.sackedBytes > 0 || cc.duplicates > 0 ? CA_DISORDER : CA_OPEN;
  if (result.acked > 0) grow(tcb, result.acked, now);
}

/** Counts duplicates and looks for a loss: by SACK, or by three duplicates. */
function lossFound(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): boolean {
  const cc = tcb.cc;
  if (result.acked > 0) {
    cc.duplicates = 0;
    tcb.renoSacked = 0;
    // `recover` is dragged along, lest it lie 2^31 octets behind one day and seem ahead.
    if (gt(tcb.snd.una, cc.recover)) cc.recover = (tcb.snd.una - 1) | 0;
  }
  if (duplicate) {
    cc.duplicates++;
    addRenoSack(tcb);
  }
  if (tcb.sackOk) findLosses(tcb, now);
  // RFC 6582 §3.2 step 2: duplicates of what an earlier recovery repaired are no new loss.
  else if (cc.duplicates >= tcb.params.dupThresh && gt(tcb.snd.una, cc.recover)) headLost(tcb, now);
  return tcb.lostBytes > 0;
}

function findLosses(tcb: Tcb, now: number): void {
  if (!tcb.rackOn) markLostBySack(tcb, M.TX_FAST, now);
  else if (tcb.sackedBytes > 0 || tcb.cc.phase !== CA_OPEN) detectLoss(tcb, now);
}

/** The reordering timer of RACK fired: what was overtaken long enough is lost (RFC 8985 §6.3). */
export function overtaken(tcb: Tcb, now: number): void {
  detectLoss(tcb, now);
  if (tcb.lostBytes === tcb.resentBytes) return;
  const { phase } = tcb.cc;
  nothing.clear();
  if (phase === CA_RECOVERY || phase === CA_LOSS) {
    if (phase === CA_RECOVERY) reduce(tcb, nothing, now);
    return;
  }
  if (phase !== CA_CWR) {
    arm(tcb);
    beginReduction(tcb, now);
  }
  enterRecovery(tcb, nothing, now);
}

/** A tail loss probe repaired what nobody else had noticed: the congestion is answered all the same (RFC 8985 §7.4.2). */
export function tailLost(tcb: Tcb, now: number): void {
  const cc = tcb.cc;
  if (cc.phase !== CA_OPEN && cc.phase !== CA_DISORDER) return;
  beginReduction(tcb, now);
  cc.cwnd = cc.ssthresh;
  traceCwnd(tcb, M.CC_TAIL, now);
}

/** A loss in the middle of a reduction for ECN is part of the same congestion: the window is not reduced twice. */
function enterRecovery(tcb: Tcb, result: AckResult, now: number): void {
  tcb.cc.force = true;
  tcb.cc.recover = tcb.snd.nxt;
  tcb.cc.phase = CA_RECOVERY;
  traceCwnd(tcb, M.CC_ENTER_RECOVERY, now);
  reduce(tcb, result, now);
}

/** RFC 3168 §6.1.2: an ECE counts as a loss, once per window of data. */
export function congestionEchoed(tcb: Tcb, now: number): void {
  const cc = tcb.cc;
  if (cc.phase !== CA_OPEN && cc.phase !== CA_DISORDER) return;
  beginReduction(tcb, now);
  cc.phase = CA_CWR;
  tcb.ecnReduced = true;
  traceCwnd(tcb, M.CC_ECN, now);
}

function inReduction(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): void {
  if (result.acked > 0 && ge(tcb.snd.una, tcb.cc.recover)) {
    leave(tcb, M.CC_EXIT_RECOVERY, now);
  } else if (lossFound(tcb, result, duplicate, now)) enterRecovery(tcb, result, now);
  else reduce(tcb, result, now);
}

/** The new ssthresh, and the count of RFC 6937 from here on. */
function beginReduction(tcb: Tcb, now: number): void {
  const cc = tcb.cc;
  cc.prior = cc.cwnd;
  cc.ssthresh = tcb.congestion.reduce(tcb, now);
  cc.recover = tcb.snd.nxt;
  cc.lossesBefore = tcb.lostSegments;
  cc.prrDelivered = 0;
  cc.prrOut = 0;
  cc.credit = 0;
}

function inRecovery(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): void {
  const cc = tcb.cc;
  const { una } = tcb.snd;
  // Without SACK recovery holds on until more than `recover` is acknowledged: the duplicates of our own
  // retransmissions would begin it anew (RFC 6582 §4).
  if (result.acked > 0 && (tcb.sackOk ? ge(una, cc.recover) : gt(una, cc.recover) || tcb.head === NONE)) {
    const none = answersFirstCopy(tcb, result) || allDuplicates(tcb);
    leave(tcb, M.CC_EXIT_RECOVERY, now);
    if (none) takeBack(tcb, false, now);
    return;
  }
  // A partial ACK that answers the first copy: nothing was lost, only overtaken. So say D-SACKs for all that was resent.
  if ((result.acked > 0 && tcb.resentBytes === 0 && answersFirstCopy(tcb, result)) || allDuplicates(tcb)) {
    takeBack(tcb, true, now);
    return;
  }
  if (tcb.sackOk) findLosses(tcb, now);
  else {
    if (duplicate) addRenoSack(tcb);
    if (result.acked > 0) {
      // A partial ACK (RFC 6582 §3.2 step 3): one octet more was lost than repaired; the rest of what it covers had been SACKed, could the peer say so.
      setRenoSacked(tcb, tcb.renoSacked - Math.max(0, result.acked - tcb.snd.mss));
      if (tcb.snd.una !== cc.recover) {
        headLost(tcb, now);
        cc.force = true;
      }
    }
  }
  reduce(tcb, result, now);
}

/** Proportional rate reduction (RFC 6937), in whole segments. */
function reduce(tcb: Tcb, result: AckResult, now: number): void {
  const cc = tcb.cc;
  const mss = tcb.snd.mss;
  const delivered = tcb.sackOk ? result.delivered : Math.max(result.delivered, result.acked === 0 ? mss : 0);
  cc.prrDelivered += delivered;
  const pipe = tcb.inFlight();
  let count: number;
  if (pipe > cc.ssthresh) {
    count = Math.ceil((cc.prrDelivered * cc.ssthresh) / cc.prior / mss) * mss - cc.prrOut;
  } else {
    // An ACK that moves SND.UNA and shows no further loss is safe to answer with one segment more (RFC 9937).
    const safe = result.acked > 0 && tcb.lostSegments === cc.lossesBefore;
    count = Math.min(cc.ssthresh - pipe, Math.max(cc.prrDelivered - cc.prrOut, delivered) + (safe ? mss : 0));
  }
  cc.lossesBefore = tcb.lostSegments;
  if (count < mss && (cc.force || cc.prrOut === 0)) count = mss;
  cc.cwnd = Math.max(pipe + Math.max(count, 0), mss);
  traceCwnd(tcb, M.CC_RECOVERY, now);
}

function leave(tcb: Tcb, cause: number, now: number): void {
  const cc = tcb.cc;
  if (tcb.rackOn) recovered(tcb);
  cc.phase = CA_OPEN;
  cc.duplicates = 0;
  tcb.renoSacked = 0;
  cc.force = false;
  if (cause === M.CC_EXIT_RECOVERY) cc.cwnd = cc.ssthresh;
  traceCwnd(tcb, cause, now);
}

/** The retransmission timer fired (RFC 5681 (4), §3.1; RFC 6675 §5.1). */
export function timedOut(tcb: Tcb, now: number): void {
  const cc = tcb.cc;
  const records = tcb.env.records;
  // A second timeout of the same data leaves ssthresh alone (RFC 5681 §3.1); with RACK, which resends again and again before it
  // comes to this, so does one in a recovery, as Linux has it.
  const again = cc.phase === CA_LOSS && cc.byTimeout;
  const reduced = again || (tcb.rackOn && (cc.phase === CA_RECOVERY || cc.phase === CA_CWR));
  const fresh = !reduced || ge(tcb.snd.una, cc.recover);
  if (fresh) {
    arm(tcb);
    cc.prior = cc.cwnd;
    cc.ssthresh = tcb.congestion.reduce(tcb, now);
  }
  tcb.undo.frto = tcb.params.frto && tcb.sackOk && (fresh || tcb.retries > 1);
  tcb.congestion.timedOut(tcb, now);
  if (tcb.head !== NONE && records.flags[tcb.head]! & SACKED) forgetSacks(tcb);
  markAllLost(tcb, M.TX_RTO, now);
  tcb.renoSacked = 0;
  cc.duplicates = 0;
  cc.credit = 0;
  cc.recover = tcb.snd.nxt;
  cc.phase = CA_LOSS;
  cc.byTimeout = true;
  // LW (RFC 5681 §3.1): one segment, besides what is not lost yet.
  cc.cwnd = tcb.inFlight() + tcb.snd.mss;
  cc.force = true;
  tcb.rack.tlpPending = false;
  traceCwnd(tcb, M.CC_LOSS, now);
}

function inLoss(tcb: Tcb, result: AckResult, duplicate: boolean, now: number): void {
  const { cc, snd, undo } = tcb;
  const over = ge(snd.una, cc.recover);
  // What the peer already had when the timer fired is no sign of a free network, but it is acknowledged: slow start.
  if (result.acked > 0) grow(tcb, result.acked, now);
  const late = (result.acked > 0 && answersFirstCopy(tcb, result)) || allDuplicates(tcb);
  // RFC 5682 §3.1 step 3 b: what was never resent has arrived, so the timer was too early.
  if (late || (undo.frto && undo.armed && result.original)) {
    takeBack(tcb, true, now);
    return;
  }
  if (undo.frto && !over) testTimeout(tcb, result, duplicate);
  if (result.acked === 0) return;
  if (over) leave(tcb, M.CC_EXIT_LOSS, now);
  else if (tcb.rackOn) detectLoss(tcb, now);
}

/** F-RTO (RFC 5682 §3.1): the first new ACK sends new data instead of retransmissions; a duplicate ends the test. */
function testTimeout(tcb: Tcb, result: AckResult, duplicate: boolean): void {
  const { cc, snd, undo } = tcb;
  if (gt(snd.nxt, cc.recover)) {
    if (duplicate || result.sacked > 0) undo.frto = false;
    return;
  }
  if (result.acked === 0) return;
  cc.recover = snd.nxt;
  const sent = diff(snd.nxt, snd.una);
  undo.newDataFirst = !snd.finSent && snd.queued > sent && snd.wnd > sent;
  undo.frto = undo.newDataFirst;
}

/**
 * Notes how far cwnd is used, once per window of data: a flight that fills it counts, and so does a segment that had to wait.
 * @param refused something could not be sent for want of cwnd
 */
export function usedWindow(tcb: Tcb, refused: boolean): void {
  const cc = tcb.cc;
  const flight = tcb.inFlight();
  const limited = refused || flight >= cc.cwnd;
  if (!limited && lt(tcb.snd.una, cc.usageEnd) && (cc.limited || flight <= cc.flightMax)) return;
  cc.limited = limited;
  cc.flightMax = flight;
  cc.usageEnd = tcb.snd.nxt;
}

/** cwnd grows only if it was what held the sender back (RFC 7661 §1, RFC 5681 §3.1). */
function grow(tcb: Tcb, acked: number, now: number): void {
  const cc = tcb.cc;
  const inSlowStart = cc.cwnd < cc.ssthresh;
  if (!(cc.limited || (inSlowStart && cc.cwnd < 2 * cc.flightMax))) return;
  const before = cc.cwnd;
  const rest = inSlowStart ? slowStart(tcb, acked) : acked;
  if (rest > 0) tcb.congestion.avoid(tcb, rest, now);
  if (cc.cwnd !== before) traceCwnd(tcb, inSlowStart ? M.CC_SLOW_START : M.CC_AVOIDANCE, now);
}

/** Without SACK each duplicate stands for a segment that arrived. */
function addRenoSack(tcb: Tcb): void {
  if (!tcb.sackOk) setRenoSacked(tcb, tcb.renoSacked + tcb.snd.mss);
}

function headLost(tcb: Tcb, now: number): void {
  markHeadLost(tcb, M.TX_FAST, now);
  setRenoSacked(tcb, tcb.renoSacked);
}

/** Never more than what is in flight but for what is missing, at least one segment: segments may be smaller than we count. */
function setRenoSacked(tcb: Tcb, octets: number): void {
  const most = tcb.outstanding() - Math.max(tcb.snd.mss, tcb.lostBytes);
  tcb.renoSacked = Math.max(0, Math.min(octets, most));
}

/** RFC 5681 §4.1 in the gentle form of RFC 2861: cwnd halves for each RTO of silence, down to the initial window. */
export function restartAfterIdle(tcb: Tcb, now: number): void {
  const cc = tcb.cc;
  const idle = now - tcb.lastSendTime;
  if (!tcb.params.slowStartAfterIdle || tcb.lastSendTime === 0 || idle <= tcb.rto) return;
  const restart = Math.min(tcb.params.initialWindow * tcb.snd.mss, cc.cwnd);
  cc.ssthresh = Math.max(cc.ssthresh, Math.floor(cc.cwnd * 0.75));
  for (let left = idle - tcb.rto; left > 0 && cc.cwnd > restart; left -= tcb.rto) cc.cwnd = Math.floor(cc.cwnd / 2);
  cc.cwnd = Math.max(cc.cwnd, restart);
  tcb.congestion.idle(tcb, idle);
  if (idle >= MILLISECOND) traceCwnd(tcb, M.CC_IDLE, now);
}

function traceCwnd(tcb: Tcb, cause: number, now: number): void {
  tcb.env.trace.record(now, EV_CWND, cause, tcb.id, tcb.cc.cwnd, tcb.cc.ssthresh, tcb.inFlight());
}
