import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Pages } from "#base/pages";
import { Slab } from "#base/slab";
import { RECEIVE_BUFFER } from "#tcp/words/buffers";
import { RANGES_MAX, RangePool, Ranges } from "#tcp/words/ranges";
import type { Tcb } from "#tcp/words/tcb";
import { NaiveStream } from "../../support/naive/stream.ts";

const newest = new Int32Array(4);

const NOBODY = {} as Tcb;

/** Of a stack with no other connection. */
const alone = () => new Ranges(new RangePool(1 << 20), NOBODY);

/** Sequence numbers begin here: anywhere, and just before the wraps of the sign and of the whole. */
const origin = fc.oneof(fc.integer(), fc.constantFrom(0x7fffffff - 300, -300, 0));
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ read: fc.constant(false), at: fc.nat(700), n: fc.integer({ min: 1, max: 90 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ read: fc.constant(true), at: fc.constant(0), n: fc.integer({ min: 1, max: 300 }) }),
  },
);

describe("reassembly and an array of octets", () => {
  test("the same octets in the same order, the same ranges, whatever comes in whatever order, across every wrap", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), origin, (steps, irs) => {
        const queue = new Pages(new Slab(1 << 20));
        const ranges = alone();
        const naive = new NaiveStream();
        const seq = (offset: number) => (irs + offset) | 0;
        let stamp = 0;
        for (const { read, at, n } of steps) {
          if (read) {
            const bytes = naive.take(n);
            const target = new Uint8Array(bytes.length);
            queue.read(0, target, 0, bytes.length);
            queue.drop(bytes.length);
            expect([...target]).toEqual(bytes);
          } else {
            stamp++;
            arrive(queue, ranges, naive, seq, at, n, stamp);
          }
          const held = naive.ranges();
          expect(Array.from({ length: ranges.count }, (_, i) => [ranges.left[i], ranges.right[i]])).toEqual(
            held.map(([left, right]) => [seq(left), seq(right)]),
          );
          expect(ranges.bytes()).toBe(held.reduce((sum, [left, right]) => sum + right - left, 0));
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test("covered and find answer as the array does", () => {
    const span = fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 30, size: "max" }), span, origin, (spans, [at, n], irs) => {
        const ranges = alone();
        const naive = new NaiveStream();
        for (const [left, length] of spans) {
          ranges.add((irs + 1 + left) | 0, (irs + 1 + left + length) | 0);
          naive.arrive(1 + left, new Array(length).fill(0));
        }
        expect(ranges.covered((irs + 1 + at) | 0, (irs + 1 + at + n) | 0)).toBe(naive.has(1 + at, 1 + at + n));
        const i = ranges.find((irs + 1 + at) | 0);
        expect(i >= 0).toBe(naive.has(1 + at, 2 + at));
      }),
      { seed: 6, numRuns: 500 },
    );
  });

  test("the n-th most recent range is the n-th last one that changed (RFC 2018 §4)", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { minLength: 1, maxLength: 40, size: "max" }), (places) => {
        const ranges = alone();
        let order: number[] = [];
        for (const place of places) {
          // Each has a stretch of its own: none ever touch.
          ranges.add(place * 100, place * 100 + 10);
          order = [place, ...order.filter((other) => other !== place)];
        }
        const recent = [...newest.subarray(0, ranges.recent(newest, 4))].map((i) => ranges.left[i]! / 100);
        expect(recent).toEqual(order.slice(0, 4));
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test("ranges that are cut off at the end make room for others, and are told of no longer", () => {
    const ranges = alone();
    for (let i = 0; i < RANGES_MAX; i++) ranges.add(i * 10, i * 10 + 5);
    ranges.cut(102);
    expect([ranges.count, ranges.right[10]]).toEqual([11, 102]);
    for (let i = 11; i < RANGES_MAX; i++) expect(ranges.add(i * 10, i * 10 + 5)).toBe(true);
    expect(ranges.recent(newest, 4)).toBe(4);
    expect(newest[0]).toBe(RANGES_MAX - 1);
    ranges.cut(0);
    expect([ranges.count, ranges.recent(newest, 4)]).toEqual([0, 0]);
  });

  test("when every second segment is lost, the largest receive buffer has no more ranges than are kept", () => {
    const ranges = alone();
    for (let at = 0; at < RECEIVE_BUFFER.max; at += 2 * 1448) expect(ranges.add(at, at + 1448)).toBe(true);
    expect(ranges.count).toBe(11_587);
  });

  test("beyond the limit of ranges a new one is refused, one that joins others is not", () => {
    const ranges = alone();
    for (let i = 0; i < RANGES_MAX; i++) expect(ranges.add(i * 10, i * 10 + 5)).toBe(true);
    expect(ranges.add(RANGES_MAX * 10, RANGES_MAX * 10 + 5)).toBe(false);
    expect(ranges.add(5, 10)).toBe(true);
    expect(ranges.count).toBe(RANGES_MAX - 1);
    expect(ranges.add(RANGES_MAX * 10, RANGES_MAX * 10 + 5)).toBe(true);
  });
});

