/**
 * ICMP (RFC 792): offsets, accessors and setters over `(v, o)`, where `o` is the first octet of the message.
 *
 *     0               2               4                               8
 *     | type  | code  | checksum      | rest of header, by type       | data, or the quoted packet ...
 */
import { type Mark, mark } from "#base/mark";

export const CODE = 1;
export const CHECKSUM = 2;
export const REST = 4;
/** Bytes before the data or the quoted packet. */
export const HEADER = 8;

export const ECHO_REPLY = 0;
export const DESTINATION_UNREACHABLE = 3;
export const SOURCE_QUENCH = 4;
export const REDIRECT = 5;
export const ECHO_REQUEST = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;

/** Codes of destination unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const NET_UNREACHABLE = 0;
export const HOST_UNREACHABLE = 1;
export const PROTOCOL_UNREACHABLE = 2;
export const PORT_UNREACHABLE = 3;
export const FRAGMENTATION_NEEDED = 4;
export const SOURCE_ROUTE_FAILED = 5;
export const NET_PROHIBITED = 9;
export const HOST_PROHIBITED = 10;
export const ADMINISTRATIVELY_PROHIBITED = 13;

/** Codes of time exceeded. */
export const TTL_EXCEEDED = 0;
export const REASSEMBLY_TIME_EXCEEDED = 1;

export const SHORT = mark("icmp.short", "an ICMP message shorter than its header");

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

/** Fragmentation needed: the next hop's MTU, or 0 from a router older than RFC 1191. */
export function nextHopMtu(v: DataView, o: number): number {
  return v.getUint16(o + REST + 2);
}

/** Parameter problem: the offset of the octet in error within the quoted packet. */
export function pointer(v: DataView, o: number): number {
  return v.getUint8(o + REST);
}

/**
 * True for messages that report a problem with another packet. No ICMP error may be sent about them (RFC 1122 §3.2.2).
 * Unassigned types count as errors, to be safe.
 */
export function isError(type: number): boolean {
  const query = type === ECHO_REPLY || type === ECHO_REQUEST || type === 9 || type === 10 || (type >= 13 && type <= 18);
  return !query;
}

/** Writes type, code, and the second word. The checksum field is 0 until the whole message is summed. */
export function write(v: DataView, o: number, type: number, code: number, rest: number): void {
  v.setUint16(o, (type << 8) | code);
  v.setUint16(o + CHECKSUM, 0);
  v.setInt32(o + REST, rest);
}
