import { expect, test } from "bun:test";
import fc from "fast-check";
import { Histogram } from "#base/histogram";

/** The same by sorting all samples. */
function sorted(samples: readonly number[], share: number): number {
  const all = [...samples].sort((a, b) => a - b);
  return all[Math.ceil(all.length * share) - 1]!;
}

const SHARES = [0.01, 0.5, 0.9, 0.99, 0.999, 1];

test("a percentile is at most 1 % or 1/16 µs away from that of the sorted samples, and never above the largest", () => {
  const times = fc.array(fc.double({ min: 0, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(times, (samples) => {
      const histogram = new Histogram();
      for (const each of samples) histogram.record(each);
      for (const share of SHARES) {
        const exact = sorted(samples, share);
        const got = histogram.percentile(share);
        expect(Math.abs(got - exact)).toBeLessThanOrEqual(exact / 100 + 1 / 16);
        expect(got).toBeLessThanOrEqual(Math.max(...samples));
      }
      const { count, min, max, mean } = histogram.percentiles();
      expect([count, min, max]).toEqual([samples.length, Math.min(...samples), Math.max(...samples)]);
      expect(mean).toBeCloseTo(samples.reduce((a, b) => a + b, 0) / samples.length, 3);
    }),
    { numRuns: 200 },
  );
});

test("histograms add up, and are empty after clear", () => {
  const [a, b] = [new Histogram(), new Histogram()];
  for (let us = 1; us <= 1000; us++) (us % 2 === 0 ? a : b).record(us);
  a.add(b);
  const { count, p50, p99, max } = a.percentiles();
  expect([count, max]).toEqual([1000, 1000]);
  expect(Math.abs(p50 - 500)).toBeLessThan(5);
  expect(Math.abs(p99 - 990)).toBeLessThan(10);
  a.clear();
  expect(a.percentiles()).toEqual({ count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p99_9: 0, max: 0 });
});

test("what is longer than the buckets reach is counted in the last, and the maximum stays exact", () => {
  const histogram = new Histogram();
  histogram.record(1e9);
  histogram.record(5);
  expect(histogram.percentiles().max).toBe(1e9);
  expect(histogram.percentile(0.5)).toBeLessThan(5.1);
  expect(histogram.percentile(1)).toBeGreaterThan(1e8);
});
