/**
 * IPv6 extension headers (RFC 8200 §4): accessors, and a bounded walk to the upper-layer header. The walk looks at the
 * structure only; the options inside are handled where the packet is received (`#ip/extensions`).
 */
import { type Mark, mark } from "#base/mark";
import * as ipv6 from "./ipv6.ts";
import { DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING } from "./protocol.ts";

/** Extension headers that one packet may have: RFC 8504 §5.3 lets a host set a limit; real packets have one or two. */
export const EXTENSIONS_MAX = 8;
/** Bytes of a fragment header. */
export const FRAGMENT_HEADER = 8;

export const TRUNCATED = mark("ipv6.truncated-extension", "an extension header beyond the end of the packet");
export const TOO_MANY = mark("ipv6.too-many-extensions", "more extension headers than RFC 8504 §5.3 allows");

export const OPTION_PAD1 = 0;
export const OPTION_PADN = 1;

export function nextHeader(v: DataView, o: number): number {
  return v.getUint8(o);
}

/** Bytes of a hop-by-hop, routing or destination options header. */
export function headerLength(v: DataView, o: number): number {
  return (v.getUint8(o + 1) + 1) * 8;
}

export function segmentsLeft(v: DataView, o: number): number {
  return v.getUint8(o + 3);
}

/** The offset of this fragment's payload in the datagram's fragmentable part, in bytes. */
export function fragmentOffset(v: DataView, o: number): number {
  return v.getUint16(o + 2) & 0xfff8;
}

export function moreFragments(v: DataView, o: number): boolean {
  return (v.getUint8(o + 3) & 1) !== 0;
}

/** An int32. */
export function identification(v: DataView, o: number): number {
  return v.getInt32(o + 4);
}

/** Writes a fragment header; `offset` in bytes, a multiple of 8. */
export function writeFragment(
  v: DataView,
  o: number,
  nextHeader: number,
  offset: number,
  more: boolean,
  identification: number,
): void {
  v.setUint16(o, nextHeader << 8);
  v.setUint16(o + 2, offset | (more ? 1 : 0));
  v.setInt32(o + 4, identification);
}

/** True for headers that the walk skips. */
export function isExtension(nextHeader: number): boolean {
  return (
    nextHeader === HOP_BY_HOP || nextHeader === ROUTING || nextHeader === FRAGMENT || nextHeader === DESTINATION_OPTIONS
  );
}

/** The result of a walk, reused. */
export class ExtensionWalk {
  /** Next header value of the header at `upperO`. */
  upper = 0;
  upperO = 0;
  /** The fragment header, or -1. */
  fragmentO = -1;
}

/**
 * Walks from the IPv6 header at `o`, in a packet of `n` bytes (a quoted packet may be cut short), to the upper-layer
 * header, or to the payload of a fragment that is not the first. 0, or the mark of why it could not.
 */
export function walkExtensions(v: DataView, o: number, n: number, walk: ExtensionWalk): Mark {
  const end = o + n;
  walk.fragmentO = -1;
  walk.upper = ipv6.nextHeader(v, o);
  walk.upperO = o + ipv6.HEADER;
  for (let i = 0; isExtension(walk.upper); i++) {
    if (i === EXTENSIONS_MAX) return TOO_MANY;
    const p = walk.upperO;
    if (p + 8 > end) return TRUNCATED;
    const fragment = walk.upper === FRAGMENT;
    const length = fragment ? FRAGMENT_HEADER : headerLength(v, p);
    if (p + length > end) return TRUNCATED;
    walk.upper = nextHeader(v, p);
    walk.upperO = p + length;
    if (fragment) {
      walk.fragmentO = p;
      if (fragmentOffset(v, p) !== 0) return 0;
    }
  }
  return 0;
}
