/**
 * What a connection sends next (RFC 9293 §3.8.6, §3.10.2): `pollTransmit` writes one segment, or says that there is none.
 * Order: RST, SYN, what was lost, new data and FIN as far as windows, Nagle and silly-window avoidance allow, probes, ACKs.
 * Data goes out in super-segments where the device cuts them.
 */

import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { ACK, FIN, PSH } from "#wire/tcp";
import { CHRONO_BUFFER, CHRONO_BUSY, CHRONO_IDLE, CHRONO_WINDOW, enter } from "./chrono.ts";
import { attach, emit, emitReset, emitSyn, segmentRoom, sent } from "./emit.ts";
import { wasOnSyn } from "./fast-open-client.ts";
import * as M from "./marks.ts";
import { emitProbe, emitTailProbe, longestProbeInterval } from "./probes.ts";
import { withinRecord } from "./record-ends.ts";
import { HAS_FIN, HAS_PSH, NONE } from "./records.ts";
import { restartAfterIdle, usedWindow } from "./recovery.ts";
import { collapse, mayRecord, nextLost, resent, splitAt } from "./sack.ts";
import { diff, gt } from "./seq.ts";
import { CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, LAST_ACK, LISTEN, SYN_RECEIVED } from "./state.ts";
import { CA_RECOVERY, T_PERSIST, type Tcb } from "./tcb.ts";
import { transmitNew } from "./transmit.ts";
import { countResent } from "./undo.ts";

/** Payload of the largest super-segment: an IP packet's 65,535 octets less the largest headers. */
export const SUPER_MAX = 65_535 - 60 - 60;

/** States in which data or a FIN may have to be sent or resent. */
const SENDING = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | CLOSING | LAST_ACK;

/**
 * Writes the next segment of this connection: header and options at `packet.o`, payload as slices of the send queue.
 * The IP header and the checksum are the floor below's. Returns false when there is nothing to send now.
 * @param superSegments whether the device takes segments larger than the path's MTU.
 */
export function pollTransmit(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  if (tcb.rstNow !== 0) return emitReset(tcb, packet, now);
  if (tcb.state & (CLOSED | LISTEN)) return false;
  if (tcb.synNow !== 0) return emitSyn(tcb, packet, now);
  const sending = (tcb.state & SENDING) !== 0 || tcb.fast.early;
  if (sending && tcb.sender.transmit(tcb, packet, superSegments, now)) return true;
  enter(tcb, heldBackBy(tcb), now);
  if (tcb.probeNow !== 0) return emitProbe(tcb, packet, now);
  if (tcb.ackNow === 0) return false;
  const cause = tcb.ackNow;
  const more = tcb.ackDuplicates;
  emit(tcb, packet, tcb.snd.nxt, 0, ACK, cause, now);
  if (more > 0) {
    tcb.ackDuplicates = more - 1;
    tcb.ackNow = cause;
  }
  return true;
}

/** What the RFCs' sender has to send: the probe of the tail, what was lost, what is new. */
export function transmit(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  if (tcb.rack.tlpNow && emitTailProbe(tcb, packet, now)) return true;
  if (!tcb.undo.newDataFirst && resend(tcb, packet, superSegments, now)) return true;
  if (sendNew(tcb, packet, superSegments, now)) return true;
  if (!tcb.undo.newDataFirst || tcb.snd.nxt !== tcb.cc.recover) return false;
  // F-RTO found nothing new to send: the conventional way (RFC 5682 §3.1 step 2 b).
  tcb.undo.newDataFirst = false;
  tcb.undo.frto = false;
  return resend(tcb, packet, superSegments, now);
}

