import { expect, test } from "bun:test";
import fc from "fast-check";
import { SipHash24 } from "#base/siphash24";

const MASK = (1n << 64n) - 1n;
const rotate = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & MASK;

/** SipHash-2-4 as the paper has it, over whole blocks. */
function naive(k0: bigint, k1: bigint, blocks: readonly bigint[]): bigint {
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = () => {
    v0 = (v0 + v1) & MASK;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & MASK;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & MASK;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & MASK;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  };
  for (const m of [...blocks, (BigInt(8 * blocks.length) << 56n) & MASK]) {
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

const low = (x: bigint) => Number(BigInt.asIntN(32, x));
const high = (x: bigint) => Number(BigInt.asIntN(32, x >> 32n));

test("the reference's vectors for 0 and 8 octets under the key 00 01 … 0f", () => {
  const hash = new SipHash24(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
  const octets = () => {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setInt32(0, hash.low, true);
    bytes.setInt32(4, hash.high, true);
    return Buffer.from(bytes.buffer).toString("hex");
  };
  hash.begin().end();
  expect(octets()).toBe("310e0edd47db6f72");
  hash.begin().block(0x03020100, 0x07060504).end();
  expect(octets()).toBe("6224939a79f5f593");
});

test("in pairs of int32 it is what it is in 64 bits", () => {
  const word = fc.bigInt({ min: 0n, max: MASK });
  fc.assert(
    fc.property(word, word, fc.array(word, { maxLength: 6 }), (k0, k1, blocks) => {
      const hash = new SipHash24(low(k0), high(k0), low(k1), high(k1)).begin();
      for (const block of blocks) hash.block(low(block), high(block));
      const wanted = naive(k0, k1, blocks);
      expect([hash.end().low, hash.high]).toEqual([low(wanted), high(wanted)]);
    }),
    { seed: 7413, numRuns: 300 },
  );
});