describe("the ranges of all connections", () => {
  const fill = (ranges: Ranges) => {
    let n = 0;
    while (ranges.add(n * 10, n * 10 + 5)) n++;
    return n;
  };

  test("the first have as many as they want, and the thousandth still has some", () => {
    const pool = new RangePool(65_536);
    const kept = Array.from({ length: 1000 }, () => fill(new Ranges(pool, NOBODY)));
    expect(kept[0]).toBe(RANGES_MAX);
    expect(kept.at(-1)).toBeGreaterThanOrEqual(8);
    expect(pool.used).toBeLessThanOrEqual(pool.limit);
  });

  test("they are counted by the memory that they take, and all is given back", () => {
    const pool = new RangePool(65_536);
    const ranges = new Ranges(pool, NOBODY);
    for (let i = 0; i < 100; i++) ranges.add(i * 10, i * 10 + 5);
    expect(pool.used).toBe(128);
    ranges.add(5, 995);
    expect([ranges.count, pool.used]).toEqual([1, 128]);
    ranges.clear();
    expect(pool.used).toBe(0);
    ranges.clear();
    expect(pool.used).toBe(0);
  });

  test("the oldest are those whose gap has been open longest; whoever has none left does not count", () => {
    const pool = new RangePool(65_536);
    const [a, b, c] = Array.from({ length: 3 }, () => new Ranges(pool, NOBODY)) as [Ranges, Ranges, Ranges];
    for (const ranges of [a, b, c]) ranges.add(10, 20);
    expect(pool.oldest(b)).toBe(a);
    a.advance(10);
    a.add(30, 40);
    expect(pool.oldest(c)).toBe(b);
    b.advance(10);
    expect(pool.oldest(a)).toBe(c);
    c.clear();
    expect(pool.oldest(a)).toBeNull();
  });
});

/** As the seventh step of SEGMENT ARRIVES stores text: what was there stays, what is new is written where it belongs. */
function arrive(
  queue: Pages,
  ranges: Ranges,
  naive: NaiveStream,
  seq: (offset: number) => number,
  at: number,
  n: number,
  stamp: number,
): void {
  const bytes = Array.from({ length: n }, (_, i) => (i * 7 + stamp * 13) & 0xff);
  const left = Math.max(at, naive.next);
  const right = at + n;
  if (left >= right) return;
  queue.write(left - naive.read, Uint8Array.from(bytes), left - at, right - left);
  if (left > naive.next) {
    expect(ranges.add(seq(left), seq(right))).toBe(true);
    naive.arrive(at, bytes);
    return;
  }
  const next = ranges.advance(seq(right));
  naive.arrive(at, bytes);
  expect(next).toBe(seq(naive.next));
}
