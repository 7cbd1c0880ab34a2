/**
 * The TCP header (RFC 9293 §3.1): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the
 * header. `valid` checks once what the accessors rely on; after it none of them can read outside the packet.
 *
 *     0               2               4                               8
 *     | source port   | dest. port    | sequence number               |
 *     | acknowledgment number         |off|flags| window              |
 *     | checksum      | urgent pointer| options ...                   |
 */
import { type Mark, mark } from "#base/mark";

export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 2;
export const SEQUENCE = 4;
export const ACKNOWLEDGMENT = 8;
export const OFFSET_FLAGS = 12;
export const WINDOW = 14;
export const CHECKSUM = 16;
export const URGENT = 18;
/** Bytes of a header without options, and of the longest one (data offset 15). */
export const HEADER_MIN = 20;
export const HEADER_MAX = 60;

export const FIN = 0x001;
export const SYN = 0x002;
export const RST = 0x004;
export const PSH = 0x008;
export const ACK = 0x010;
export const URG = 0x020;
export const ECE = 0x040;
export const CWR = 0x080;
/** AccECN's AE, the former NS bit (RFC 9768). */
export const AE = 0x100;

export const SHORT = mark("tcp.short", "a segment shorter than its own header");
export const BAD_OFFSET = mark("tcp.bad-data-offset", "data offset below 5 or beyond the segment");

/** 0, or the mark of what is wrong with the header of a segment of `n` bytes at `o`. */
export function valid(v: DataView, o: number, n: number): Mark {
  if (n < HEADER_MIN) return SHORT;
  const header = headerLength(v, o);
  return header < HEADER_MIN || header > n ? BAD_OFFSET : 0;
}

export function sourcePort(v: DataView, o: number): number {
  return v.getUint16(o + SOURCE_PORT);
}

export function destinationPort(v: DataView, o: number): number {
  return v.getUint16(o + DESTINATION_PORT);
}

/** SEG.SEQ as an int32. */
export function seq(v: DataView, o: number): number {
  return v.getInt32(o + SEQUENCE);
}

/** SEG.ACK as an int32; meaningful only with the ACK flag. */
export function ack(v: DataView, o: number): number {
  return v.getInt32(o + ACKNOWLEDGMENT);
}

/** Bytes of the header, options included. */
export function headerLength(v: DataView, o: number): number {
  return (v.getUint8(o + OFFSET_FLAGS) >> 4) * 4;
}

/** The nine flag bits; the three reserved ones are ignored, as RFC 9293 §3.1 asks of a receiver. */
export function flags(v: DataView, o: number): number {
  return v.getUint16(o + OFFSET_FLAGS) & 0x1ff;
}

/** The window field, not scaled (MUST-1: unsigned). */
export function window(v: DataView, o: number): number {
  return v.getUint16(o + WINDOW);
}

export function checksum(v: DataView, o: number): number {
  return v.getUint16(o + CHECKSUM);
}

export function urgent(v: DataView, o: number): number {
  return v.getUint16(o + URGENT);
}

/** Writes the fixed header; the checksum is left 0. `header` is the length in bytes, a multiple of 4. */
export function write(
  v: DataView,
  o: number,
  source: number,
  destination: number,
  seq: number,
  ack: number,
  header: number,
  flags: number,
  window: number,
  urgent: number,
): void {
  v.setUint16(o + SOURCE_PORT, source);
  v.setUint16(o + DESTINATION_PORT, destination);
  v.setInt32(o + SEQUENCE, seq);
  v.setInt32(o + ACKNOWLEDGMENT, ack);
  v.setUint16(o + OFFSET_FLAGS, (header << 10) | flags);
  v.setUint16(o + WINDOW, window);
  v.setUint16(o + CHECKSUM, 0);
  v.setUint16(o + URGENT, urgent);
}

export function setSeq(v: DataView, o: number, seq: number): void {
  v.setInt32(o + SEQUENCE, seq);
}

export function setFlags(v: DataView, o: number, flags: number): void {
  v.setUint16(o + OFFSET_FLAGS, (v.getUint16(o + OFFSET_FLAGS) & 0xfe00) | flags);
}

export function setWindow(v: DataView, o: number, window: number): void {
  v.setUint16(o + WINDOW, window);
}

export function setChecksum(v: DataView, o: number, checksum: number): void {
  v.setUint16(o + CHECKSUM, checksum);
}
