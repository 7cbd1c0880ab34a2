import { expect } from "bun:test";
import type { Firewall, TrialReport } from "./firewalls.ts";

/** What every firewall's trial must have shown. */
export function expectTrial(firewall: Firewall, report: TrialReport): void {
  expect(report.byHand.outcome).toBe("dropped");
  if (firewall.opens) {
    expect(report.up.text).toContain("✓");
    expect(report.up.outcome).toBe("passed");
    expect(report.up.exitCode).toBe(0);
    expect(report.again).toEqual({ steps: 0, outcome: "passed" });
    expect(report.status.trusts.length).toBeGreaterThan(0);
    expect(new Set(report.status.trusts)).toEqual(new Set(["yes"]));
    expect(report.status.exitCode).toBe(0);
  } else {
    expect(report.up.outcome).toBe("dropped");
    expect(report.up.exitCode).toBe(3);
    expect(report.up.fixes.length).toBe(1);
    expect(report.typed).toBe("passed");
    expect(report.again.steps).toBe(0);
  }
  expect(report.steady).toBe(true);
  expect(report.down.exitCode).toBe(0);
  expect(report.down.outcomes).not.toContain("left");
  expect(report.left).toEqual(report.found);
  expect(report.downAgain).toBe(0);
}
