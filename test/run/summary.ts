import type { Failure, Result } from "./job.ts";

/** What failed, what to type to see it again, and why. */
export function failureLines({ name, replay, reason }: Failure): string[] {
  return [`✗ ${name}`, `  ${replay}`, ...reason.map((line) => `  │ ${line}`), ""];
}

/** What is told at the end. The last line stands alone: `N passed, N failed`, and `, N skipped` where tests were. */
export function summary(results: readonly Result[]): string[] {
  const lines = results.flatMap(({ failures }) => failures.flatMap(failureLines));
  const sum = (key: "passed" | "failed" | "skipped") => results.reduce((n, each) => n + each[key], 0);
  const skipped = sum("skipped");
  if (skipped > 0) lines.push(...skips(results, skipped), "");
  lines.push(`${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return lines;
}

/** How many tests were skipped for which reason. */
function skips(results: readonly Result[], skipped: number): string[] {
  const reasons = new Map<string, number>();
  for (const line of results.flatMap((each) => each.skips)) {
    // `testUnless` prints the test's name, a colon, and the reason; a name may have a colon, too.
    const reason = line.split(": ").at(-1)!;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const told = [...reasons.values()].reduce((sum, n) => sum + n, 0);
  if (skipped > told) reasons.set("no reason was given", skipped - told);
  const count = (n: number) => `${n} ${n === 1 ? "test was" : "tests were"} SKIPPED`;
  return [...reasons].map(([reason, n]) => `${count(n)}: ${reason}`);
}

/** Which jobs took longest, and how much processor time each. */
export function slowest(results: readonly Result[], n: number): string {
  const ordered = [...results].sort((a, b) => b.seconds - a.seconds).slice(0, n);
  const told = ordered.map((each) => `${each.job.name} ${each.seconds.toFixed(0)} s (${each.processor.toFixed(0)} s)`);
  return told.join(", ");
}
