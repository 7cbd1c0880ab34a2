import type { Mark } from "#base/mark";

/**
 * What the transports need to know of a received packet's IP header, and where its payload lies: one reused register.
 * Addresses are words as in `Address`. Offsets are into the slab.
 */
export class IpHeader {
  family: 4 | 6 = 4;
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  /** TCP, UDP, ICMP, ICMPv6 …; of IPv6 the header after the last extension header. */
  protocol = 0;
  /** TTL or hop limit as it arrived. */
  ttl = 0;
  /** DSCP and ECN: the TOS octet, or the traffic class. */
  tos = 0;
  /** The transport's header and data: `n` bytes at `o`. */
  o = 0;
  n = 0;
  /** The IP header, options and extension headers included: `headerN` bytes at `headerO`, right before `o`. */
  headerO = 0;
  headerN = 0;
  /** The transport checksum need not be verified: the packet never crossed a wire, or the device did it. */
  csumTrusted = false;
  /** Sent to a broadcast or multicast address. */
  group = false;
  /** This is a fragment, or (after `DELIVER`) was put together from some. */
  fragment = false;
  fragmentId = 0;
  /** Where this fragment's payload lies in the datagram's, in bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  /** IPv6: the octet, from `headerO`, that names what comes after the header at hand: `protocol`, or the fragment header. */
  nextHeaderAt = 0;
  /** Why the packet was not delivered. */
  mark: Mark = 0;
  /** With `REPLY`: the ICMP error that is due, in the numbers of its family; the parameter is a pointer. */
  errorType = 0;
  errorCode = 0;
  errorParameter = 0;
}

/** What became of a received packet. */
/** For the transport that `header.protocol` names. */
export const DELIVER = 0;
/** A fragment, kept until the others have come. */
export const CONSUMED = 1;
/** Dropped; `header.mark` says why. */
export const DROP = 2;
/** Dropped, and an ICMP error is due if the rules for those allow it (`#icmp/errors` knows them). */
export const REPLY = 3;
