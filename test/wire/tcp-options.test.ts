import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as opt from "#wire/tcp-options";
import { fastOpen, mss, naiveOptions, sackOk, timestamps, wscale } from "../support/naive/tcp.ts";

const SEED = { seed: 7413, numRuns: 300 };
const view = (octets: readonly number[]) => new DataView(Uint8Array.from(octets).buffer);
const octet = fc.nat(255);
/** Those of legal length: RFC 7413 §4.1.1 has 4 to 16 octets, an even number; none is a request. */
const cookie = fc
  .constantFrom(0, 4, 6, 8, 10, 12, 14, 16)
  .chain((n) => fc.array(octet, { minLength: n, maxLength: n }));

function read(octets: readonly number[]): opt.TcpOptions {
  const out = new opt.TcpOptions();
  opt.parse(view(octets), 0, octets.length, out);
  return out;
}

describe("the Fast Open option", () => {
  test("what is written is one option of whole words, and reads back, under either kind", () => {
    fc.assert(
      fc.property(cookie, fc.boolean(), fc.nat(7), (octets, experiment, o) => {
        const v = new DataView(new ArrayBuffer(40));
        const source = Uint8Array.from([9, 9, ...octets]);
        const end = opt.writeFastOpen(v, o, source, 2, octets.length, experiment);
        expect((end - o) % 4).toBe(0);
        const written = Array.from(new Uint8Array(v.buffer).subarray(o, end));
        expect(naiveOptions(written)).toEqual(naiveOptions(fastOpen(octets, experiment)));
        const out = new opt.TcpOptions();
        opt.parse(v, o, end, out);
        expect([out.fastOpen, out.fastOpenExperiment, out.malformed]).toEqual([octets.length, experiment, false]);
        expect(Array.from(out.cookie.subarray(0, octets.length))).toEqual(octets);
      }),
      SEED,
    );
  });

  test("with the largest cookie it fits behind everything else that a SYN offers", () => {
    for (const experiment of [false, true]) {
      const v = new DataView(new ArrayBuffer(40));
      let at = opt.writeSackPermittedAndTimestamps(v, opt.writeMss(v, 0, 1460), 1, 0);
      at = opt.writeWindowScale(v, at, 7);
      expect(opt.writeFastOpen(v, at, new Uint8Array(16), 0, 16, experiment)).toBe(40);
    }
  });

  test("it reads the same wherever it stands among the others, and they read the same with it", () => {
    const others = [mss(1460), sackOk, timestamps(1, 2), wscale(7), [1]];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(others),
        fc.nat(5),
        fc.array(octet, { minLength: 8, maxLength: 8 }),
        (some, at, c) => {
          const place = Math.min(at, some.length);
          const without = read(some.flat());
          const all = read([...some.slice(0, place).flat(), ...fastOpen(c), ...some.slice(place).flat()]);
          expect(all).toMatchObject({
            mss: without.mss,
            windowScale: without.windowScale,
            sackPermitted: without.sackPermitted,
            timestamps: without.timestamps,
            fastOpen: 8,
          });
        },
      ),
      SEED,
    );
  });

  test("an odd, short or long cookie, and another experiment, are no option at all, and no fault", () => {
    for (const n of [1, 2, 3, 5, 7, 15, 17, 18]) {
      for (const experiment of [false, true]) {
        const out = read([...fastOpen(new Array(n).fill(7), experiment), ...mss(1000)]);
        expect([out.fastOpen, out.mss, out.malformed]).toEqual([-1, 1000, false]);
      }
    }
    expect(read([254, 6, 0xf9, 0x88, 1, 2]).fastOpen).toBe(-1);
    expect(read([254, 3, 0xf9, ...mss(1000)])).toMatchObject({ fastOpen: -1, mss: 1000 });
  });

  test("nothing of it is left for the next segment", () => {
    const out = new opt.TcpOptions();
    opt.parse(view(fastOpen([1, 2, 3, 4])), 0, 6, out);
    expect(out.fastOpen).toBe(4);
    opt.parse(view(timestamps(1, 2)), 0, 10, out);
    expect(out.fastOpen).toBe(-1);
    opt.parse(view(fastOpen([])), 0, 2, out);
    expect(out.fastOpen).toBe(0);
    opt.parse(view([1, 1, ...timestamps(1, 2)]), 0, 12, out);
    expect(out.fastOpen).toBe(-1);
  });

  test("any octets whatever are read without a fault of ours, and a cookie that is told lies in them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(octet, fc.constantFrom(34, 254, 2, 10, 0xf9, 0x89)), { maxLength: 40 }),
        (octets) => {
          const { fastOpen: n, cookie: told } = read(octets);
          if (n <= 0) return;
          expect(n % 2).toBe(0);
          expect(Buffer.from(octets).includes(Buffer.from(told.subarray(0, n)))).toBe(true);
        },
      ),
      SEED,
    );
  });
});
