/** The user's calls (RFC 9293 §3.9.1, §3.10.1 to §3.10.6): OPEN, SEND, RECEIVE, CLOSE, ABORT. */

import { copyBytes } from "#base/copy";
import { NEVER } from "#base/time";
import { congestionControl } from "../congestion/congestion.ts";
import { choosePacing } from "../congestion/pacing.ts";
import { push } from "../loss/cwnd.ts";
import { checkAppLimited } from "../loss/delivery-rate.ts";
import { acknowledgeRead } from "../receive/acknowledging.ts";
import { scaleFor } from "../receive/announced.ts";
import { rightSize } from "../receive/right-sizing.ts";
import { copyAll, stopCopying, wrote } from "../send/pieces.ts";
import { asksByPiece, isWritable, memoryFor, roomFor } from "../send/send-buffer.ts";
import { receiveBufferAt, sendBufferAt } from "../words/buffers.ts";
import { ECONNABORTED, EPIPE, OK } from "../words/error.ts";
import { idleTime } from "../words/keep-alive.ts";
import * as M from "../words/marks.ts";
import { type TcpSettings, withSettings } from "../words/params.ts";
import { endRecord } from "../words/record-ends.ts";
import { SEND_CONTINUED, SEND_RECORD, SEND_URGENT } from "../words/send-flags.ts";
import { diff, gt } from "../words/seq.ts";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from "../words/state.ts";
import { setState, T_KEEPALIVE, T_PACE, T_TIME_WAIT, T_USER_TIMEOUT, type Tcb } from "../words/tcb.ts";
import { PUSH_ALL, PUSH_NORMAL } from "../words/variables.ts";
import { limitOpening, prepare } from "./arrives.ts";
import { finish } from "./finish.ts";
import { enterFinWait1 } from "./steps.ts";

/** Active OPEN: enters SYN-SENT, and the SYN is due. */
export function open(tcb: Tcb, now: number): void {
  prepare(tcb, now);
  setState(tcb, SYN_SENT, M.CALL_OPEN, now);
  tcb.rcv.shift = tcb.params.windowScale ? scaleFor(tcb.params.receiveBufferMax) : 0;
  tcb.synNow = M.TX_SYN;
  limitOpening(tcb, now);
}

/** Sets the time by which the handshake of an active OPEN must be complete. */
export function limitHandshake(tcb: Tcb, at: number): void {
  tcb.timers[T_USER_TIMEOUT] = Math.min(tcb.timers[T_USER_TIMEOUT]!, at);
}

/**
 * SEND: queues `n` octets of `source` from `from`. Returns how many were taken: fewer if the send buffer or the slab is full; or -EPIPE
 * after CLOSE or the end of the connection. If room is checked per piece (`send-buffer.ts`), it takes one piece: while `output.goesOn` is
 * true, call it again for the rest after sending what may be sent of the piece, and then call `endSend`.
 * @param flags SEND_*: urgency and the end of a record apply when all octets are taken
 */
export function send(tcb: Tcb, source: Uint8Array, from: number, n: number, flags: number, now: number): number {
  const { snd, output } = tcb;
  if (snd.fin || tcb.state & CLOSED) return -EPIPE;
  // Before the handshake is complete SND.UNA is the SYN; the queue still begins after it.
  if (output.goesOn) copyAll(tcb, now);
  if ((flags & SEND_CONTINUED) === 0) checkAppLimited(tcb);
  const room = Math.min(roomFor(tcb, n), memoryFor(tcb));
  const taken = room > 0 ? tcb.sendQueue.write(snd.queued, source, from, room) : 0;
  snd.queued += taken;
  if (taken > 0) {
    output.goesOn = taken < n && asksByPiece(tcb);
    wrote(tcb, taken, flags, now);
  }
  if (taken === n) {
    if (flags & SEND_URGENT) markUrgent(tcb);
    if (flags & SEND_RECORD) endRecord(tcb);
  }
  return taken;
}

