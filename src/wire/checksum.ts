/**
 * The Internet checksum (RFC 1071). A partial sum is a number that holds a sum of 16-bit big-endian words, not
 * yet folded. Sums of pieces may be added if each piece begins at an even octet of the message (`sumAt`
 * handles the others). Doubles are exact to 2^53, so 32-bit words are added without folding and the carries
 * are folded in once, at the end: 2^32 ≡ 2^16 ≡ 1 modulo 65535.
 */

/**
 * `initial` plus the sum of the `n` octets at `o`, as if they began at an even octet of the message; an odd last octet
 * is padded with zero. `o` may be any offset. For up to 1 MiB in one sum.
 */
export function sum(v: DataView, o: number, n: number, initial: number): number {
  let s = initial;
  const end = o + n;
  for (; o <= end - 32; o += 32) {
    s +=
      v.getUint32(o) +
      v.getUint32(o + 4) +
      v.getUint32(o + 8) +
      v.getUint32(o + 12) +
      v.getUint32(o + 16) +
      v.getUint32(o + 20) +
      v.getUint32(o + 24) +
      v.getUint32(o + 28);
  }
  for (; o <= end - 4; o += 4) s += v.getUint32(o);
  if (o <= end - 2) {
    s += v.getUint16(o);
    o += 2;
  }
  if (o < end) s += v.getUint8(o) << 8;
  return s;
}

/**
 * `initial` plus the sum of a piece that begins at octet `position` of the message. A piece at an odd position has its
 * octets in the other halves of the words, so its sum is swapped (RFC 1071 §2 (B)).
 */
export function sumAt(v: DataView, o: number, n: number, position: number, initial: number): number {
  if ((position & 1) === 0) return sum(v, o, n, initial);
  const s = fold(sum(v, o, n, 0));
  return initial + (((s & 0xff) << 8) | (s >> 8));
}

/** The one's complement sum of 16 bits, not complemented. 0 only if nothing but zeros was added. */
export function fold(sum: number): number {
  const low = sum >>> 0;
  const high = (sum - low) / 4294967296;
  let s = (low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16);
  s = (s & 0xffff) + (s >>> 16);
  return (s & 0xffff) + (s >>> 16);
}

/** The value of a checksum field: the complement of the folded sum. */
export function finish(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** True if a message, including its checksum field, sums to 0xffff (RFC 1071 §1). */
export function good(sum: number): boolean {
  return fold(sum) === 0xffff;
}

/**
 * The checksum after one 16-bit field changed from `before` to `after`: HC' = ~(~HC + ~m + m'), RFC 1624 (3). The field
 * must lie at an even octet.
 */
export function update(checksum: number, before: number, after: number): number {
  return finish((~checksum & 0xffff) + (~before & 0xffff) + after);
}

/** The same for a 32-bit field, given as int32 or uint32. */
export function update32(checksum: number, before: number, after: number): number {
  return finish((~checksum & 0xffff) + (~before >>> 0) + (after >>> 0));
}

/** The sum of the IPv4 pseudo-header (RFC 9293 §3.1). `length` is that of the transport header and its data. */
export function pseudo4(source: number, destination: number, protocol: number, length: number): number {
  return (source >>> 0) + (destination >>> 0) + protocol + length;
}

/** The sum of the IPv6 pseudo-header (RFC 8200 §8.1). */
export function pseudo6(
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  protocol: number,
  length: number,
): number {
  const source = (s0 >>> 0) + (s1 >>> 0) + (s2 >>> 0) + (s3 >>> 0);
  return source + (d0 >>> 0) + (d1 >>> 0) + (d2 >>> 0) + (d3 >>> 0) + protocol + length;
}
