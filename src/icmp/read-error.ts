/** Reads received ICMP errors: their kind, and which packet of ours they are about (RFC 1122 §3.2.2, RFC 4443 §3). */
import { type Mark, mark } from "#base/mark";
import { V4_MAPPED } from "#ip/address";
import type { IpHeader } from "#ip/header";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ExtensionWalk, fragmentOffset, walkExtensions } from "#wire/ipv6-extensions";
import { TCP } from "#wire/protocol";

/** Kinds of ICMP errors, the same for both families. */
export const NET_UNREACHABLE = 1;
export const HOST_UNREACHABLE = 2;
export const PROTOCOL_UNREACHABLE = 3;
export const PORT_UNREACHABLE = 4;
/** Fragmentation needed / packet too big: `mtu` is the next hop's, 0 if the router did not report it. */
export const TOO_BIG = 5;
/** A firewall or a policy forbids it. */
export const PROHIBITED = 6;
export const TTL_EXCEEDED = 7;
export const REASSEMBLY_TIME_EXCEEDED = 8;
export const PARAMETER_PROBLEM = 9;
/** Source quench: obsolete and ignored (RFC 6633). */
export const SOURCE_QUENCH = 10;

export const BAD_QUOTE = mark("icmp.bad-quote", "ICMP error with an unreadable quoted packet");
export const QUOTED_FRAGMENT = mark("icmp.quoted-fragment", "ICMP error that quotes a fragment without ports");
export const NOT_OUR_PACKET = mark(
  "icmp.not-our-packet",
  "an ICMP error about a packet that its receiver did not send",
);
export const UNKNOWN_ERROR = mark("icmp.unknown-error", "ICMP error of an unknown type or code");

/** A parsed ICMP error: a reused register. In the quoted packet, `s` is our side and `d` the remote one. */
export class IcmpError {
  family: 4 | 6 = 4;
  /** One of the kinds above. */
  kind = 0;
  /** The received type and code, for messages. */
  type = 0;
  code = 0;
  /** With TOO_BIG. */
  mtu = 0;
  /** With PARAMETER_PROBLEM: the octet in error. */
  pointer = 0;
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  /** Transport of the quoted packet. */
  protocol = 0;
  /** The first `n` octets of the transport header, at `o`; at least 8. */
  o = 0;
  n = 0;
  /** Bytes of the whole packet that was quoted. */
  packetLength = 0;
  /** Of TCP and UDP. */
  sourcePort = 0;
  destinationPort = 0;
  /** SEG.SEQ as an int32, of TCP. */
  seq = 0;
}

const walk = new ExtensionWalk();

/**
 * Reads the ICMP error in `header` (its checksum is valid, it is at least 8 bytes long) into `out`. Returns 0, or the
 * mark of why it is dropped: unknown, or about a packet that was not sent from this address.
 */
export function readError(v: DataView, header: IpHeader, out: IcmpError): Mark {
  out.family = header.family;
  out.type = icmpv4.type(v, header.o);
  out.code = icmpv4.code(v, header.o);
  out.kind = header.family === 4 ? kind4(out.type, out.code) : kind6(out.type, out.code);
  if (out.kind === 0) return UNKNOWN_ERROR;
  out.mtu = 0;
  out.pointer = 0;
  if (out.kind === TOO_BIG) out.mtu = header.family === 4 ? icmpv4.nextHopMtu(v, header.o) : icmpv6.mtu(v, header.o);
  if (out.kind === PARAMETER_PROBLEM) {
    out.pointer = header.family === 4 ? icmpv4.pointer(v, header.o) : icmpv6.pointer(v, header.o);
  }
  const o = header.o + icmpv4.HEADER;
  const end = header.o + header.n;
  const wrong = header.family === 4 ? readQuote4(v, o, end, out) : readQuote6(v, o, end, out);
  if (wrong !== 0) return wrong;
  const { s0, s1, s2, s3 } = out;
  if (s3 !== header.d3 || s2 !== header.d2 || s1 !== header.d1 || s0 !== header.d0) return NOT_OUR_PACKET;
  out.n = end - out.o;
  // RFC 792: at least "the first 64 bits of the original datagram's data" are quoted.
  if (out.n < 8) return BAD_QUOTE;
  out.sourcePort = v.getUint16(out.o);
  out.destinationPort = v.getUint16(out.o + 2);
  out.seq = out.protocol === TCP ? v.getInt32(out.o + 4) : 0;
  return 0;
}