/** Nothing more can go: why? */
function heldBackBy(tcb: Tcb): number {
  const { snd } = tcb;
  if ((tcb.state & SENDING) === 0) return CHRONO_IDLE;
  const at = diff(snd.nxt, snd.una);
  const unsent = snd.queued - at;
  if (unsent <= 0) {
    if (at === 0) return CHRONO_IDLE;
    // All is in flight, and the user is kept from queueing more.
    return snd.queued >= tcb.params.sendBuffer && tcb.inFlight() < tcb.cc.cwnd ? CHRONO_BUFFER : CHRONO_BUSY;
  }
  return snd.wnd - at < Math.min(unsent, snd.mss) && tcb.inFlight() < tcb.cc.cwnd ? CHRONO_WINDOW : CHRONO_BUSY;
}

/** Sends the first thing that is lost, as far as cwnd allows it. */
function resend(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  const r = nextLost(tcb);
  if (r === NONE) return false;
  const { env, cc, snd } = tcb;
  const records = env.records;
  const mss = segmentRoom(tcb);
  const start = records.start[r]!;
  collapse(tcb, r, mss);
  const length = diff(records.end[r]!, start);
  let allowed = cc.cwnd - tcb.inFlight();
  if (allowed < Math.min(length, mss)) {
    if (!cc.force) {
      usedWindow(tcb, true);
      return false;
    }
    allowed = mss;
  }
  // SHLD-16: within the window as it is now; the first segment always, so that a shrunken window is probed (MUST-35).
  const window = diff((snd.una + snd.wnd) | 0, start);
  if (r !== tcb.head) {
    if (window < Math.min(length, mss)) return false;
    allowed = Math.min(allowed, window);
  } else if (window < allowed) allowed = Math.max(window, mss);
  const superSegment = superSegments && !(snd.urgent && gt(snd.up, start));
  let most = superSegment ? Math.max(wholeSegments(Math.min(allowed, SUPER_MAX), mss), mss) : mss;
  // What went with our SYN was sent before there was a window.
  if (window > 0 && window < most && wasOnSyn(tcb, r)) most = window;
  // A FIN rides on the segment it was on: it takes no room.
  const payload = length - (records.flags[r]! & HAS_FIN ? 1 : 0);
  if (payload > most && mayRecord(tcb)) splitAt(tcb, r, (start + most) | 0);
  cc.force = false;
  const flags = records.flags[r]!;
  // Where it could not be cut, only its beginning goes.
  const fin = flags & HAS_FIN && diff(records.end[r]!, start) <= most + 1 ? 1 : 0;
  const n = Math.min(diff(records.end[r]!, start) - (flags & HAS_FIN ? 1 : 0), most);
  const at = diff(start, snd.una);
  const cause = causeOf(tcb, r);
  resent(tcb, r, now);
  countResent(tcb, n, now);
  const whole = flags & HAS_PSH && diff(records.end[r]!, start) <= most + 1;
  const push = n > 0 && whole ? PSH : 0;
  attach(tcb, packet, at, n, mss);
  emit(tcb, packet, start, n, ACK | push | (fin ? FIN : 0), cause, now);
  tcb.bytesRetransmitted += n;
  tcb.retransmissionsTotal += Math.max(Math.ceil(n / mss), 1);
  sent(tcb, n + fin, now);
  return true;
}

/** Why record r, which is lost, is sent again. */
function causeOf(tcb: Tcb, r: number): number {
  if (wasOnSyn(tcb, r)) return M.TX_SYN_DATA;
  if (tcb.cc.phase === CA_RECOVERY) return M.TX_FAST;
  return tcb.retries > 0 && r === tcb.head ? M.TX_RTO : M.TX_LOSS;
}

