/** How much payload a segment has: the peer's MSS, the path, the options, half of the peer's window. */
import type { Address } from "#ip/address";
import type { TcpParams } from "../words/params.ts";
import { gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { recountWindows } from "./cwnd.ts";

/** MUST-15: what a peer that sends no MSS option can take. */
export const MSS_DEFAULT_4 = 536;
const MSS_DEFAULT_6 = 1220;
/** The MSS below which a window counts as a whole. */
const MSS_DEFAULT = 536;
/** What the smallest packet that every host must take has room for, headers included (RFC 791). */
const PACKET_MIN = 68;

/**
 * Eff.snd.MSS (MUST-16): the peer's MSS (or its default), at most what our path takes, less the options of every segment.
 * @param pathMss what the path leaves for payload without options.
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

/** The MSS of a peer that does not say it (MUST-15). */
export function defaultMss(params: Readonly<TcpParams>, remote: Address): number {
  if (params.opening.mssDefault > 0) return params.opening.mssDefault;
  return remote.family === 4 ? MSS_DEFAULT_4 : MSS_DEFAULT_6;
}

/** At most half of the largest window that the peer ever offered, so that two are in flight. */
export function withinHalfWindow(tcb: Tcb, octets: number): number {
  const { wndMax } = tcb.snd;
  const most = wndMax > MSS_DEFAULT ? wndMax >> 1 : wndMax;
  if (most === 0 || octets <= most) return octets;
  return Math.max(most, PACKET_MIN - 20 - (tcb.timestampsOk ? 12 : 0));
}

/** Octets of payload a segment has room for, once its options are known (MUST-16). */
export function segmentRoom(tcb: Tcb): number {
  return tcb.snd.mssBase - optionBytes(tcb);
}

function optionBytes(tcb: Tcb): number {
  const timestamps = tcb.timestampsOk ? 12 : 0;
  const blocks = sackBlocks(tcb, timestamps);
  return timestamps + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/** SACK and D-SACK blocks that go with the next segment (RFC 2018 §3, RFC 2883). */
export function sackBlocks(tcb: Tcb, timestamps: number): number {
  if (!tcb.sackOk) return 0;
  // Mostly there is nothing to report, and this is asked several times per segment.
  if (tcb.ranges.count === 0 && tcb.dsackLeft === tcb.dsackRight && !tcb.rcv.finSeen) return 0;
  const due = tcb.ranges.count + (tcb.dsackLeft !== tcb.dsackRight ? 1 : 0) + (finApart(tcb) ? 1 : 0);
  return Math.min(due, timestamps > 0 ? 3 : 4);
}

/** The peer's FIN came, and neither what goes right before it nor all of the rest: it is a block of its own. */
export function finApart(tcb: Tcb): boolean {
  const { rcv, ranges } = tcb;
  if (!rcv.finSeen || !gt(rcv.fin, rcv.nxt)) return false;
  return ranges.count === 0 || ranges.right[ranges.count - 1] !== rcv.fin;
}
