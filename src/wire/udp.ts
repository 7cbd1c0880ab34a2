/** The UDP header (RFC 768): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the header. */
import { type Mark, mark } from "#base/mark";

export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 2;
export const LENGTH = 4;
export const CHECKSUM = 6;
/** Bytes of the header. */
export const HEADER = 8;

export const SHORT = mark("udp.short", "a datagram shorter than the UDP header");
export const BAD_LENGTH = mark("udp.bad-length", "the UDP length is below 8 or beyond what arrived");

/** 0, or the mark of what is wrong with the header of a datagram of `n` bytes at `o`. */
export function valid(v: DataView, o: number, n: number): Mark {
  if (n < HEADER) return SHORT;
  const bytes = length(v, o);
  return bytes < HEADER || bytes > n ? BAD_LENGTH : 0;
}

export function sourcePort(v: DataView, o: number): number {
  return v.getUint16(o + SOURCE_PORT);
}

export function destinationPort(v: DataView, o: number): number {
  return v.getUint16(o + DESTINATION_PORT);
}

/** Bytes of header and data. */
export function length(v: DataView, o: number): number {
  return v.getUint16(o + LENGTH);
}

/** 0 means that the sender computed none: allowed over IPv4, not over IPv6 (RFC 8200 §8.1). */
export function checksum(v: DataView, o: number): number {
  return v.getUint16(o + CHECKSUM);
}

export function setChecksum(v: DataView, o: number, checksum: number): void {
  v.setUint16(o + CHECKSUM, checksum);
}

/** Writes a header with a checksum field of 0. `length` counts header and data. */
export function write(v: DataView, o: number, sourcePort: number, destinationPort: number, length: number): void {
  v.setUint16(o + SOURCE_PORT, sourcePort);
  v.setUint16(o + DESTINATION_PORT, destinationPort);
  v.setUint16(o + LENGTH, length);
  v.setUint16(o + CHECKSUM, 0);
}
