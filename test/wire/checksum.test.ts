import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as checksum from "#wire/checksum";
import { naiveChecksum } from "../support/naive/checksum.ts";

const SEED = 1071;

function viewOf(bytes: Uint8Array, lead: number): DataView {
  const memory = new Uint8Array(lead + bytes.length + 3).fill(0xee);
  memory.set(bytes, lead);
  return new DataView(memory.buffer);
}

describe("checksum", () => {
  test("the example of RFC 1071 §3", () => {
    const v = viewOf(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0);
    expect(checksum.fold(checksum.sum(v, 0, 8, 0))).toBe(0xddf2);
    expect(checksum.finish(checksum.sum(v, 0, 8, 0))).toBe(0x220d);
  });

  test("any length at any offset equals the naive sum, and reads nothing outside", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 9 }), (bytes, lead) => {
        const s = checksum.fold(checksum.sum(viewOf(bytes, lead), lead, bytes.length, 0));
        expect(s).toBe(naiveChecksum(bytes));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("64 KiB of ones, on top of a large initial sum, does not lose a carry", () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    expect(checksum.fold(checksum.sum(viewOf(bytes, 1), 1, bytes.length, 2 ** 40))).toBe(
      naiveChecksum([0x01, 0x00, ...bytes]),
    );
  });

  test("pieces of odd lengths sum to what the whole sums to", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (pieces) => {
        let s = 0;
        let position = 0;
        for (const piece of pieces) {
          s = checksum.sumAt(viewOf(piece, 3), 3, piece.length, position, s);
          position += piece.length;
        }
        expect(checksum.fold(s)).toBe(naiveChecksum(pieces.flatMap((piece) => [...piece])));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("an incremental update equals computing anew (RFC 1624), even to and from zero", () => {
    const word = fc.oneof(fc.constantFrom(0, 0xffff, 0x5555), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(word, { minLength: 3, maxLength: 12 }), word, word, (words, x, y) => {
        const bytesOf = (list: number[]) => Uint8Array.from(list.flatMap((w) => [w >> 8, w & 255]));
        const sumOf = (list: number[]) => checksum.sum(viewOf(bytesOf(list), 0), 0, list.length * 2, 0);
        const changed = [x, y, ...words.slice(2)];
        fc.pre(words.slice(2).some((w) => w !== 0 && w !== 0xffff));
        const before = checksum.finish(sumOf(words));
        const once = checksum.update(checksum.update(before, words[0]!, x), words[1]!, y);
        expect(once).toBe(checksum.finish(sumOf(changed)));
        const whole = checksum.update32(before, (words[0]! << 16) | words[1]!, (x << 16) | y);
        expect(whole).toBe(checksum.finish(sumOf(changed)));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("a message with its checksum in place is good, and any flipped bit makes it bad", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), fc.nat(), (bytes, which) => {
        const v = viewOf(bytes, 0);
        v.setUint16(2, 0);
        v.setUint16(2, checksum.finish(checksum.sum(v, 0, bytes.length, 0)));
        fc.pre(v.getUint16(0) !== 0);
        expect(checksum.good(checksum.sum(v, 0, bytes.length, 0))).toBe(true);
        const bit = which % (bytes.length * 8);
        v.setUint8(bit >> 3, v.getUint8(bit >> 3) ^ (1 << (bit & 7)));
        expect(checksum.good(checksum.sum(v, 0, bytes.length, 0))).toBe(false);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test("the pseudo-headers equal their octets summed", () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const octets = (w: number) => [w >>> 24, (w >>> 16) & 255, (w >>> 8) & 255, w & 255];
    fc.assert(
      fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), fc.nat(255), fc.nat(65535), (w, protocol, n) => {
        const four = [...octets(w[0]!), ...octets(w[1]!), 0, protocol, n >> 8, n & 255];
        expect(checksum.fold(checksum.pseudo4(w[0]!, w[1]!, protocol, n))).toBe(naiveChecksum(four));
        const six = [...w.flatMap(octets), ...octets(n), 0, 0, 0, protocol];
        const s = checksum.pseudo6(w[0]!, w[1]!, w[2]!, w[3]!, w[4]!, w[5]!, w[6]!, w[7]!, protocol, n);
        expect(checksum.fold(s)).toBe(naiveChecksum(six));
      }),
      { seed: SEED },
    );
  });
});
