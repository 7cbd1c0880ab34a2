/**
 * The IPv6 header (RFC 8200 §3): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the
 * header. Extension headers are `#wire/ipv6-extensions`'s. An address is four int32 words, numbered 0 to 3.
 *
 *     0               2               4                               8
 *     |v| class |     flow label      | payload length| next  | hops  |
 *     | source (16)                   ...                             |
 *     | destination (16)              ...                             |
 */
import { type Mark, mark } from "#base/mark";

export const PAYLOAD_LENGTH = 4;
export const NEXT_HEADER = 6;
export const HOP_LIMIT = 7;
export const SOURCE = 8;
export const DESTINATION = 24;
/** Bytes of the header; it has no options. */
export const HEADER = 40;
/** RFC 8200 §5: every link carries this many octets. */
export const MTU_MIN = 1280;

export const SHORT = mark("ipv6.short", "a packet shorter than the IPv6 header");
export const BAD_VERSION = mark("ipv6.bad-version", "the version field is not 6");
export const BAD_PAYLOAD_LENGTH = mark("ipv6.bad-payload-length", "payload length beyond what arrived");

/** 0, or the mark of what is wrong with the header of a packet of `n` bytes at `o`. */
export function valid(v: DataView, o: number, n: number): Mark {
  if (n < HEADER) return SHORT;
  if (v.getUint8(o) >> 4 !== 6) return BAD_VERSION;
  return HEADER + payloadLength(v, o) > n ? BAD_PAYLOAD_LENGTH : 0;
}

/** DSCP and ECN in one octet. */
export function trafficClass(v: DataView, o: number): number {
  return (v.getUint16(o) >> 4) & 0xff;
}

/** 20 bits. */
export function flowLabel(v: DataView, o: number): number {
  return v.getUint32(o) & 0xfffff;
}

/** Bytes after this header, extension headers included. */
export function payloadLength(v: DataView, o: number): number {
  return v.getUint16(o + PAYLOAD_LENGTH);
}

export function nextHeader(v: DataView, o: number): number {
  return v.getUint8(o + NEXT_HEADER);
}

export function hopLimit(v: DataView, o: number): number {
  return v.getUint8(o + HOP_LIMIT);
}

/** Word 0..3 of the source address. */
export function source(v: DataView, o: number, word: number): number {
  return v.getInt32(o + SOURCE + word * 4);
}

/** Word 0..3 of the destination address. */
export function destination(v: DataView, o: number, word: number): number {
  return v.getInt32(o + DESTINATION + word * 4);
}

export function setTrafficClass(v: DataView, o: number, trafficClass: number): void {
  v.setUint16(o, (v.getUint16(o) & 0xf00f) | (trafficClass << 4));
}

export function setPayloadLength(v: DataView, o: number, bytes: number): void {
  v.setUint16(o + PAYLOAD_LENGTH, bytes);
}

export function setNextHeader(v: DataView, o: number, nextHeader: number): void {
  v.setUint8(o + NEXT_HEADER, nextHeader);
}

export function setHopLimit(v: DataView, o: number, hopLimit: number): void {
  v.setUint8(o + HOP_LIMIT, hopLimit);
}

export function setSource(v: DataView, o: number, a: number, b: number, c: number, d: number): void {
  v.setInt32(o + SOURCE, a);
  v.setInt32(o + SOURCE + 4, b);
  v.setInt32(o + SOURCE + 8, c);
  v.setInt32(o + SOURCE + 12, d);
}

export function setDestination(v: DataView, o: number, a: number, b: number, c: number, d: number): void {
  v.setInt32(o + DESTINATION, a);
  v.setInt32(o + DESTINATION + 4, b);
  v.setInt32(o + DESTINATION + 8, c);
  v.setInt32(o + DESTINATION + 12, d);
}

/** Writes all but the addresses. */
export function write(
  v: DataView,
  o: number,
  trafficClass: number,
  flowLabel: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
): void {
  v.setInt32(o, 0x60000000 | (trafficClass << 20) | flowLabel);
  v.setUint16(o + PAYLOAD_LENGTH, payloadLength);
  v.setUint16(o + NEXT_HEADER, (nextHeader << 8) | hopLimit);
}
