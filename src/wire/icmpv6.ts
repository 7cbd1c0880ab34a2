/**
 * ICMPv6 (RFC 4443 §2.1): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the message.
 * The layout is ICMP's; the checksum covers a pseudo-header too.
 */
import { type Mark, mark } from "#base/mark";

export const CODE = 1;
export const CHECKSUM = 2;
export const REST = 4;
/** Bytes before the data or the quoted packet. */
export const HEADER = 8;

export const DESTINATION_UNREACHABLE = 1;
export const PACKET_TOO_BIG = 2;
export const TIME_EXCEEDED = 3;
export const PARAMETER_PROBLEM = 4;
export const ECHO_REQUEST = 128;
export const ECHO_REPLY = 129;
export const ROUTER_SOLICITATION = 133;
export const REDIRECT = 137;
export const MULTICAST_LISTENER_REPORT_V2 = 143;

/** Codes of destination unreachable (RFC 4443 §3.1). */
export const NO_ROUTE = 0;
export const ADMINISTRATIVELY_PROHIBITED = 1;
export const BEYOND_SCOPE = 2;
export const ADDRESS_UNREACHABLE = 3;
export const PORT_UNREACHABLE = 4;
export const SOURCE_POLICY = 5;
export const REJECT_ROUTE = 6;

/** Codes of time exceeded. */
export const HOP_LIMIT_EXCEEDED = 0;
export const REASSEMBLY_TIME_EXCEEDED = 1;

/** Codes of parameter problem (RFC 4443 §3.4, RFC 7112 §5). */
export const ERRONEOUS_HEADER = 0;
export const UNRECOGNIZED_NEXT_HEADER = 1;
export const UNRECOGNIZED_OPTION = 2;
export const INCOMPLETE_FIRST_FRAGMENT = 3;

export const SHORT = mark("icmpv6.short", "an ICMPv6 message shorter than its header");

/** 0, or the mark of what is wrong with a message of `n` bytes at `o`. */
export function valid(_v: DataView, _o: number, n: number): Mark {
  return n < HEADER ? SHORT : 0;
}

export function type(v: DataView, o: number): number {
  return v.getUint8(o);
}

export function code(v: DataView, o: number): number {
  return v.getUint8(o + CODE);
}

export function checksum(v: DataView, o: number): number {
  return v.getUint16(o + CHECKSUM);
}

/** Echo: identifies the sender's program. */
export function identifier(v: DataView, o: number): number {
  return v.getUint16(o + REST);
}

/** Echo: identifies the request. */
export function sequence(v: DataView, o: number): number {
  return v.getUint16(o + REST + 2);
}

/** Packet too big: the next hop's MTU. */
export function mtu(v: DataView, o: number): number {
  return v.getUint32(o + REST);
}

/** Parameter problem: the offset of the octet in error within the quoted packet. */
export function pointer(v: DataView, o: number): number {
  return v.getUint32(o + REST);
}

/** Types below 128 are errors (RFC 4443 §2.1). */
export function isError(type: number): boolean {
  return type < 128;
}

/** Writes type, code, and the second word. The checksum field is 0 until the whole message is summed. */
export function write(v: DataView, o: number, type: number, code: number, rest: number): void {
  v.setUint16(o, (type << 8) | code);
  v.setUint16(o + CHECKSUM, 0);
  v.setInt32(o + REST, rest);
}