function readQuote4(v: DataView, o: number, end: number, out: IcmpError): Mark {
  if (o + ipv4.HEADER_MIN > end || v.getUint8(o) >> 4 !== 4) return BAD_QUOTE;
  const headerN = ipv4.headerLength(v, o);
  if (headerN < ipv4.HEADER_MIN) return BAD_QUOTE;
  if (ipv4.fragmentOffset(v, o) !== 0) return QUOTED_FRAGMENT;
  out.s0 = out.s1 = out.d0 = out.d1 = 0;
  out.s2 = out.d2 = V4_MAPPED;
  out.s3 = ipv4.source(v, o);
  out.d3 = ipv4.destination(v, o);
  out.protocol = ipv4.protocol(v, o);
  out.packetLength = ipv4.totalLength(v, o);
  out.o = o + headerN;
  return 0;
}

function readQuote6(v: DataView, o: number, end: number, out: IcmpError): Mark {
  if (o + ipv6.HEADER > end || v.getUint8(o) >> 4 !== 6) return BAD_QUOTE;
  if (walkExtensions(v, o, end - o, walk) !== 0) return BAD_QUOTE;
  if (walk.fragmentO >= 0 && fragmentOffset(v, walk.fragmentO) !== 0) return QUOTED_FRAGMENT;
  out.s0 = ipv6.source(v, o, 0);
  out.s1 = ipv6.source(v, o, 1);
  out.s2 = ipv6.source(v, o, 2);
  out.s3 = ipv6.source(v, o, 3);
  out.d0 = ipv6.destination(v, o, 0);
  out.d1 = ipv6.destination(v, o, 1);
  out.d2 = ipv6.destination(v, o, 2);
  out.d3 = ipv6.destination(v, o, 3);
  out.protocol = walk.upper;
  out.packetLength = ipv6.HEADER + ipv6.payloadLength(v, o);
  out.o = walk.upperO;
  return 0;
}

/** By code of destination unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
const KINDS4 = Uint8Array.of(
  NET_UNREACHABLE,
  HOST_UNREACHABLE,
  PROTOCOL_UNREACHABLE,
  PORT_UNREACHABLE,
  TOO_BIG,
  HOST_UNREACHABLE, // source route failed
  NET_UNREACHABLE, // network unknown
  HOST_UNREACHABLE, // host unknown
  HOST_UNREACHABLE, // source host isolated
  PROHIBITED,
  PROHIBITED,
  NET_UNREACHABLE, // for this type of service
  HOST_UNREACHABLE, // for this type of service
  PROHIBITED,
  PROHIBITED,
  PROHIBITED,
);

function kind4(type: number, code: number): number {
  if (type === icmpv4.DESTINATION_UNREACHABLE) return code < KINDS4.length ? KINDS4[code]! : 0;
  if (type === icmpv4.TIME_EXCEEDED) return timeExceeded(code);
  if (type === icmpv4.PARAMETER_PROBLEM) return PARAMETER_PROBLEM;
  return type === icmpv4.SOURCE_QUENCH ? SOURCE_QUENCH : 0;
}

/** By code of destination unreachable (RFC 4443 §3.1). */
const KINDS6 = Uint8Array.of(
  NET_UNREACHABLE,
  PROHIBITED,
  NET_UNREACHABLE, // beyond the scope of the source address
  HOST_UNREACHABLE,
  PORT_UNREACHABLE,
  PROHIBITED, // source address failed policy
  PROHIBITED, // reject route
);

function kind6(type: number, code: number): number {
  if (type === icmpv6.DESTINATION_UNREACHABLE) return code < KINDS6.length ? KINDS6[code]! : 0;
  if (type === icmpv6.PACKET_TOO_BIG) return TOO_BIG;
  if (type === icmpv6.TIME_EXCEEDED) return timeExceeded(code);
  if (type !== icmpv6.PARAMETER_PROBLEM) return 0;
  return code === icmpv6.UNRECOGNIZED_NEXT_HEADER ? PROTOCOL_UNREACHABLE : PARAMETER_PROBLEM;
}

/** The two codes are the same in both families. */
function timeExceeded(code: number): number {
  if (code === icmpv4.TTL_EXCEEDED) return TTL_EXCEEDED;
  return code === icmpv4.REASSEMBLY_TIME_EXCEEDED ? REASSEMBLY_TIME_EXCEEDED : 0;
}
