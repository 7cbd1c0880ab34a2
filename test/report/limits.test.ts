/** What limited a sender over time, from tables that are larger than any run of a test. */
import { expect, test } from "bun:test";
import { wayOf } from "#report/model/direction";
import { HappeningTable, MetricTable } from "#report/model/event-tables";
import { LIMIT } from "#report/model/run";
import { limitsOf } from "#report/verdict/limits";
import { LIMIT_NAMES } from "#tcp/words/names";
import { recorded } from "./runs.ts";

const CHANGES = 50_000;

test("a run with as many recoveries as changes of the limit is judged in time that grows with their number", () => {
  const run = recorded({ link: "delay 20ms rate 10mbit queue 20", bytes: 300_000 });
  const end = run.packets.time.at(-1)!;
  const cause = (name: string) => run.rules.findIndex((rule) => rule.name === name);
  const causes = [cause("tcp.cc.enter-recovery"), cause("tcp.cc.exit-recovery")];
  expect(causes).not.toContain(-1);
  const happenings = new HappeningTable();
  const metrics = new MetricTable();
  for (let i = 0; i < CHANGES; i++) {
    const time = (end * i) / CHANGES;
    const a = LIMIT_NAMES.indexOf(i % 2 === 0 ? "congestion-window" : "application");
    happenings.add({ time, owner: 0, what: LIMIT, a, b: 0, cause: 0 });
    const windows = { cwnd: 1, ssthresh: 1, inFlight: 1, window: 1, pacing: 0 };
    metrics.add({ time: time + end / CHANGES / 2, owner: 0, ...windows, cause: causes[i % 2]! });
  }
  const large = { ...run, happenings: happenings.table(), metrics: metrics.table() };
  const began = performance.now();
  const intervals = limitsOf(large, wayOf(large, 0, 0))!;
  // Every pair would be 2,500,000,000 steps.
  expect(performance.now() - began).toBeLessThan(3_000);
  const sum = (kind: string) =>
    intervals
      .filter((each) => each.kind === kind)
      .reduce((time, each) => time + Math.max(0, Math.min(each.end, end) - each.start), 0) / end;
  expect(intervals.length).toBeGreaterThan(CHANGES);
  expect(sum("application")).toBeCloseTo(0.5, 1);
  // In the middle of each span of the congestion window a recovery begins.
  expect([sum("recovery"), sum("congestion")]).toEqual([expect.closeTo(0.25, 1), expect.closeTo(0.25, 1)]);
});
