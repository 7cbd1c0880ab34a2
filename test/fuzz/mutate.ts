import type { Prng } from "#base/prng";
import * as checksum from "#wire/checksum";

/** Values that break things. */
const EDGES = [0, 1, 2, -1, 7, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe];
const SIZES = [0, 1, 2, 4, 8, 12, 16, 20, 40, 60, 536, 1460];

/**
 * A valid packet, made less valid in a way that a network, a bug or an enemy might: fields, options, lengths, bits. Most of
 * the time the checksums are right afterwards, so that the damage gets past them.
 */
export function mutate(prng: Prng, original: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(original);
  const times = 1 + prng.below(3);
  for (let i = 0; i < times; i++) bytes = once(prng, bytes);
  if (!prng.chance(0.05)) fixChecksums(bytes);
  return bytes;
}

function once(prng: Prng, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const v = new DataView(copy.buffer);
  const t = transport(copy);
  if (copy.length < t + 20) return flip(prng, copy);
  switch (prng.below(12)) {
    case 0:
      return flip(prng, copy);
    case 1:
      return nudge(prng, copy, t + 4);
    case 2:
      return nudge(prng, copy, t + 8);
    case 3:
      copy[t + 13] = prng.below(256);
      return copy;
    case 4:
      v.setUint16(t + 14, EDGES[prng.below(EDGES.length)]! & 0xffff);
      return copy;
    case 5:
      v.setUint16(t + 18, EDGES[prng.below(EDGES.length)]! & 0xffff);
      return copy;
    case 6:
      copy[t + 12] = prng.below(256);
      return copy;
    case 7:
      return options(prng, copy, t);
    case 8:
      return resize(copy, Math.max(t, copy.length - SIZES[prng.below(SIZES.length)]!), prng.chance(0.8));
    case 9:
      return resize(copy, Math.min(9000, copy.length + SIZES[prng.below(SIZES.length)]!), prng.chance(0.8));
    case 10:
      copy[prng.below(t)] = prng.below(256);
      return copy;
    default:
      // One of the flags alone: the commonest of errors.
      copy[t + 13] = copy[t + 13]! ^ (1 << prng.below(6));
      return copy;
  }
}

function flip(prng: Prng, copy: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (copy.length === 0) return copy;
  const at = prng.below(copy.length);
  copy[at] = copy[at]! ^ (1 << prng.below(8));
  return copy;
}

/** A sequence or acknowledgment number, a little or a lot off. */
function nudge(prng: Prng, copy: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const v = new DataView(copy.buffer);
  const off = prng.chance(0.5)
    ? prng.below(5) - 2
    : prng.chance(0.5)
      ? prng.below(8000) - 4000
      : EDGES[prng.below(EDGES.length)]!;
  v.setInt32(at, (v.getInt32(at) + off) | 0);
  return copy;
}

/** Other octets in the place of the options, or more of them: kinds that we know, with lengths that are theirs or not. */
function options(prng: Prng, copy: Uint8Array, t: number): Uint8Array<ArrayBuffer> {
  const header = Math.min((copy[t + 12]! >> 4) * 4, copy.length - t);
  const made: number[] = [];
  while (made.length < 40 && prng.chance(0.8)) {
    const kind = [0, 1, 2, 3, 4, 5, 8, 28, 30, 34, 254, prng.below(256)][prng.below(12)]!;
    made.push(kind);
    if (kind < 2) continue;
    const right =
      { 2: 4, 3: 3, 4: 2, 5: 2 + 8 * (1 + prng.below(4)), 8: 10, 34: 2 + 2 * prng.below(10) }[kind] ??
      2 + prng.below(6);
    const length = prng.chance(0.7) ? right : prng.below(60);
    made.push(length);
    for (let i = 2; i < length && made.length < 40; i++) made.push(prng.below(256));
  }
  const size = prng.chance(0.8) ? Math.min(40, (made.length + 3) & ~3) : Math.max(0, header - 20);
  const area = new Uint8Array(size);
  area.set(made.slice(0, size));
  // SACK blocks and echoes that are near the truth now and then: real numbers of this very segment.
  if (size >= 12 && prng.chance(0.5)) {
    const v = new DataView(area.buffer);
    const s = new DataView(copy.buffer, copy.byteOffset);
    const ack = s.getInt32(t + 8);
    const left = (ack + prng.below(6000) - 1500) | 0;
    area.set([1, 1, 5, 10]);
    v.setInt32(4, left);
    v.setInt32(8, (left + 1 + prng.below(3000)) | 0);
    for (let i = 12; i < size; i++) area[i] = 1;
  }
  const out = new Uint8Array(t + 20 + size + (copy.length - t - Math.max(20, header)));
  out.set(copy.subarray(0, t + 20));
  out.set(area, t + 20);
  out.set(copy.subarray(t + Math.max(20, header)), t + 20 + size);
  out[t + 12] = ((20 + size) >> 2) << 4;
  return resize(out, out.length, true);
}

/** Another length; with `told` the IP header agrees with it. */
function resize(copy: Uint8Array, n: number, told: boolean): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(n);
  out.set(copy.subarray(0, n));
  const v = new DataView(out.buffer);
  if (told && n >= 20 && out[0]! >> 4 === 4) v.setUint16(2, n);
  if (told && n >= 40 && out[0]! >> 4 === 6) v.setUint16(4, n - 40);
  return out;
}

/** Where the transport header begins. */
export function transport(bytes: Uint8Array): number {
  return bytes[0]! >> 4 === 6 ? 40 : Math.max(20, (bytes[0]! & 15) * 4);
}

/** IP's and TCP's checksum as they should be for the bytes as they are. */
export function fixChecksums(bytes: Uint8Array): void {
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const t = transport(bytes);
  const n = bytes.length - t;
  if (n < 20) return;
  const four = bytes[0]! >> 4 === 4;
  if (four) {
    v.setUint16(10, 0);
    v.setUint16(10, checksum.finish(checksum.sum(v, 0, t, 0)));
  }
  if ((four ? bytes[9] : bytes[6]) !== 6) return;
  const word = (at: number) => v.getInt32(at);
  const pseudo = four
    ? checksum.pseudo4(word(12), word(16), 6, n)
    : checksum.pseudo6(word(8), word(12), word(16), word(20), word(24), word(28), word(32), word(36), 6, n);
  v.setUint16(t + 16, 0);
  v.setUint16(t + 16, checksum.finish(checksum.sum(v, t, n, pseudo)));
}
