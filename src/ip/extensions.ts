/** Processes the extension headers of a received IPv6 packet in order (RFC 8200 §4). */
import { type Mark, mark } from "#base/mark";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv6 from "#wire/ipv6";
import * as extension from "#wire/ipv6-extensions";
import { DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, NO_NEXT_HEADER, ROUTING } from "#wire/protocol";
import { CONSUMED, DELIVER, DROP, type IpHeader, REPLY } from "./header.ts";

export const NOTHING_FOLLOWS = mark("ipv6.no-next-header", "no next header (RFC 8200 §4.7)");
export const NESTED_FRAGMENT = mark("ipv6.nested-fragment", "fragment header inside a reassembled packet");
export const MISPLACED = mark("ipv6.misplaced-hop-by-hop", "hop-by-hop options not right after the IPv6 header");
export const ROUTED = mark("ipv6.segments-left", "routing header with segments left (a host does not forward)");
export const BAD_OPTION = mark("ipv6.bad-option", "option longer than its header");
export const UNKNOWN_OPTION = mark("ipv6.unknown-option", "unknown option that requires discarding the packet");

/**
 * Walks the extension headers of the packet in `header` (`headerO`, addresses and `group` are set; it ends at `end`).
 * DELIVER: the transport header is found. CONSUMED: a fragment; its fields are set, and `o`, `n` are its payload. DROP, REPLY: as usual.
 */
export function walkReceived(v: DataView, header: IpHeader, end: number): number {
  const start = header.headerO;
  let type = ipv6.nextHeader(v, start);
  let typeO = start + ipv6.NEXT_HEADER;
  let p = start + ipv6.HEADER;
  for (let count = 0; extension.isExtension(type); count++) {
    if (count === extension.EXTENSIONS_MAX) return drop(header, extension.TOO_MANY);
    if (p + 8 > end) return drop(header, extension.TRUNCATED);
    const length = type === FRAGMENT ? extension.FRAGMENT_HEADER : extension.headerLength(v, p);
    if (p + length > end) return drop(header, extension.TRUNCATED);
    if (type === HOP_BY_HOP && count > 0) {
      return problem(header, MISPLACED, icmpv6.UNRECOGNIZED_NEXT_HEADER, typeO - start);
    }
    if (type === HOP_BY_HOP || type === DESTINATION_OPTIONS) {
      const verdict = walkOptions(v, header, p, p + length);
      if (verdict !== DELIVER) return verdict;
    } else if (type === ROUTING && extension.segmentsLeft(v, p) !== 0) {
      return problem(header, ROUTED, icmpv6.ERRONEOUS_HEADER, p + 2 - start);
    } else if (type === FRAGMENT) {
      header.fragmentOffset = extension.fragmentOffset(v, p);
      header.moreFragments = extension.moreFragments(v, p);
      // An atomic fragment is a whole datagram and needs no reassembly (RFC 6946).
      if (header.fragmentOffset !== 0 || header.moreFragments) {
        if (header.fragment) return drop(header, NESTED_FRAGMENT);
        header.fragmentId = extension.identification(v, p);
        return found(header, typeO, p + length, end, FRAGMENT, CONSUMED);
      }
    }
    type = extension.nextHeader(v, p);
    typeO = p;
    p += length;
  }
  if (type === NO_NEXT_HEADER) return drop(header, NOTHING_FOLLOWS);
  return found(header, typeO, p, end, type, DELIVER);
}

function found(header: IpHeader, typeO: number, o: number, end: number, type: number, verdict: number): number {
  header.protocol = type;
  header.nextHeaderAt = typeO - header.headerO;
  header.headerN = o - header.headerO;
  header.o = o;
  header.n = end - o;
  return verdict;
}

/**
 * Processes the options from `o` (the extension header) to `end`. We know only the padding options; for the others the two
 * highest bits of the type decide (RFC 8200 §4.2): skip, discard, discard and report, discard and report unless multicast.
 */
function walkOptions(v: DataView, header: IpHeader, o: number, end: number): number {
  for (let p = o + 2; p < end; ) {
    const type = v.getUint8(p);
    if (type === extension.OPTION_PAD1) {
      p++;
      continue;
    }
    if (p + 2 > end || p + 2 + v.getUint8(p + 1) > end) return drop(header, BAD_OPTION);
    const action = type >> 6;
    if (action === 2 || (action === 3 && !header.group)) {
      return problem(header, UNKNOWN_OPTION, icmpv6.UNRECOGNIZED_OPTION, p - header.headerO);
    }
    if (action !== 0) return drop(header, UNKNOWN_OPTION);
    p += 2 + v.getUint8(p + 1);
  }
  return DELIVER;
}

function drop(header: IpHeader, mark: Mark): number {
  header.mark = mark;
  return DROP;
}

/** Requests an ICMPv6 parameter problem; `pointer` counts from the IPv6 header. */
export function problem(header: IpHeader, mark: Mark, code: number, pointer: number): number {
  header.mark = mark;
  header.errorType = icmpv6.PARAMETER_PROBLEM;
  header.errorCode = code;
  header.errorParameter = pointer;
  return REPLY;
}
