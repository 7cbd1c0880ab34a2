/**
 * The memory that a received segment uses in Linux (truesize): a buffer of one of the allocator's sizes, which also holds the headers, and
 * the sk_buff. Measured with segments from a TUN device.
 */
import { PAGE } from "../words/receive-memory.ts";
import type { Tcb } from "../words/tcb.ts";

/** Buffer sizes: a small one, which has a cache of its own, then powers of two from NEXT on. */
const SMALL = 576;
const NEXT = 1_024;
/** Octets behind the text of each buffer (skb_shared_info), and octets that the device leaves free before the packet. */
const TAIL = 320;
const HEAD = 64;
/** Octets of an sk_buff. */
const OVERHEAD = 256;

/** The most text that fits a buffer of one page: small buffers are collapsed into such buffers. */
export const TEXT_OF_PAGE = PAGE - TAIL;

function bufferFor(octets: number): number {
  const needed = Math.ceil(octets / 64) * 64 + TAIL;
  if (needed <= SMALL) return SMALL;
  let size = NEXT;
  while (size < needed) size *= 2;
  return size;
}

/** Octets of a buffer from its start to the end of a packet. @param header octets of the TCP header */
export function packetOctets(tcb: Tcb, header: number, n: number): number {
  return HEAD + (tcb.remote.family === 4 ? 20 : 40) + header + n;
}

/** Memory used by a segment. @param octets from `packetOctets` */
export function memoryOf(octets: number): number {
  return bufferFor(octets) + OVERHEAD;
}

/** Octets that still fit behind the text of a segment. @param octets from `packetOctets` */
export function roomBehind(octets: number): number {
  return Math.max(0, bufferFor(octets) - TAIL - octets);
}