/** Room in the send queue for up to `n` octets, or -EPIPE as `send`. */
export function sendSpace(tcb: Tcb, n: number): number {
  if (tcb.snd.fin || tcb.state & CLOSED) return -EPIPE;
  return Math.min(roomFor(tcb, n), memoryFor(tcb));
}

/**
 * SEND of octets that `fill` puts into the send queue itself, so that they are not copied: it gets views of room for `n` octets, which is at most
 * `sendSpace`, and returns how many it has filled. Returns that; -EPIPE if `fill` has sent on the connection, or ended it.
 */
export function sendFrom(tcb: Tcb, fill: (room: Uint8Array[]) => number, n: number, now: number): number {
  const { snd, sendQueue } = tcb;
  const before = snd.queued;
  checkAppLimited(tcb);
  const room = sendQueue.room(before, n);
  const most = room.reduce((sum, view) => sum + view.length, 0);
  let taken = 0;
  try {
    taken = Math.max(0, Math.min(most, fill(room)));
  } finally {
    if (snd.queued !== before || snd.fin || tcb.state & CLOSED) taken = -EPIPE;
    sendQueue.truncate(snd.queued + Math.max(0, taken));
  }
  if (taken <= 0) return taken;
  snd.queued += taken;
  wrote(tcb, taken, 0, now);
  return taken;
}

/** SEND of `n` shared octets of the slab at `o`, which are not copied. Returns how many were taken, or -EPIPE as `send`. */
export function sendShared(tcb: Tcb, o: number, n: number, now: number): number {
  const { snd, sendQueue } = tcb;
  if (snd.fin || tcb.state & CLOSED) return -EPIPE;
  checkAppLimited(tcb);
  // Whole pages take no memory, but their rest does.
  const taken = memoryFor(tcb) > 0 ? sendQueue.writeShared(snd.queued, o, roomFor(tcb, n)) : 0;
  if (taken <= 0) return taken;
  snd.queued += taken;
  wrote(tcb, taken, 0, now);
  return taken;
}

/** There is no room for the rest of a SEND that was taken piece by piece. */
export function endSend(tcb: Tcb): void {
  if (tcb.output.goesOn) stopCopying(tcb);
}

/** How many of `n` octets SEND would take now, if there is memory for them. */
export function sendRoom(tcb: Tcb, n: number): number {
  return roomFor(tcb, n);
}

/** Whether SEND would take enough octets to make waking a writer worthwhile. */
export function writable(tcb: Tcb): boolean {
  return isWritable(tcb);
}

/** Whether there is memory for SEND to take anything. */
export function mayTake(tcb: Tcb): boolean {
  return memoryFor(tcb) > 0;
}

/** TCP_CORK: small segments wait. When it is cleared they are sent, if Nagle allows it. */
export function cork(tcb: Tcb, on: boolean, now: number): void {
  tcb.snd.cork = on;
  if (!on) flush(tcb, now);
}

/** Checks waiting data again with the connection's current options: without Nagle it is sent at once, even with TCP_CORK. */
function flush(tcb: Tcb, now: number): void {
  copyAll(tcb, now);
  if (tcb.params.nagle === "off") tcb.snd.flushing = true;
  push(tcb, PUSH_NORMAL);
}

/** SEND with the URGENT flag (MUST-30): everything queued so far is urgent; the pointer names the octet after it (MUST-62). */
export function markUrgent(tcb: Tcb): void {
  const { snd } = tcb;
  const base = tcb.state & (SYN_SENT | SYN_RECEIVED) ? snd.iss + 1 : snd.una;
  snd.up = (base + snd.queued) | 0;
  snd.urgent = true;
}

/** Octets that RECEIVE would return now. */
export function readable(tcb: Tcb): number {
  return tcb.rcv.unread;
}

