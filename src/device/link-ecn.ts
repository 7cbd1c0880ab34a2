import { update } from "#wire/checksum";
import { CHECKSUM, HEADER_MIN } from "#wire/ipv4";

/** ECN in the IP header (RFC 3168, section 5), as a router sets it: the two low bits of the traffic class. */

const ECN_MASK = 0b11;
/** Congestion Experienced. Not-ECT is 0; anything but 0 is ECN-capable. */
const ECN_CE = 0b11;

/**
 * Sets Congestion Experienced in an ECN-capable IPv4 or IPv6 packet of `n` bytes, and updates IPv4's header checksum.
 * Returns whether the packet was ECN-capable (marked already or not). Any bytes are allowed; false for what is not IP.
 */
export function markCongestion(v: DataView, o: number, n: number): boolean {
  if (n < HEADER_MIN) return false;
  const version = v.getUint8(o) >> 4;
  // The first 16 bits hold version, header length and traffic class (v4: the low byte; v6: bits 4 to 11).
  const shift = version === 4 ? 0 : version === 6 ? 4 : -1;
  if (shift < 0) return false;
  const old = v.getUint16(o);
  if (((old >> shift) & ECN_MASK) === 0) return false;
  const marked = old | (ECN_CE << shift);
  v.setUint16(o, marked);
  if (version === 4) v.setUint16(o + CHECKSUM, update(v.getUint16(o + CHECKSUM), old, marked));
  return true;
}
