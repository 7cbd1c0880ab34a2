import { expect, test } from "bun:test";
import { differences, readFigures } from "#lab/bench/diff";

const bulk = (bits: number) =>
  JSON.stringify({ start: {}, intervals: [], end: { sum_received: { bits_per_second: bits } } });
const rr = (rate: number, p50: number) =>
  JSON.stringify({
    end: {
      sum_received: { bits_per_second: 5 },
      tcpnet: { transactions_per_second: rate, latency_us: { p50, p99: 2 * p50 } },
    },
  });

test("less throughput is worse, less latency is better", () => {
  const compare = (a: string, b: string) =>
    differences(readFigures(a)!, readFigures(b)!).map(({ name, worse }) => [name, Math.round(worse)]);
  expect(compare(bulk(100), bulk(90))).toEqual([["received", 10]]);
  expect(compare(bulk(100), bulk(150))).toEqual([["received", -50]]);
  expect(compare(rr(1000, 10), rr(900, 12))).toEqual([
    ["transactions", 10],
    ["latency p50", 20],
    ["latency p99", 20],
  ]);
  expect(compare(bulk(100), rr(1, 1))).toEqual([]);
});

test("a stream of events is a result as well; ratios are compared by their names", () => {
  const stream = ['{"event":"start","data":{}}', `{"event":"end","data":${JSON.stringify(JSON.parse(bulk(7)).end)}}`];
  expect(readFigures(`${stream.join("\n")}\n`)!.get("received")!.value).toBe(7);
  const versus = (ratio: number) => JSON.stringify({ versus: [{ name: "bulk", ratio }] });
  const [only] = differences(readFigures(versus(0.8))!, readFigures(versus(0.4))!);
  expect([only!.name, only!.worse]).toEqual(["ratio of bulk", 50]);
});

test("what is no result is none: other JSON, no JSON, a test that failed", () => {
  for (const text of [
    "",
    "{}",
    "[]",
    "null",
    "5",
    "x",
    "{",
    '{"end":{}}',
    '{"event":"start"}',
    '{"end":{"sum_received":{"bits_per_second":"9"}}}',
  ]) {
    expect(readFigures(text)).toBeNull();
  }
  expect(readFigures(bulk(0))).toBeNull();
});
