/** What an acceptable ACK does to the RFCs' sender (RFC 9293 §3.10.7.4, fifth step): the queues, the window, the timers, the congestion. */
import { NEVER } from "#base/time";
import { ECE, FIN, SYN } from "#wire/tcp";
import { updateSendWindow } from "./handshake.ts";
import { probeAnswered, sawDuplicate, scheduleProbe } from "./rack.ts";
import { NONE } from "./records.ts";
import { acknowledged, congestionEchoed, tailLost } from "./recovery.ts";
import { sample, tsval } from "./rto.ts";
import { AckResult, acknowledge, applySack, measureReordering } from "./sack.ts";
import type { Segment } from "./segment.ts";
import { dropAcknowledged } from "./send-queue.ts";
import { diff, le, lt } from "./seq.ts";
import { CA_LOSS, T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, T_USER_TIMEOUT, type Tcb } from "./tcb.ts";

const result = new AckResult();

/** Applies SEG.ACK, the window and SACK blocks of a segment with SEG.ACK <= SND.NXT. Returns true if it acknowledged our FIN. */
export function acknowledgment(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd } = tcb;
  const flight = tcb.outstanding();
  tcb.cc.flight = flight;
  const old = lt(seg.ack, snd.una);
  const advance = old ? 0 : diff(seg.ack, snd.una);
  // RFC 5681 §2: a duplicate has no data, no SYN or FIN, the same ACK and the same window, while data is outstanding.
  const same =
    !old &&
    advance === 0 &&
    flight > 0 &&
    seg.n === 0 &&
    (seg.ctl & (SYN | FIN)) === 0 &&
    seg.wnd << snd.shift === snd.wnd;
  result.clear();
  result.echoed = tcb.timestampsOk && seg.options.timestamps;
  result.tsecr = seg.options.tsecr;
  if (advance > 0) {
    acknowledge(tcb, seg.ack, now, result);
    snd.una = seg.ack;
    result.acked = advance;
    dropAcknowledged(tcb, advance - (result.fin ? 1 : 0));
  }
  // An ACK that was overtaken still knows what arrived (RFC 6675 §4).
  if (tcb.sackOk && seg.options.sackBlocks > 0) applySack(tcb, seg, now, result);
  if (result.delivered > 0) {
    const segments = Math.ceil(result.delivered / snd.mss);
    tcb.deliveredSegments += segments;
    if (tcb.ecnOk && seg.ctl & ECE) tcb.deliveredMarked += segments;
  }
  if (result.dsack) tcb.duplicatesReported++;
  if (tcb.cc.phase !== CA_LOSS || tcb.undo.armed) measureReordering(tcb, result);
  // Dragged along, lest it lie half the sequence space behind one day.
  if (tcb.sackedBytes === 0) tcb.sackHigh = snd.una;
  takeSample(tcb, seg, now);
  if (result.rtt >= 0) tcb.congestion.measured(tcb, result.rtt, now);
  // WL1 and WL2 keep out windows older than the one we have. A retransmission has an old SEG.SEQ but, if it acknowledges
  // more than ever before, the newest window: without it SND.UNA + SND.WND would lie beyond every edge that was offered.
  if (!old && (advance > 0 || lt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && le(snd.wl2, seg.ack)))) {
    const before = snd.wnd;
    updateSendWindow(tcb, seg);
    if (snd.wnd > before || advance > 0) windowOpened(tcb);
  }
  // MUST-37: a peer that answers is alive, and may keep its window closed for ever.
  tcb.probes = 0;
  if (advance > 0) restartTimers(tcb, now);
  if (!old && tcb.ecnOk && seg.ctl & ECE) congestionEchoed(tcb, now);
  if (tcb.rackOn && result.dsack) sawDuplicate(tcb);
  if (tcb.tailProbes && !old && probeAnswered(tcb, seg.ack, result, same)) tailLost(tcb, now);
  if (!old) acknowledged(tcb, result, tcb.sackOk ? result.sacked > 0 : same, now);
  if (advance > 0 && tcb.tailProbes) scheduleProbe(tcb, now);
  return result.fin;
}

/** There is room again: `pollTransmit` looks anew at what may go, and begins to probe anew if nothing may. */
function windowOpened(tcb: Tcb): void {
  tcb.persistBackoff = 0;
  tcb.timers[T_PERSIST] = NEVER;
}

/**
 * RFC 6298 §3 (Karn): from what was sent once, by our own clock; else from the timestamp echo, in milliseconds. Not from
 * an ACK that reports a duplicate: it answers our resending of what had arrived, but echoes the first copy (the ACK for
 * which was lost), so it would take the whole time-out for a round trip.
 */
function takeSample(tcb: Tcb, seg: Segment, now: number): void {
  if (result.rtt >= 0) sample(tcb, result.rtt, now);
  else if (result.acked > 0 && !result.dsack && tcb.timestampsOk && seg.options.timestamps && seg.options.tsecr !== 0) {
    const ticks = (tsval(tcb, now) - seg.options.tsecr) | 0;
    if (ticks >= 0) sample(tcb, Math.max(ticks, 1) * 1000, now);
  }
}

/** RFC 6298 (5.2), (5.3): all acknowledged stops the timer, something new begins it again. */
function restartTimers(tcb: Tcb, now: number): void {
  tcb.retries = 0;
  tcb.softError = 0;
  if (tcb.head === NONE) {
    tcb.timers[T_RETRANSMIT] = NEVER;
    tcb.timers[T_REORDER] = NEVER;
    tcb.timers[T_LOSS_PROBE] = NEVER;
    tcb.timers[T_USER_TIMEOUT] = NEVER;
    tcb.stalledSince = NEVER;
  } else {
    tcb.timers[T_RETRANSMIT] = now + tcb.rto;
    tcb.stalledSince = now;
    const { userTimeout } = tcb.params;
    if (userTimeout > 0) tcb.timers[T_USER_TIMEOUT] = now + userTimeout;
  }
}
