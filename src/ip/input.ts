import type { Counters } from "#base/counters";
import { type Mark, mark } from "#base/mark";
import { CSUM_NONE, CSUM_PARTIAL, PACKET_MAX, type Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ExtensionWalk, walkExtensions } from "#wire/ipv6-extensions";
import * as protocol from "#wire/protocol";
import { isLimitedBroadcast, isLoopback, isMulticast, isUnspecified, isV4 } from "./address.ts";
import { problem, walkReceived } from "./extensions.ts";
import { CONSUMED, DELIVER, DROP, type IpHeader, REPLY } from "./header.ts";
import type { LocalAddresses } from "./local.ts";
import { readHeader4, readHeader6 } from "./read-header.ts";
import { KEPT, REASSEMBLY_LIMITS, Reassembly, type ReassemblyLimits, WHOLE } from "./reassembly.ts";

export const BAD_VERSION = mark("ip.bad-version", "neither an IPv4 nor an IPv6 packet");
export const BAD_CHECKSUM = mark("ip.bad-checksum", "the IPv4 header checksum is wrong");
export const NOT_OURS = mark("ip.not-ours", "packet for another address (a host does not forward)");
export const NOT_JOINED = mark("ip.not-joined", "packet for a multicast group that was not joined");
export const MARTIAN = mark("ip.martian-source", "impossible source address for another host (RFC 1122 §3.2.1.3)");
export const UNKNOWN_PROTOCOL = mark("ip.unknown-protocol", "unknown transport protocol");
export const BAD_FRAGMENT = mark("ip.bad-fragment", "fragment with an illegal length");
export const INCOMPLETE_FIRST = mark("ipv6.incomplete-first-fragment", "first fragment that lacks headers");

/** The IPv6 all-nodes group (ff02::1) and the IPv4 all-hosts group (224.0.0.1): every host is in them. */
const ALL_NODES_A = 0xff020000 | 0;
const ALL_HOSTS = 0xe0000001 | 0;

export interface IpInputOptions {
  readonly reassembly?: ReassemblyLimits;
  /** The device returns our own packets, so our own and loopback sources are accepted. */
  readonly loopback?: boolean;
}

/**
 * Processes a received packet up to the transport: checks, options and extension headers, destination, reassembly. Each
 * packet gets a verdict. Each packet that is not delivered gets a mark and is counted.
 *
 * A host ignores the TTL of received packets (RFC 1122 §3.2.1.7), and forwards nothing.
 */
export class IpInput {
  readonly reassembly: Reassembly;
  /** The packet comes from this stack: its source may be ours, and both addresses may be loopback ones. */
  fromInside: boolean;
  /** Packets to any single host but loopback ones are for us (interception). */
  takesForeign = false;
  readonly #slab: Slab;
  readonly #local: LocalAddresses;
  readonly #counters: Counters;
  readonly #walk = new ExtensionWalk();

  /** Reserves regions of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, local: LocalAddresses, counters: Counters, options: IpInputOptions = {}) {
    this.reassembly = new Reassembly(slab, counters, options.reassembly ?? REASSEMBLY_LIMITS);
    this.#slab = slab;
    this.#local = local;
    this.#counters = counters;
    this.fromInside = options.loopback ?? false;
  }

  /** Returns DELIVER, CONSUMED, DROP or REPLY and fills `header`. */
  input(packet: Packet, header: IpHeader, now: number): number {
    header.mark = 0;
    header.fragment = false;
    header.isInside = this.fromInside;
    const verdict = this.#read(packet.o, packet.n, header, now);
    if (verdict === DELIVER) header.csumTrusted = !header.fragment && trusts(packet, header);
    return this.#counted(header, verdict);
  }

  /** When `expire` must be called next. */
  nextDeadline(): number {
    return this.reassembly.nextDeadline();
  }

