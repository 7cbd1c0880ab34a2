/**
 * What the layers above may ask of a connection, or do to it, besides the calls of `Stack`: cheap questions, without the snapshot that
 * `Stack.info` makes. Of a Tcb itself they read only its addresses, state, parameters and errors (`test/tidy/tcb.test.ts`).
 */
import * as calls from "#tcp/machine/calls";
import { synRoom } from "#tcp/open/fast-open-client";
import { announcedMss } from "#tcp/receive/announced";
import { unsent as octetsUnsent } from "#tcp/send/send-buffer";
import { diff, gt } from "#tcp/words/seq";
import { SYN_RECEIVED, SYN_SENT } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";

/** Returns and clears the pending EVENT_* bits. */
export function takeEvents(tcb: Tcb): number {
  const { events } = tcb;
  tcb.events = 0;
  return events;
}

/** @param user the new value of `tcb.user` */
export function own(tcb: Tcb, user: object): void {
  tcb.user = user;
}

/** Octets that RECEIVE would return now. */
export function readable(tcb: Tcb): number {
  return tcb.rcv.unread;
}

/** Whether the peer's FIN, and everything before it, has arrived. */
export function hasReceivedAll({ rcv }: Tcb): boolean {
  return rcv.finSeen && gt(rcv.nxt, rcv.fin);
}

/** Octets until the end of urgent data (RFC 9293 MUST-33); negative if it was already read. Undefined if there is none. */
export function urgentLeft({ rcv }: Tcb): number | undefined {
  return rcv.urgent ? diff(rcv.up, (rcv.nxt - rcv.unread) | 0) : undefined;
}

/** How many of `n` octets SEND would take, if there is memory for them. */
export function sendRoom(tcb: Tcb, n: number): number {
  return calls.sendRoom(tcb, n);
}

/** Octets queued and not acknowledged, plus one for a FIN (SIOCOUTQ). */
export function unacknowledged(tcb: Tcb): number {
  const { snd, state } = tcb;
  if (state & (SYN_SENT | SYN_RECEIVED)) return snd.queued;
  const finAcknowledged = snd.finSent && tcb.outstanding() === 0;
  return snd.queued + Number(snd.fin && !finAcknowledged);
}

/** Octets queued and not acknowledged. */
export function queued({ snd }: Tcb): number {
  return snd.queued;
}

/** Octets queued that were never sent (SIOCOUTQNSD). */
export function unsent(tcb: Tcb): number {
  return octetsUnsent(tcb);
}

/** Whether CLOSE was called: nothing is sent after the FIN. */
export function hasClosed({ snd }: Tcb): boolean {
  return snd.fin;
}

/** Whether the connection may have something to send. */
export function isDue(tcb: Tcb): boolean {
  return tcb.inOutput;
}

/** Whether the connection is in SYN-RECEIVED by Fast Open, where data may flow before the handshake is complete (RFC 7413). */
export function isEarly({ fast }: Tcb): boolean {
  return fast.early;
}

/** Octets of data that fit into the SYN of an active OPEN (RFC 7413 §4.2.1). */
export function earlyRoom(tcb: Tcb, now: number): number {
  return synRoom(tcb, announcedMss(tcb), now);
}

/** A writer waits for the end of the handshake: send the ACK of the SYN,ACK together with its data. */
export function awaitWriter(tcb: Tcb): void {
  tcb.writerWaits = true;
}

/** Whether ACKs are sent at once instead of being delayed (TCP_QUICKACK). */
export function acksQuickly(tcb: Tcb): boolean {
  return !tcb.interactive;
}

/** SRTT, µs; 0 before the first measurement. */
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
