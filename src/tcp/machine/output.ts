/**
 * What a connection sends next (RFC 9293 §3.8.6, §3.10.2): `pollTransmit` writes one segment, or returns false if there is none. Order:
 * RST, SYN, lost segments, new data and FIN as far as windows, Nagle and silly-window avoidance allow, probes, ACKs. Data is sent in
 * super-segments if the device segments them.
 */

import type { Packet } from "#base/packet";
import { ACK } from "#wire/tcp";
import { cwndOf, inFlight } from "../loss/cwnd.ts";
import { emitSyn, lacksSynRecord } from "../open/syn-writer.ts";
import { acceptableSeq, emit, emitReset } from "../send/segment-writer.ts";
import { transmit } from "../send/transmit.ts";
import { ATTEMPT_KEEPALIVE, ATTEMPT_PLAIN, ATTEMPT_SYN } from "../words/attempt.ts";
import { ENOBUFS } from "../words/error.ts";
import {
  countAs,
  LIMIT_APPLICATION,
  LIMIT_CONGESTION,
  LIMIT_DONE,
  LIMIT_HANDSHAKE,
  LIMIT_LAST_ACKS,
  LIMIT_PACING,
  LIMIT_RECEIVER,
  LIMIT_SEND_BUFFER,
  LIMIT_SMALL_SEGMENT,
  LIMITED_BY_BUFFER,
  LIMITED_BY_NETWORK,
  LIMITED_BY_NOTHING,
  LIMITED_BY_WINDOW,
  traceLimit,
} from "../words/limited-by.ts";
import * as M from "../words/marks.ts";
import { diff } from "../words/seq.ts";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
} from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";
import { finish } from "./finish.ts";

/** States in which data or a FIN may have to be sent or retransmitted. */
const SENDING = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | CLOSING | LAST_ACK;

/**
 * Writes the next segment of this connection: header and options at `packet.o`, payload as slices of the send queue. The IP layer adds its
 * header and the checksum. Returns false if there is nothing to send now.
 * @param superSegments whether the device takes segments larger than the path's MTU
 */
export function pollTransmit(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean {
  const { attempt } = tcb.env;
  attempt.connection = tcb.id;
  attempt.kind = ATTEMPT_PLAIN;
  if (tcb.rstNow !== 0) return emitReset(tcb, packet, now);
  if (tcb.state & (CLOSED | LISTEN)) return false;
  if (tcb.synNow !== 0) {
    if (tcb.state === SYN_SENT && tcb.retries > 0) attempt.kind = ATTEMPT_SYN;
    if (!lacksSynRecord(tcb)) return emitSyn(tcb, packet, now);
    // An active OPEN fails at once; the peer of a passive one retransmits its SYN.
    finish(tcb, ENOBUFS, M.GAVE_UP, now);
    return false;
  }
  const sending = (tcb.state & SENDING) !== 0 || tcb.fast.early;
  if (sending && transmit(tcb, packet, superSegments, now)) return true;
  countAs(tcb, heldBackBy(tcb), now);
  if (tcb.env.trace.enabled) traceLimit(tcb, limitOf(tcb, now), now);
  if (tcb.probeNow !== 0) {
    // RFC 9293 §3.8.4: an octet below the window, which the peer already has, so that it answers with an ACK.
    packet.cause = tcb.probeNow;
    emit(tcb, packet, (tcb.snd.una - 1) | 0, 0, ACK, now);
    tcb.probeNow = 0;
    attempt.kind = ATTEMPT_KEEPALIVE;
    return true;
  }
  if (tcb.ackNow === 0) return false;
  const cause = tcb.ackNow;
  const more = tcb.ackDuplicates;
  packet.cause = cause;
  emit(tcb, packet, acceptableSeq(tcb), 0, ACK, now);
  if (more > 0) {
    tcb.ackDuplicates = more - 1;
    tcb.ackNow = cause;
  }
  return true;
}

function cwndHasRoom(tcb: Tcb): boolean {
  return inFlight(tcb) < cwndOf(tcb);
}

/** Why nothing more can be sent. */
function heldBackBy(tcb: Tcb): number {
  const { snd } = tcb;
  if ((tcb.state & SENDING) === 0) return LIMITED_BY_NOTHING;
  const at = diff(snd.nxt, snd.una);
  const unsent = snd.queued - at;
  if (unsent <= 0) {
    if (at === 0) return LIMITED_BY_NOTHING;
    // Everything is in flight, and the full send buffer keeps the user from queueing more.
    return snd.queued >= snd.capacity && cwndHasRoom(tcb) ? LIMITED_BY_BUFFER : LIMITED_BY_NETWORK;
  }
  return snd.wnd - at < Math.min(unsent, snd.mss) && cwndHasRoom(tcb) ? LIMITED_BY_WINDOW : LIMITED_BY_NETWORK;
}

/** LIMIT_*: what the sender waits for. */
function limitOf(tcb: Tcb, now: number): number {
  const { snd, pacing, params } = tcb;
  if ((tcb.state & SENDING) === 0) return tcb.state & (SYN_SENT | SYN_RECEIVED) ? LIMIT_HANDSHAKE : LIMIT_DONE;
  const at = diff(snd.nxt, snd.una);
  const unsent = snd.queued - at;
  if (unsent <= 0) {
    if (snd.fin) return at > 0 ? LIMIT_LAST_ACKS : LIMIT_DONE;
    return snd.queued >= snd.capacity ? LIMIT_SEND_BUFFER : LIMIT_APPLICATION;
  }
  if (!cwndHasRoom(tcb)) return LIMIT_CONGESTION;
  if (snd.wnd - at < Math.min(unsent, snd.mss)) return LIMIT_RECEIVER;
  // Paced data may go early by the slack, so within it something else holds it back.
  return pacing.isOn && pacing.nextAt > now + params.pacingSlack ? LIMIT_PACING : LIMIT_SMALL_SEGMENT;
}