  /**
   * Gives up one datagram whose fragments did not all arrive in time. REPLY: `header` is that of its first fragment, and a
   * time exceeded error is to be sent. DROP: no error is sent. Call while `nextDeadline() <= now`.
   */
  expire(header: IpHeader, now: number): number {
    if (!this.reassembly.advance(now)) return DROP;
    const { view } = this.#slab;
    const { o, n } = this.reassembly;
    header.mark = 0;
    header.fragment = false;
    if (ipv4.valid(view, o, n) === ipv4.BAD_VERSION) {
      readHeader6(this.#slab.view, o, header);
      walkReceived(view, header, o + n);
      header.errorType = icmpv6.TIME_EXCEEDED;
    } else {
      readHeader4(this.#slab.view, o, header);
      header.n = n - header.headerN;
      header.errorType = icmpv4.TIME_EXCEEDED;
    }
    this.#addressed(header);
    // The code is 1 in both families.
    header.errorCode = icmpv4.REASSEMBLY_TIME_EXCEEDED;
    header.errorParameter = 0;
    return REPLY;
  }

  #counted(header: IpHeader, verdict: number): number {
    if (header.mark !== 0) this.#counters.count(header.mark);
    return verdict;
  }

  #read(o: number, n: number, header: IpHeader, now: number): number {
    const version = n > 0 ? this.#slab.u8[o]! >> 4 : 0;
    if (version === 4) return this.#read4(o, n, header, now);
    if (version === 6) return this.#read6(o, n, header, now);
    return drop(header, BAD_VERSION);
  }

  #read4(o: number, n: number, header: IpHeader, now: number): number {
    const v = this.#slab.view;
    let wrong = ipv4.valid(v, o, n);
    if (wrong !== 0) return drop(header, wrong);
    if (!ipv4.checksumGood(v, o)) return drop(header, BAD_CHECKSUM);
    readHeader4(this.#slab.view, o, header);
    wrong = this.#addressed(header);
    if (wrong === 0 && header.headerN > ipv4.HEADER_MIN) wrong = ipv4.validOptions(v, o);
    if (wrong !== 0) return drop(header, wrong);
    // Bytes after the total length are the link's padding.
    header.n = ipv4.totalLength(v, o) - header.headerN;
    if (ipv4.isFragment(v, o)) {
      header.fragmentId = ipv4.identification(v, o);
      header.fragmentOffset = ipv4.fragmentOffset(v, o);
      header.moreFragments = ipv4.moreFragments(v, o);
      const fits = header.fragmentOffset + header.n + header.headerN <= PACKET_MAX;
      const whole8 = !header.moreFragments || (header.n & 7) === 0;
      if (header.n === 0 || !fits || !whole8) return drop(header, BAD_FRAGMENT);
      return this.#reassemble(header, now);
    }
    const known =
      header.protocol === protocol.TCP || header.protocol === protocol.UDP || header.protocol === protocol.ICMP;
    if (known) return DELIVER;
    header.errorType = icmpv4.DESTINATION_UNREACHABLE;
    header.errorCode = icmpv4.PROTOCOL_UNREACHABLE;
    header.errorParameter = 0;
    header.mark = UNKNOWN_PROTOCOL;
    return REPLY;
  }

  #read6(o: number, n: number, header: IpHeader, now: number): number {
    const v = this.#slab.view;
    let wrong = ipv6.valid(v, o, n);
    if (wrong !== 0) return drop(header, wrong);
    readHeader6(this.#slab.view, o, header);
    wrong = this.#addressed(header);
    if (wrong !== 0) return drop(header, wrong);
    const verdict = walkReceived(v, header, o + ipv6.HEADER + ipv6.payloadLength(v, o));
    if (verdict === CONSUMED) return this.#fragment6(header, now);
    if (verdict !== DELIVER) return verdict;
    const known =
      header.protocol === protocol.TCP || header.protocol === protocol.UDP || header.protocol === protocol.ICMPV6;
    return known ? DELIVER : problem(header, UNKNOWN_PROTOCOL, icmpv6.UNRECOGNIZED_NEXT_HEADER, header.nextHeaderAt);
  }

