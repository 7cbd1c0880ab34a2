import type { Mark } from "#base/mark";

/**
 * What the transports need from a received packet's IP header, and the place of its payload. One reused register.
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
  /** The received TTL or hop limit. */
  ttl = 0;
  /** DSCP and ECN: the TOS octet, or the traffic class. */
  tos = 0;
  /** The transport's header and data: `n` bytes at `o`. */
  o = 0;
  n = 0;
  /** The IP header, options and extension headers included: `headerN` bytes at `headerO`, right before `o`. */
  headerO = 0;
  headerN = 0;
  /** The transport checksum need not be verified: the packet never crossed a wire, or the device has verified it. */
  csumTrusted = false;
  /** Sent by this stack itself. */
  isInside = false;
  /** Sent to a broadcast or multicast address. */
  group = false;
  /** The packet is a fragment, or (after `DELIVER`) was reassembled from fragments. */
  fragment = false;
  fragmentId = 0;
  /** The offset of this fragment's payload in the datagram's, in bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  /** IPv6: the offset from `headerO` of the Next Header octet that names `protocol` or the fragment header. */
  nextHeaderAt = 0;
  /** Why the packet was not delivered. */
  mark: Mark = 0;
  /** With `REPLY`: type, code and pointer of the ICMP error to send, in the numbers of its family. */
  errorType = 0;
  errorCode = 0;
  errorParameter = 0;
}

/** The verdict on a received packet. */
/** Goes to the transport that `header.protocol` names. */
export const DELIVER = 0;
/** A fragment, kept until the others have arrived. */
export const CONSUMED = 1;
/** Dropped; `header.mark` is the reason. */
export const DROP = 2;
/** Dropped; an ICMP error is to be sent if the rules allow it (see `#icmp/icmp`). */
export const REPLY = 3;
