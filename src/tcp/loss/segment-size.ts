/** The payload of a segment: limited by the peer's MSS, the path MTU, the options, and half of the peer's window (RFC 9293 §3.7.1). */
import type { Address } from "#ip/address";
import type { TcpParams } from "../words/params.ts";
import { gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { recountWindows } from "./cwnd.ts";

/** The MSS of a peer that sends no MSS option (RFC 9293 MUST-15). */
export const MSS_DEFAULT_4 = 536;
const MSS_DEFAULT_6 = 1220;
/** If the peer's largest window is not above this, a segment may fill all of it, not only half. */
const MSS_DEFAULT = 536;
/** The smallest MTU of a link (RFC 791 §3.2): a segment is never made smaller than fits in it. */
const PACKET_MIN = 68;

/**
 * Sets Eff.snd.MSS (MUST-16): the peer's MSS or its default, limited by the path, less the options that every segment carries.
 * @param pathMss the path MTU less the headers, without options
 */
export function setSegmentSize(tcb: Tcb, pathMss: number): void {
  const { snd } = tcb;
  const peer = tcb.peerMss > 0 ? tcb.peerMss : defaultMss(tcb.params, tcb.remote);
  const options = tcb.timestampsOk ? 12 : 0;
  const before = snd.mss;
  snd.pathMss = pathMss;
  snd.mssBase = Math.max(Math.min(peer, pathMss), tcb.params.opening.mssMin);
  snd.mss = withinHalfWindow(tcb, snd.mssBase - options);
  snd.mssBase = snd.mss + options;
  if (snd.mss !== before) recountWindows(tcb, before);
}

/** The MSS of a peer that sends no MSS option (MUST-15). */
export function defaultMss(params: Readonly<TcpParams>, remote: Address): number {
  if (params.opening.mssDefault > 0) return params.opening.mssDefault;
  return remote.family === 4 ? MSS_DEFAULT_4 : MSS_DEFAULT_6;
}

/** Limits a segment to half of the largest window that the peer ever offered, so that two fit in it. */
export function withinHalfWindow(tcb: Tcb, octets: number): number {
  const { wndMax } = tcb.snd;
  const most = wndMax > MSS_DEFAULT ? wndMax >> 1 : wndMax;
  if (most === 0 || octets <= most) return octets;
  return Math.max(most, PACKET_MIN - 20 - (tcb.timestampsOk ? 12 : 0));
}

/** Octets of payload that fit in the next segment beside its options (MUST-16). */
export function segmentRoom(tcb: Tcb): number {
  return tcb.snd.mssBase - optionBytes(tcb);
}

function optionBytes(tcb: Tcb): number {
  const timestamps = tcb.timestampsOk ? 12 : 0;
  const blocks = sackBlocks(tcb, timestamps);
  return timestamps + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/** The number of SACK and D-SACK blocks in the next segment (RFC 2018 §3, RFC 2883). */
export function sackBlocks(tcb: Tcb, timestamps: number): number {
  if (!tcb.sackOk) return 0;
  // Usually there is nothing to report, and this function is called several times per segment.
  if (tcb.ranges.count === 0 && tcb.dsackLeft === tcb.dsackRight && !tcb.rcv.finSeen) return 0;
  const due = tcb.ranges.count + (tcb.dsackLeft !== tcb.dsackRight ? 1 : 0) + (finApart(tcb) ? 1 : 0);
  return Math.min(due, timestamps > 0 ? 3 : 4);
}

/** True if the peer's FIN arrived out of order and its predecessor is missing, so that it needs a SACK block of its own. */
export function finApart(tcb: Tcb): boolean {
  const { rcv, ranges } = tcb;
  if (!rcv.finSeen || !gt(rcv.fin, rcv.nxt)) return false;
  return ranges.count === 0 || ranges.right[ranges.count - 1] !== rcv.fin;
}