/** Sends new data and the FIN, if the rules let something go. */
function sendNew(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  const { snd, cc } = tcb;
  if (snd.finSent) return false;
  const at = diff(snd.nxt, snd.una);
  const left = snd.queued - at;
  if (left === 0 && !snd.fin) return false;
  const unsent = withinRecord(tcb, snd.nxt, left);
  if (at === 0) restartAfterIdle(tcb, now);
  const mss = segmentRoom(tcb);
  const window = snd.wnd - at;
  const quota = cc.cwnd - tcb.inFlight();
  // The pointer of a super-segment would be wrong in all its segments but the first (MUST-62).
  const superSegment = superSegments && !snd.urgent;
  let n = Math.min(unsent, window, superSegment ? SUPER_MAX : mss);
  if (n < unsent || n > mss) n = n >= mss ? wholeUnlessLast(n, mss, unsent) : n;
  if (n > quota) {
    // Whole segments only; a last small one waits until it fits, too.
    n = wholeSegments(Math.max(quota, 0), mss);
    if (n === 0) {
      if (window > 0 && (window >= unsent || window >= mss)) usedWindow(tcb, true);
      return waiting(tcb, now);
    }
  }
  if (n < 0) n = 0;
  const fin = snd.fin && n === left && window > n && mayFinish(tcb) ? 1 : 0;
  if (n === 0 && fin === 0) return waiting(tcb, now);
  // What is cut off below a segment boundary by Nagle goes later with more.
  const small = n % mss;
  // The end of a record with more behind it will not become larger.
  const complete = n === unsent && unsent < left;
  if (fin === 0 && small !== 0 && !complete && !smallMayGo(tcb, small, n === unsent, at + n - small)) {
    n -= small;
    if (n === 0) return waiting(tcb, now);
  }
  if (!mayRecord(tcb)) return waiting(tcb, now);
  tcb.probeNow = 0;
  transmitNew(tcb, packet, at, n, fin, mss, M.TX_DATA, now);
  return true;
}

/**
 * Whether a segment below SMSS may go now: Nagle (SHLD-7) and silly-window avoidance (RFC 9293 §3.8.6.2.1).
 * @param all it ends the queue, and is not merely cut off by the window
 * @param at octets in flight before it
 */
function smallMayGo(tcb: Tcb, n: number, all: boolean, at: number): boolean {
  const { snd, params } = tcb;
  // The window, not the data, ends it: worth sending only if it is half of the largest window we saw.
  if (!all) return n >= snd.wndMax / 2 && (at === 0 || params.nagle === "off");
  if (snd.fin) return true;
  if (snd.cork || snd.more) return false;
  if (snd.urgent) return true;
  switch (params.nagle) {
    case "off":
      return true;
    case "rfc896":
      return at === 0;
    default:
      return at === 0 || !(gt(snd.small, snd.una) && !gt(snd.small, snd.nxt));
  }
}

/** Before the handshake is over a FIN goes only if nobody is left to read, as in Linux: else it waits for ESTABLISHED. */
function mayFinish(tcb: Tcb): boolean {
  return tcb.state !== SYN_RECEIVED || tcb.rcv.closed;
}

/**
 * Nothing can go. If nothing is in flight either, no ACK will come to change that: the persist timer must (MUST-36). In SYN-RECEIVED
 * our SYN is.
 */
function waiting(tcb: Tcb, now: number): false {
  if (tcb.state === SYN_RECEIVED) return false;
  if (tcb.snd.nxt === tcb.snd.una && tcb.timers[T_PERSIST] === NEVER) {
    tcb.timers[T_PERSIST] = now + persistInterval(tcb);
  }
  return false;
}

/** SHLD-29, SHLD-30: one RTO first, doubled for each probe. */
export function persistInterval(tcb: Tcb): number {
  const first = Math.max(tcb.rto, tcb.params.rtoMin);
  return Math.min(first * 2 ** Math.min(tcb.persistBackoff, 20), longestProbeInterval(tcb, first));
}

function wholeSegments(n: number, mss: number): number {
  return n - (n % mss);
}

function wholeUnlessLast(n: number, mss: number, unsent: number): number {
  return n === unsent ? n : n - (n % mss);
}

/** True while the connection has something that a poll could send: for assertions of the simulator. */
export function hasOutputDue(tcb: Tcb): boolean {
  return tcb.rstNow !== 0 || tcb.synNow !== 0 || tcb.probeNow !== 0 || tcb.ackNow !== 0;
}