  /** Checks a fragment (RFC 8200 §4.5, RFC 7112) and requests the ICMP error for an illegal one. */
  #fragment6(header: IpHeader, now: number): number {
    const start = header.headerO;
    if (header.n === 0) return drop(header, BAD_FRAGMENT);
    if (header.moreFragments && (header.n & 7) !== 0) {
      return problem(header, BAD_FRAGMENT, icmpv6.ERRONEOUS_HEADER, ipv6.PAYLOAD_LENGTH);
    }
    if (header.fragmentOffset + header.n > PACKET_MAX) {
      return problem(header, BAD_FRAGMENT, icmpv6.ERRONEOUS_HEADER, header.headerN - 6);
    }
    if (header.fragmentOffset === 0) {
      const v = this.#slab.view;
      const end = header.o + header.n;
      const walk = this.#walk;
      if (walkExtensions(v, start, end - start, walk) !== 0 || walk.upperO + upperMin(walk.upper) > end) {
        return problem(header, INCOMPLETE_FIRST, icmpv6.INCOMPLETE_FIRST_FRAGMENT, 0);
      }
    }
    return this.#reassemble(header, now);
  }

  #reassemble(header: IpHeader, now: number): number {
    const result = this.reassembly.add(header, now);
    if (result !== WHOLE) {
      header.mark = this.reassembly.mark;
      return result === KEPT ? CONSUMED : DROP;
    }
    header.fragment = true;
    return this.#read(this.reassembly.o, this.reassembly.n, header, now);
  }

  /** Sets `group`. Returns 0 if the packet is for us and its source is valid, else the mark of the reason. */
  #addressed(header: IpHeader): Mark {
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    // The layers above would take an IPv6 packet with IPv4-mapped addresses for an IPv4 one (RFC 4942 §2.2).
    if (header.family === 6 && (isV4(s0, s1, s2) || isV4(d0, d1, d2))) return MARTIAN;
    const local = this.#local;
    header.group = false;
    const { fromInside } = this;
    if (!local.owns(d0, d1, d2, d3) && !(fromInside && isLoopback(d0, d1, d2, d3))) {
      header.group = true;
      if (isMulticast(d0, d1, d2, d3)) {
        const all = header.family === 4 ? d3 === ALL_HOSTS : d3 === 1 && d2 === 0 && d1 === 0 && d0 === ALL_NODES_A;
        if (!all) return NOT_JOINED;
      } else if (!local.isBroadcast(d0, d1, d2, d3)) {
        if (!this.takesForeign || isLoopback(d0, d1, d2, d3) || isUnspecified(d0, d1, d2, d3)) return NOT_OURS;
        header.group = false;
      }
    }
    if (isUnspecified(s0, s1, s2, s3) || isMulticast(s0, s1, s2, s3) || isLimitedBroadcast(s0, s1, s2, s3)) {
      return MARTIAN;
    }
    if (local.isBroadcast(s0, s1, s2, s3)) return MARTIAN;
    if (fromInside) return 0;
    return isLoopback(s0, s1, s2, s3) || local.owns(s0, s1, s2, s3) ? MARTIAN : 0;
  }
}

function drop(header: IpHeader, mark: Mark): number {
  header.mark = mark;
  return DROP;
}

/** CSUM_PARTIAL covers only the checksum at its offsets, so those must be the transport's. */
function trusts(packet: Packet, header: IpHeader): boolean {
  if (packet.csum === CSUM_PARTIAL) return packet.o + packet.csumStart === header.o;
  return packet.csum !== CSUM_NONE;
}

/** Bytes of the upper-layer header that a first fragment must contain (RFC 7112). */
function upperMin(upper: number): number {
  if (upper === protocol.TCP) return 20;
  return upper === protocol.UDP || upper === protocol.ICMPV6 ? 8 : 0;
}
