/** The numbers of the report's charts are those of the record. */
import { describe, expect, test } from "bun:test";
import { wayOf } from "#report/model/direction";
import { rateSeries, windowSeries } from "#report/page/series";
import { judged, recorded, told } from "./runs.ts";

const PLAN = { link: "delay 20ms rate 20mbit queue 100", bytes: 2e6 };
const known = (column: ArrayLike<number | null>) => Array.from(column).filter((value) => value !== null);

describe("pacing", () => {
  const run = recorded({ ...PLAN, params: { pacing: true } });
  const { metrics, trips } = run;

  test("stands beside the windows as what it allows per round trip", () => {
    const [times, cwnd, , , , paced] = windowSeries(run, 0);
    expect(paced!.length).toBe(times!.length);
    // Linux' ratios: twice cwnd per round trip in slow start, 1.2 times after it.
    const ratios = Array.from(paced!, (octets, i) => (octets === null ? 0 : octets / cwnd![i]!)).filter((r) => r > 0);
    const median = ratios.toSorted((a, b) => a - b)[ratios.length >> 1]!;
    expect(ratios.length).toBeGreaterThan(200);
    expect([median > 1.1 && median < 2.1, median]).toEqual([true, median]);
  });

  test("stands beside the goodput as bits per second", () => {
    const [, good, , pace] = rateSeries(run, wayOf(run, 0, 0), 0, trips.time.at(-1)! / 1e6);
    const last = Array.from(metrics.owner).lastIndexOf(0);
    expect(known(pace!).at(-1)).toBe(metrics.pacing[last]! * 8);
    const most = Math.max(...Array.from(good!, (value) => value ?? 0));
    expect(Math.max(...known(pace!))).toBeGreaterThan(most);
  });

  test("is what a sender waits for that has room in its windows", () => {
    const { share, words } = told(judged({ ...PLAN, params: { pacingRateMax: 500_000 } }));
    expect(share("pacing")).toBeGreaterThan(0.8);
    expect(share("small-segment")).toBe(0);
    expect(words).toContain("limited by pacing, which spreads the data over the round trip");
  });

  test("has no line where nothing is paced", () => {
    const plain = recorded(PLAN);
    expect(windowSeries(plain, 0).length).toBe(5);
    expect(rateSeries(plain, wayOf(plain, 0, 0), 0, 1).length).toBe(3);
    expect(told(judged(PLAN)).share("pacing")).toBe(0);
  });
});
