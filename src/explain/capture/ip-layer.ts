/** Finds the TCP segment in an IP packet. Nothing here believes a length: packets may be cut, or garbage. */
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { parse } from "#wire/tcp-options";
import { Fragments } from "./fragments.ts";
import type { Segment } from "./segment.ts";

export const IS_SEGMENT = 0;
/** Another protocol, or no IP at all. */
export const OTHER = 1;
/** TCP, but cut before the end of its header. */
export const CUT = 2;
/** A fragment that is no segment yet. */
export const PART = 3;
/** A fragment has completed a segment, which is read. */
const COMPLETE = 4;

/** IP in IP (RFC 2003, 4213). */
const IPV4_INSIDE = 4;
const IPV6_INSIDE = 41;
const AUTHENTICATION = 51;
const INSIDE_MAX = 4;
const V4_MAPPED = 0x0000ffff;
const EXTENSIONS_MAX = 16;

export class IpLayer {
  readonly #fragments = new Fragments();
  /** Of the packet: the upper protocol, where it begins, and octets from there on: those that it had, and those in the file. */
  #upper = 0;
  #o = 0;
  #n = 0;
  #kept = 0;

  /** Reads a packet of `n` octets, `kept` of them at `o`. */
  read(v: DataView, o: number, kept: number, n: number, to: Segment): number {
    let at = o;
    let left = kept;
    let whole = n;
    for (let depth = 0; depth < INSIDE_MAX; depth++) {
      const version = left > 0 ? v.getUint8(at) >> 4 : 0;
      const result =
        version === 4 ? this.#ipv4(v, at, left, whole, to) : version === 6 ? this.#ipv6(v, at, left, whole, to) : OTHER;
      if (result === COMPLETE) return IS_SEGMENT;
      if (result !== IS_SEGMENT) return result;
      if (this.#upper === protocol.TCP) return readTcp(v, this.#o, this.#kept, this.#n, to);
      if (this.#upper !== IPV4_INSIDE && this.#upper !== IPV6_INSIDE) return OTHER;
      at = this.#o;
      left = this.#kept;
      whole = this.#n;
    }
    return OTHER;
  }

  #ipv4(v: DataView, o: number, kept: number, n: number, to: Segment): number {
    if (kept < 20) return OTHER;
    const header = (v.getUint8(o) & 15) * 4;
    // A packet that is yet to be cut by the network card has the length 0.
    const total = v.getUint16(o + 2) || n;
    if (header < 20 || total < header) return OTHER;
    to.id = v.getUint16(o + 4);
    to.ttl = v.getUint8(o + 8);
    for (let side = 0; side < 2; side++) {
      to.addresses[side * 4] = 0;
      to.addresses[side * 4 + 1] = 0;
      to.addresses[side * 4 + 2] = V4_MAPPED;
      to.addresses[side * 4 + 3] = v.getInt32(o + 12 + side * 4);
    }
    this.#from(v.getUint8(o + 9), o + header, total - header, kept - header);
    const fragment = v.getUint16(o + 6);
    if ((fragment & 0x3fff) === 0) return IS_SEGMENT;
    return this.#fragment(v, (fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0, to.id, to);
  }

  #ipv6(v: DataView, o: number, kept: number, n: number, to: Segment): number {
    if (kept < 40) return OTHER;
    to.id = 0;
    to.ttl = v.getUint8(o + 7);
    for (let i = 0; i < 8; i++) to.addresses[i] = v.getInt32(o + 8 + i * 4);
    // A jumbogram, or a packet that is yet to be cut, has the length 0.
    this.#from(v.getUint8(o + 6), o + 40, v.getUint16(o + 4) || n - 40, kept - 40);
    for (let i = 0; i < EXTENSIONS_MAX; i++) {
      const next = this.#upper;
      const isAuthentication = next === AUTHENTICATION;
      const isExtension =
        next === protocol.HOP_BY_HOP ||
        next === protocol.ROUTING ||
        next === protocol.DESTINATION_OPTIONS ||
        next === protocol.FRAGMENT ||
        isAuthentication;
      if (!isExtension) return IS_SEGMENT;
      if (this.#kept < 8) return CUT;
      const at = this.#o;
      const units = v.getUint8(at + 1);
      const length = next === protocol.FRAGMENT ? 8 : isAuthentication ? (units + 2) * 4 : (units + 1) * 8;
      this.#from(v.getUint8(at), at + length, this.#n - length, this.#kept - length);
      if (next !== protocol.FRAGMENT) continue;
      const field = v.getUint16(at + 2);
      // A fragment that is the whole packet (RFC 6946).
      if ((field & 0xfff9) === 0) continue;
      return this.#fragment(v, field & 0xfff8, (field & 1) !== 0, v.getInt32(at + 4), to);
    }
    return OTHER;
  }

  #from(upper: number, o: number, n: number, kept: number): void {
    this.#upper = upper;
    this.#o = o;
    this.#n = n;
    this.#kept = Math.min(kept, n);
  }

  #fragment(v: DataView, offset: number, more: boolean, id: number, to: Segment): number {
    if (this.#upper !== protocol.TCP) return OTHER;
    const key = `${to.addresses.join()},${id}`;
    const found = this.#fragments.take({ key, offset, more, length: this.#n }, v, this.#o, Math.max(0, this.#kept));
    if (found === null) return PART;
    const { header, total } = found;
    const read = readTcp(new DataView(header.buffer), 0, header.length, total, to);
    return read === IS_SEGMENT ? COMPLETE : read;
  }
}

/** The segment of `n` octets at `o`, of which `kept` are in the file. */
function readTcp(v: DataView, o: number, kept: number, n: number, to: Segment): number {
  if (kept < tcphdr.HEADER_MIN) return CUT;
  const header = tcphdr.headerLength(v, o);
  if (header < tcphdr.HEADER_MIN || header > n) return OTHER;
  to.sourcePort = tcphdr.sourcePort(v, o);
  to.destinationPort = tcphdr.destinationPort(v, o);
  to.seq = tcphdr.seq(v, o) >>> 0;
  to.ack = tcphdr.ack(v, o) >>> 0;
  to.flags = tcphdr.flags(v, o) & 0xff;
  to.window = tcphdr.window(v, o);
  to.length = n - header;
  parse(v, o + tcphdr.HEADER_MIN, o + Math.min(header, kept), to.options);
  return IS_SEGMENT;
}