/** RECEIVE: copies up to `n` octets to `target` at `to`; returns how many. Announces a window that has opened far enough. */
export function receive(tcb: Tcb, target: Uint8Array, to: number, n: number): number {
  const taken = Math.min(n, tcb.rcv.unread);
  if (taken === 0) return 0;
  copy(tcb, 0, target, to, taken);
  consumed(tcb, taken);
  return taken;
}

/**
 * RECEIVE without consuming the octets (MSG_PEEK): the window does not open.
 * @param after octets to skip
 */
export function peek(tcb: Tcb, target: Uint8Array, to: number, n: number, after: number): number {
  const taken = Math.max(0, Math.min(n, tcb.rcv.unread - after));
  if (taken > 0) copy(tcb, after, target, to, taken);
  return taken;
}

/** RECEIVE that discards the octets. */
export function discard(tcb: Tcb, n: number): number {
  const taken = Math.min(n, tcb.rcv.unread);
  if (taken > 0) consumed(tcb, taken);
  return taken;
}

/**
 * A view of the next unread octets, up to the end of their page or packet. It is valid until the next call of the stack.
 */
export function view(tcb: Tcb): Uint8Array {
  const { arrival, slab } = tcb.env;
  if (arrival.tcb !== tcb) return tcb.receiveQueue.first(tcb.rcv.unread);
  return slab.u8.subarray(arrival.o, arrival.o + arrival.n);
}

/** Copies `n` unread octets, after the first `after`, to `target` at `to`. */
function copy(tcb: Tcb, after: number, target: Uint8Array, to: number, n: number): void {
  const { arrival, slab } = tcb.env;
  if (arrival.tcb === tcb) copyBytes(slab.u8, arrival.o + after, target, to, n);
  else tcb.receiveQueue.read(after, target, to, n);
}

function consumed(tcb: Tcb, n: number): void {
  const { rcv } = tcb;
  const { arrival } = tcb.env;
  rcv.unread -= n;
  if (arrival.tcb === tcb) {
    arrival.o += n;
    arrival.n -= n;
    if (arrival.n === 0) arrival.tcb = null;
  } else if (rcv.unread === 0 && tcb.ranges.count === 0) tcb.receiveQueue.clear();
  else tcb.receiveQueue.drop(n);
  if (tcb.memory.used > 0) tcb.memory.free((rcv.nxt - rcv.unread - finInOrder(tcb)) | 0);
  if (rcv.urgent && !gt(rcv.up, (rcv.nxt - rcv.unread) | 0)) rcv.urgent = false;
  rightSize(tcb);
  acknowledgeRead(tcb);
}

/** 1 if RCV.NXT is beyond the peer's FIN. */
function finInOrder({ rcv }: Tcb): number {
  return rcv.finSeen && gt(rcv.nxt, rcv.fin) ? 1 : 0;
}

/** MUST-33: octets of urgent data still to be read, or 0. */
export function urgentLeft(tcb: Tcb): number {
  const { rcv } = tcb;
  return rcv.urgent ? Math.max(0, diff(rcv.up, (rcv.nxt - rcv.unread) | 0)) : 0;
}

/** CLOSE (RFC 9293 §3.10.4): no more data from us. Queued data is delivered, then the FIN. Receiving continues. */
export function closeSend(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  if (snd.fin) return;
  push(tcb, PUSH_ALL);
  switch (tcb.state) {
    case SYN_SENT:
      finish(tcb, OK, M.CALL_CLOSE, now);
      return;
    case SYN_RECEIVED:
      snd.fin = true;
      return;
    case ESTABLISHED:
      snd.fin = true;
      enterFinWait1(tcb, now);
      return;
    case CLOSE_WAIT:
      snd.fin = true;
      setState(tcb, LAST_ACK, M.CALL_CLOSE, now);
      return;
  }
}

