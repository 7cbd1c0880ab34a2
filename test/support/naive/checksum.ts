/** RFC 1071 as its text says: pairs of octets, one at a time, the carry brought round after each. Not complemented. */
export function naiveChecksum(bytes: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    s += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
    if (s > 65535) s -= 65535;
  }
  return s;
}
