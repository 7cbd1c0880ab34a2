import { expect, test } from "bun:test";
import fc from "fast-check";
import { SipHash } from "#base/siphash";
import { SECOND } from "#base/time";
import { cookie, readCookie, readStamp, stamp } from "#tcp/open/syn-cookies";
import { address } from "../../support/naive/ip.ts";

const hash = new SipHash(11, 22);
const ends = { local: address("10.0.0.7"), localPort: 80, remote: address("10.0.1.5"), remotePort: 5555 };
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const fixed = { seed: 4987 };

test("a cookie says an MSS that the peer takes, the largest of its table, for one to two minutes", () => {
  const sizes = [216, 536, 1220, 1360, 1400, 1440, 1460, 8940];
  fc.assert(
    fc.property(
      int32,
      fc.integer({ min: 48, max: 65_535 }),
      fc.integer({ min: 0, max: 2 ** 45 }),
      fc.nat(),
      (irs, mss, now, r) => {
        const iss = cookie(hash, ends, irs, mss, now);
        const said = sizes.findLast((size) => size <= mss) ?? 216;
        expect(readCookie(hash, ends, irs, iss, now + (r % (64 * SECOND)))).toBe(said);
        expect(readCookie(hash, ends, irs, iss, now + 128 * SECOND + r)).toBe(0);
      },
    ),
    fixed,
  );
});

test("a cookie is valid only for its two endpoints, its SYN and its stack", () => {
  const iss = cookie(hash, ends, 1000, 1460, 0);
  const others = [
    { ...ends, localPort: 81 },
    { ...ends, remotePort: 5556 },
    { ...ends, local: address("10.0.0.8") },
    { ...ends, remote: address("10.0.1.6") },
  ];
  expect(readCookie(hash, ends, 1000, iss, 0)).toBe(1460);
  for (const other of others) expect(readCookie(hash, other, 1000, iss, 0)).toBe(0);
  expect(readCookie(hash, ends, 1001, iss, 0)).toBe(0);
  expect(readCookie(new SipHash(11, 23), ends, 1000, iss, 0)).toBe(0);
  for (let bit = 0; bit < 32; bit++) expect(readCookie(hash, ends, 1000, iss ^ (1 << bit), 0)).toBe(0);
});

test("a cookie does not reveal the time: its top bits are equally random for cookies of one moment", () => {
  const seen = new Set<number>();
  for (let port = 0; port < 4_000; port++) seen.add(cookie(hash, { ...ends, remotePort: port }, 1000, 1460, 0) >>> 24);
  expect(seen.size).toBe(256);
  // The same SYN at two times shows how long lies between, which its sender knows; not since when.
  const [a, b] = [0, 5 * 64 * SECOND].map((now) => cookie(hash, ends, 1000, 1460, now) >>> 24);
  const [c, d] = [0, 5 * 64 * SECOND].map((now) => cookie(hash, { ...ends, remotePort: 7 }, 1000, 1460, now) >>> 24);
  expect(a! ^ b!).toBe(c! ^ d!);
  expect(a).not.toBe(c);
});

test("hardly one of a million guesses is valid", () => {
  let right = 0;
  for (let i = 0; i < 1_000_000; i++) if (readCookie(hash, ends, 1000, Math.imul(i, 0x9e3779b1), 0) !== 0) right++;
  expect(right).toBeLessThanOrEqual(2);
});

test("what was agreed is read from the stamp as it was written, and the stamp is at most 63 ticks old", () => {
  const agreed = fc.record({ windowScale: fc.integer({ min: -1, max: 14 }), sack: fc.boolean(), ecn: fc.boolean() });
  fc.assert(
    fc.property(int32, agreed, (tsval, said) => {
      const stamped = stamp(tsval, said);
      expect(readStamp(stamped)).toEqual(said);
      const age = (tsval - stamped) | 0;
      expect(age).toBeGreaterThanOrEqual(0);
      expect(age).toBeLessThanOrEqual(64);
    }),
    fixed,
  );
});
