/**
 * What the floors above ask and do to a connection beside the calls of `Stack`: cheap questions, without the snapshot that
 * `Stack.info` makes. Of a Tcb itself they read only who it is, its state, its parameters and its errors (`test/tidy/tcb.test.ts`).
 */
import * as calls from "#tcp/machine/calls";
import { synRoom } from "#tcp/open/fast-open-client";
import { announcedMss } from "#tcp/receive/window";
import { unsent as octetsUnsent } from "#tcp/send/send-buffer";
import { diff, gt } from "#tcp/words/seq";
import { SYN_RECEIVED, SYN_SENT } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";

/** The bits of EVENT_* since the last call. */
export function takeEvents(tcb: Tcb): number {
  const { events } = tcb;
  tcb.events = 0;
  return events;
}

/** @param user what `tcb.user` is from now on */
export function own(tcb: Tcb, user: object): void {
  tcb.user = user;
}

/** Octets that RECEIVE would give now. */
export function readable(tcb: Tcb): number {
  return tcb.rcv.unread;
}

/** The peer's FIN came, and everything before it. */
export function hasReceivedAll({ rcv }: Tcb): boolean {
  return rcv.finSeen && gt(rcv.nxt, rcv.fin);
}

/** Octets until the end of urgent data (RFC 9293 MUST-33); negative: it was read already. Undefined: there is none. */
export function urgentLeft({ rcv }: Tcb): number | undefined {
  return rcv.urgent ? diff(rcv.up, (rcv.nxt - rcv.unread) | 0) : undefined;
}

/** Octets that SEND would take of `n`, if there is memory for them. */
export function sendRoom(tcb: Tcb, n: number): number {
  return calls.sendRoom(tcb, n);
}

/** Octets queued that the peer has not acknowledged, and the FIN if there is one (SIOCOUTQ). */
export function unacknowledged(tcb: Tcb): number {
  const { snd, state } = tcb;
  if (state & (SYN_SENT | SYN_RECEIVED)) return snd.queued;
  const finAcknowledged = snd.finSent && tcb.outstanding() === 0;
  return snd.queued + Number(snd.fin && !finAcknowledged);
}

/** Octets queued that the peer has not acknowledged. */
export function queued({ snd }: Tcb): number {
  return snd.queued;
}

/** Octets queued that were never sent (SIOCOUTQNSD). */
export function unsent(tcb: Tcb): number {
  return octetsUnsent(tcb);
}

/** CLOSE was called: nothing more is sent after the FIN. */
export function hasClosed({ snd }: Tcb): boolean {
  return snd.fin;
}

/** The connection may have something to send. */
export function isDue(tcb: Tcb): boolean {
  return tcb.inOutput;
}

/** In SYN-RECEIVED by Fast Open: data flows before the handshake is over (RFC 7413). */
export function isEarly({ fast }: Tcb): boolean {
  return fast.early;
}

/** Octets that the SYN of an active OPEN has room for (RFC 7413 §4.2.1). */
export function earlyRoom(tcb: Tcb, now: number): number {
  return synRoom(tcb, announcedMss(tcb), now);
}

/** A call waits for the end of the handshake to write: the ACK of the SYN,ACK rides on its data. */
export function awaitWriter(tcb: Tcb): void {
  tcb.writerWaits = true;
}

/** ACKs are not delayed as for a user who answers (TCP_QUICKACK). */
export function acksQuickly(tcb: Tcb): boolean {
  return !tcb.interactive;
}

/** SRTT, us; 0: no round trip was measured yet. */
export function roundTrip(tcb: Tcb): number {
  return Math.max(0, Math.round(tcb.srtt));
}

/** cwnd, octets. */
export function congestionWindow({ cc }: Tcb): number {
  return cc.cwnd;
}

/** SND.NXT, unsigned. */
export function nextToSend({ snd }: Tcb): number {
  return snd.nxt >>> 0;
}

/** RCV.NXT, unsigned. */
export function nextExpected({ rcv }: Tcb): number {
  return rcv.nxt >>> 0;
}
