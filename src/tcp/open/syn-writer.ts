/** Writes SYNs: the offered or negotiated options, data and cookies of Fast Open, and the record of the SYN. */
import type { Packet } from "#base/packet";
import { EV_TX } from "#base/trace";
import * as tcphdr from "#wire/tcp";
import { ACK, CWR, ECE, HEADER_MIN, SYN } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import { tsval } from "../loss/rto.ts";
import { append, synResent } from "../loss/scoreboard.ts";
import { acked } from "../receive/acknowledging.ts";
import { announcedMss, scaleFor } from "../receive/announced.ts";
import { advertiseUnscaled } from "../receive/window.ts";
import { armRetransmit, attach, count, traceHeader } from "../send/segment-writer.ts";
import { AMBIGUOUS, HAS_SYN, NONE } from "../words/records.ts";
import { SYN_RECEIVED } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";
import { fastOpenOf, writeOffer } from "./fast-open.ts";
import { dataOnSynResent, synRoom, takeOntoSyn, writeSynOption } from "./fast-open-client.ts";

/** Whether the scoreboard has no room for a due SYN, which then cannot be sent. */
export function lacksSynRecord({ fast, board, env }: Tcb): boolean {
  return !fast.early && board.head === NONE && !env.records.hasAny;
}

/** Sends a SYN or SYN,ACK. A retransmission is the same (RFC 9293 §3.5), but without data and cookies, which are sent only once. */
export function emitSyn(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd, rcv, params, fast } = tcb;
  const cause = tcb.synNow;
  tcb.synNow = 0;
  const first = fast.early ? fast.answeredAt < 0 : tcb.board.head === NONE;
  const answer = tcb.state === SYN_RECEIVED;
  const v = tcb.env.slab.view;
  const o = packet.o;
  let at = writeSynOptions(tcb, v, o + HEADER_MIN, answer, now);
  if (answer) at = writeOffer(tcb, v, at);
  else if (first) at = writeSynOption(tcb, v, at, now);
  // RFC 3168 §6.1.1.1: a SYN may have been lost because of its ECN flags, so its retransmission has none.
  if (!answer) tcb.ecnOk = params.ecn === "on" && tcb.retries <= params.opening.ecnSynRetries;
  const flags = (answer ? SYN | ACK : SYN) | (tcb.ecnOk ? (answer ? ECE : ECE | CWR) : 0);
  const ackNumber = answer ? rcv.nxt : 0;
  const window = advertiseUnscaled(tcb);
  tcphdr.write(v, o, tcb.localPort, tcb.remotePort, snd.iss, ackNumber, at - o, flags, window, 0);
  packet.n = at - o;
  packet.cause = cause;
  const n = recordSyn(tcb, first, answer, now);
  attach(tcb, packet, 0, n, n);
  if (answer) acked(tcb, now);
  count(tcb, packet, n);
  traceHeader(tcb, packet, tcb.env.trace.record(now, EV_TX, cause, tcb.id, 0, n, flags, first ? 0 : 1), window);
  armRetransmit(tcb, now);
  tcb.lastSendTime = now;
  return true;
}

/** Writes the options that we offer in a SYN, or those of the peer's that we accept. */
function writeSynOptions(tcb: Tcb, v: DataView, o: number, answer: boolean, now: number): number {
  const { rcv, params } = tcb;
  const plain = !answer && params.opening.dropOptionsOnRetransmission && tcb.retries >= 3;
  const offerTimestamps = answer ? tcb.timestampsOk : params.timestamps && !plain;
  const offerSack = answer ? tcb.sackOk : params.sack && !plain;
  const offerScale = answer ? tcb.windowScaleOk : params.windowScale && !plain;
  let at = params.opening.offerMss ? opt.writeMss(v, o, announcedMss(tcb)) : o;
  const tsecr = answer ? tcb.tsRecent : 0;
  if (offerSack && offerTimestamps) at = opt.writeSackPermittedAndTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerTimestamps) at = opt.writeTimestamps(v, at, tsval(tcb, now), tsecr);
  else if (offerSack) at = opt.writeSackPermitted(v, at);
  if (offerScale) at = opt.writeWindowScale(v, at, (rcv.shift = scaleFor(params.receiveBufferMax)));
  return at;
}

/** Records the SYN, or its retransmission, in the scoreboard; returns how many octets of data it carries. */
function recordSyn(tcb: Tcb, first: boolean, answer: boolean, now: number): number {
  const { snd, fast } = tcb;
  if (!first) {
    tcb.retransmissionsTotal++;
    if (fast.early) return 0;
    synResent(tcb, now);
    dataOnSynResent(tcb);
    return 0;
  }
  if (fast.early) {
    fastOpenOf(tcb).answeredAt = now;
    return 0;
  }
  // In a simultaneous open the SYN was sent before, without ACK: an acknowledgment may be for either (Karn).
  const again = answer && !tcb.passive ? AMBIGUOUS : 0;
  append(tcb, snd.iss, (snd.iss + 1) | 0, HAS_SYN | again, now);
  snd.nxt = (snd.iss + 1) | 0;
  return answer ? 0 : takeOntoSyn(tcb, synRoom(tcb, announcedMss(tcb), now), now);
}
