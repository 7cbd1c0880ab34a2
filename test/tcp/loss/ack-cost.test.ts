/** What an ACK costs depends on what it tells, not on how much is in flight. Counted in reads of the scoreboard, not in time. */
import { describe, expect, test } from "bun:test";
import { AckClock, type Path } from "../../support/ack-clock.ts";

function readsPerAck(window: number, path: Path): number {
  const clock = new AckClock(window, path);
  // A window full, so that the scoreboard is what it stays.
  clock.warmUp(window);
  return clock.run(Math.min(window, 2000)).steps;
}

describe("the cost of an ACK", () => {
  test("is the same at every window where nothing is lost", () => {
    expect(readsPerAck(10_000, "clean")).toBe(readsPerAck(100, "clean"));
  });

  // From 1,000 segments on, an ACK has as many SACK blocks as fit, whatever the window is; in smaller windows it has fewer, and costs less.
  for (const path of ["loss", "reordering"] as const) {
    test(`hardly grows with the window where one segment in a hundred meets with ${path}`, () => {
      expect(readsPerAck(10_000, path)).toBeLessThan(1.5 * readsPerAck(1000, path));
    });
  }

  test("windows of 100,000 segments are filled", () => {
    const { flight } = new AckClock(100_000, "clean").run(10, false);
    expect(flight).toBeGreaterThanOrEqual(99_999);
  });
});
