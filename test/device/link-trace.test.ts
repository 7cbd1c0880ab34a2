import { expect, test } from "bun:test";
import { Prng } from "#base/prng";
import { NEVER } from "#base/time";
import { Link } from "#device/link";
import { LinkSyntaxError } from "#device/link-error";
import { CLEAR_LINK } from "#device/link-profile";
import { parseTrace } from "#device/link-trace";
import { LinkBench } from "../support/link-bench.ts";

function bench(trace: string, now = 0): LinkBench {
  const profile = { ...CLEAR_LINK, trace: parseTrace(trace, "t") };
  return new LinkBench(new Link({ mtu: 1500, prng: new Prng(1), profile, now }));
}

const arrivals = (b: LinkBench) => {
  b.run(NEVER);
  return b.arrivals.map((a) => a.time / 1_000);
};

test("one line is one full packet at that millisecond, and the trace begins anew after its last", () => {
  const b = bench("3\n5\n5\n10\n");
  for (let i = 0; i < 7; i++) b.offer(i, 1_500, 0);
  expect(arrivals(b)).toEqual([3, 5, 5, 10, 13, 15, 15]);
});

test("small packets share an opportunity, 4 bytes of TUN header each", () => {
  // 376 = 1504 / 4: four of 372 bytes and their headers.
  const b = bench("10\n20\n");
  for (let i = 0; i < 6; i++) b.offer(i, 372, 0);
  expect(arrivals(b)).toEqual([10, 10, 10, 10, 20, 20]);
});

test("a packet that does not fit in the rest of an opportunity ends in the next", () => {
  const b = bench("10\n20\n30\n");
  b.offer(0, 1_000, 0);
  b.offer(1, 1_000, 0);
  b.offer(2, 1_000, 0);
  expect(arrivals(b)).toEqual([10, 20, 30]);
});

test("an opportunity that finds nobody waiting is lost, one in the very moment of arrival too", () => {
  const b = bench("10\n20\n");
  b.offer(0, 100, 10_000);
  expect(arrivals(b)).toEqual([20]);
});

test("a long silence passes whole rounds, also of a trace that began late", () => {
  const b = bench("1\n4\n", 500);
  b.offer(0, 1_500, 4_000_000_500 + 1_500);
  b.offer(1, 1_500, 4_000_000_500 + 1_500);
  expect(arrivals(b)).toEqual([4_000_000.5 + 4, 4_000_000.5 + 5]);
});

test.each([
  ["", "t: a trace needs at least one time after 0 ms"],
  ["0\n0\n", "t: a trace needs at least one time after 0 ms"],
  ["1\nx\n", 't:2: "x" is not a time in whole milliseconds'],
  ["1\n-2\n", 't:2: "-2" is not a time in whole milliseconds'],
  ["5\n\n4\n", "t:3: the times of a trace must not decrease"],
])("%j is refused with its line", (text, message) => {
  expect(() => parseTrace(text, "t")).toThrow(new LinkSyntaxError(message, "", 1));
});
