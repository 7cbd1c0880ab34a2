/**
 * The IPv4 header (RFC 791 §3.1): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the
 * header. `valid` checks once what the accessors rely on. Addresses are int32 words.
 *
 *     0               2               4                               8
 *     |ver|ihl|  tos  | total length  | identification|flg| frag.offs.|
 *     |  ttl  |protoc.| checksum      | source                        |
 *     | destination                   | options ...                   |
 */
import { type Mark, mark } from "#base/mark";
import * as checksums from "./checksum.ts";

export const TOTAL_LENGTH = 2;
export const IDENTIFICATION = 4;
export const FLAGS_FRAGMENT = 6;
export const TTL = 8;
export const PROTOCOL = 9;
export const CHECKSUM = 10;
export const SOURCE = 12;
export const DESTINATION = 16;
/** Bytes of a header without options, and of the longest one (IHL 15). */
export const HEADER_MIN = 20;
export const HEADER_MAX = 60;
/** RFC 791 §3.2: every link carries this many octets, every host takes a datagram of 576. */
export const MTU_MIN = 68;
export const DATAGRAM_MIN = 576;

export const DF = 0x4000;
export const MF = 0x2000;

/** Option numbers (RFC 791 §3.1); all others are type, length, data. */
export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_LSRR = 131;
export const OPTION_SSRR = 137;

export const SHORT = mark("ipv4.short", "a packet shorter than its own IPv4 header");
export const BAD_VERSION = mark("ipv4.bad-version", "the version field is not 4");
export const BAD_HEADER_LENGTH = mark("ipv4.bad-header-length", "IHL below 5 or beyond the packet");
export const BAD_TOTAL_LENGTH = mark("ipv4.bad-total-length", "total length below IHL or beyond what arrived");
export const BAD_OPTION = mark("ipv4.bad-option", "an option whose length is 0, 1 or past the header");
export const SOURCE_ROUTED = mark("ipv4.source-routed", "a source route option: dropped, RFC 7126 §4.3");

/** 0, or the mark of what is wrong with the header of a packet of `n` bytes at `o`. The checksum is `checksumGood`'s. */
export function valid(v: DataView, o: number, n: number): Mark {
  if (n < HEADER_MIN) return SHORT;
  if (v.getUint8(o) >> 4 !== 4) return BAD_VERSION;
  const header = headerLength(v, o);
  if (header < HEADER_MIN || header > n) return BAD_HEADER_LENGTH;
  const total = totalLength(v, o);
  return total < header || total > n ? BAD_TOTAL_LENGTH : 0;
}

/** 0, or the mark of the first option for which the packet is dropped. Unknown options are skipped (RFC 1122 §3.2.1.8). */
export function validOptions(v: DataView, o: number): Mark {
  const end = o + headerLength(v, o);
  for (let p = o + HEADER_MIN; p < end; ) {
    const type = v.getUint8(p);
    if (type === OPTION_END) break;
    if (type === OPTION_NOP) {
      p++;
      continue;
    }
    const length = p + 1 < end ? v.getUint8(p + 1) : 0;
    if (length < 2 || p + length > end) return BAD_OPTION;
    if (type === OPTION_LSRR || type === OPTION_SSRR) return SOURCE_ROUTED;
    p += length;
  }
  return 0;
}

export function checksumGood(v: DataView, o: number): boolean {
  return checksums.good(checksums.sum(v, o, headerLength(v, o), 0));
}

/** Bytes of the header, options included. */
export function headerLength(v: DataView, o: number): number {
  return (v.getUint8(o) & 0x0f) * 4;
}

/** DSCP and ECN in one octet. */
export function tos(v: DataView, o: number): number {
  return v.getUint8(o + 1);
}

/** Bytes of header and payload. */
export function totalLength(v: DataView, o: number): number {
  return v.getUint16(o + TOTAL_LENGTH);
}

export function identification(v: DataView, o: number): number {
  return v.getUint16(o + IDENTIFICATION);
}

export function dontFragment(v: DataView, o: number): boolean {
  return (v.getUint16(o + FLAGS_FRAGMENT) & DF) !== 0;
}

export function moreFragments(v: DataView, o: number): boolean {
  return (v.getUint16(o + FLAGS_FRAGMENT) & MF) !== 0;
}

/** The offset of this fragment's payload in the datagram's, in bytes. */
export function fragmentOffset(v: DataView, o: number): number {
  return (v.getUint16(o + FLAGS_FRAGMENT) & 0x1fff) * 8;
}

/** True for every fragment of a datagram, including the first and the last. */
export function isFragment(v: DataView, o: number): boolean {
  return (v.getUint16(o + FLAGS_FRAGMENT) & 0x3fff) !== 0;
}

export function ttl(v: DataView, o: number): number {
  return v.getUint8(o + TTL);
}

export function protocol(v: DataView, o: number): number {
  return v.getUint8(o + PROTOCOL);
}

export function checksum(v: DataView, o: number): number {
  return v.getUint16(o + CHECKSUM);
}

export function source(v: DataView, o: number): number {
  return v.getInt32(o + SOURCE);
}

export function destination(v: DataView, o: number): number {
  return v.getInt32(o + DESTINATION);
}

export function setTos(v: DataView, o: number, tos: number): void {
  v.setUint8(o + 1, tos);
}

export function setTotalLength(v: DataView, o: number, bytes: number): void {
  v.setUint16(o + TOTAL_LENGTH, bytes);
}

export function setIdentification(v: DataView, o: number, identification: number): void {
  v.setUint16(o + IDENTIFICATION, identification);
}

/** `flags` is any of DF and MF; `offset` in bytes, a multiple of 8. */
export function setFragment(v: DataView, o: number, flags: number, offset: number): void {
  v.setUint16(o + FLAGS_FRAGMENT, flags | (offset >> 3));
}

export function setTtl(v: DataView, o: number, ttl: number): void {
  v.setUint8(o + TTL, ttl);
}

/** Computes the header checksum. Call it last. */
export function setChecksum(v: DataView, o: number): void {
  v.setUint16(o + CHECKSUM, 0);
  v.setUint16(o + CHECKSUM, checksums.finish(checksums.sum(v, o, headerLength(v, o), 0)));
}

/** Writes a header of 20 bytes without its checksum (`setChecksum` comes last). `flags` is any of DF and MF. */
export function write(
  v: DataView,
  o: number,
  tos: number,
  totalLength: number,
  identification: number,
  flags: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  v.setUint16(o, 0x4500 | tos);
  v.setUint16(o + TOTAL_LENGTH, totalLength);
  v.setUint16(o + IDENTIFICATION, identification);
  v.setUint16(o + FLAGS_FRAGMENT, flags);
  v.setUint16(o + TTL, (ttl << 8) | protocol);
  v.setUint16(o + CHECKSUM, 0);
  v.setInt32(o + SOURCE, source);
  v.setInt32(o + DESTINATION, destination);
}
