import { expect, test } from "bun:test";
import fc from "fast-check";
import { bytesText, clockText, counted, exactBytesText, rateText, timeText } from "#observe/units";

test("numbers read as people say them", () => {
  expect([0, 999, 1000, 9_995, 9_996, 999_499, 999_500, 8_388_608, 64 << 20, 2.15e9].map(bytesText)).toEqual([
    "0 B",
    "999 B",
    "1.00 kB",
    "9.99 kB",
    "10.0 kB",
    "999 kB",
    "1.00 MB",
    "8.39 MB",
    "67.1 MB",
    "2.15 GB",
  ]);
  expect([0, 950, 56_100_000, 9_280_000_000].map(rateText)).toEqual([
    "0 bit/s",
    "950 bit/s",
    "56.1 Mbit/s",
    "9.28 Gbit/s",
  ]);
  expect([7, 3800, 41_000, 2_500_000, 12e6].map(timeText)).toEqual(["7 µs", "3.8 ms", "41 ms", "2.5 s", "12 s"]);
  expect([41_000, 12_345_678].map(clockText)).toEqual([" 0.041", "12.346"]);
  expect([counted(1, "packet"), counted(2, "packet"), counted(0, "packet")]).toEqual([
    "1 packet",
    "2 packets",
    "0 packets",
  ]);
});

test("a size that somebody typed is shown as it was typed", () => {
  expect([0, 999, 1000, 1234, 10_000, 10_240, 1.5e6, 8 << 20, 64e6, 65_536, 5e9].map(exactBytesText)).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "1234 B",
    "10 kB",
    "10 KiB",
    "1.5 MB",
    "8 MiB",
    "64 MB",
    "64 KiB",
    "5 GB",
  ]);
});

test("no number reads as a thousand of a unit that has a next one, and none is long", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 42 }), (n) => {
      for (const text of [bytesText(n), rateText(n)]) {
        expect(Number.parseFloat(text)).toBeLessThan(text.endsWith("TB") || text.endsWith("Gbit/s") ? 1e5 : 1000);
        expect(text.length).toBeLessThanOrEqual(13);
      }
    }),
    { seed: 6 },
  );
});