/** The user will neither read nor write any more (close(2)). SHLD-3: if data is unread, or arrives later, the peer gets an RST. */
export function closeBoth(tcb: Tcb, now: number): void {
  const { rcv } = tcb;
  rcv.closed = true;
  if (tcb.state === CLOSED) return;
  if (rcv.unread > 0 && tcb.state & (SYN_RECEIVED | ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | FIN_WAIT_2)) {
    tcb.rstNow = M.TX_RST_UNREAD;
    finish(tcb, OK, M.CALL_CLOSE, now);
    return;
  }
  closeSend(tcb, now);
  if (tcb.state === FIN_WAIT_2 && tcb.timers[T_TIME_WAIT] === NEVER) {
    tcb.timers[T_TIME_WAIT] = now + tcb.params.ending.finWait2;
  }
}

/**
 * ABORT (RFC 9293 §3.10.5): discards everything queued and sends an RST. In TIME-WAIT there is nothing to abort ("respond with ok"), and
 * unread data stays readable, as after any orderly end. In CLOSING and LAST-ACK the RFC sends no RST, because the peer has our FIN already;
 * but if the FIN was not sent yet the peer would wait for ever, so it gets an RST, as on Linux.
 */
export function abort(tcb: Tcb, now: number): void {
  const sendsRst = tcb.state & (SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT);
  if (tcb.state === CLOSED) return;
  const last = (tcb.state & (CLOSING | LAST_ACK)) !== 0;
  const isDue = last && (tcb.params.resetting.abortResetsWhileClosing || !tcb.snd.finSent);
  if (sendsRst !== 0 || isDue) tcb.rstNow = M.TX_RST_ABORT;
  finish(tcb, tcb.state === TIME_WAIT ? OK : ECONNABORTED, M.CALL_ABORT, now);
}

/** Changes options of one connection. */
export function setParams(tcb: Tcb, params: TcpSettings, now: number): void {
  const { slowStartExit } = tcb.params.growing;
  tcb.params = withSettings(tcb.params, params);
  if (tcb.params.growing.slowStartExit !== slowStartExit) tcb.congestion.reset(tcb, now);
  if (params.congestionControl !== undefined && params.congestionControl !== tcb.congestion.name) {
    tcb.congestion = congestionControl(params.congestionControl);
    tcb.controller = null;
    tcb.controllerError = "";
    tcb.ccState = new Float64Array(tcb.congestion.stateSize);
    tcb.recovery.priorSsthresh = 0;
    tcb.congestion.reset(tcb, now);
  }
  if (params.congestionControl !== undefined || params.pacing !== undefined || params.pacingRateMax !== undefined) {
    choosePacing(tcb);
    // What waits was to go at another pace.
    tcb.pacing.nextAt = Math.min(tcb.pacing.nextAt, now);
    if (tcb.timers[T_PACE] !== NEVER) tcb.timers[T_PACE] = now;
  }
  if (params.nagle === "off") flush(tcb, now);
  // The window may grow at once; a smaller buffer takes effect as the user reads (the right edge never moves left).
  const { receiveBuffer, receiveBufferMax, sendBuffer, sendBufferMax } = tcb.params;
  if (params.receiveBuffer !== undefined) tcb.rcv.capacity = receiveBufferAt(receiveBuffer, receiveBufferMax);
  if (params.sendBuffer !== undefined) tcb.snd.capacity = sendBufferAt(sendBuffer, sendBufferMax);
  if (params.keepAlive !== undefined || params.keepAliveIdle !== undefined) {
    const open = (tcb.state & (ESTABLISHED | CLOSE_WAIT)) !== 0;
    tcb.timers[T_KEEPALIVE] = tcb.params.keepAlive && open ? now + idleTime(tcb) : NEVER;
  }
  const limits = params.connectTimeout !== undefined || params.userTimeout !== undefined;
  if (limits && tcb.state & (SYN_SENT | SYN_RECEIVED)) limitOpening(tcb, now);
}
