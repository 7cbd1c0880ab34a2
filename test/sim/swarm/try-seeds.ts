import { test } from "bun:test";
import { explain, trySeed } from "./swarm.ts";

const PART = 50;

/**
 * Tests that run the scenarios of these seeds.
 * @returns what was counted in any of them; runs those that no test has run
 */
export function trySeeds(first: number, last: number): () => ReadonlySet<string> {
  const marks = new Set<string>();
  let tried = first;
  const tryUpTo = (end: number) => {
    for (; tried <= end; tried++) {
      const { report, wrong } = trySeed(tried);
      if (wrong !== undefined) throw new Error(explain(tried));
      for (const mark of report.marks) marks.add(mark);
    }
  };
  for (let seed = first; seed <= last; seed += PART) {
    const end = Math.min(last, seed + PART - 1);
    test(`random simulation: no invariant is broken by the seeds ${seed} to ${end}`, () => {
      tried = seed;
      tryUpTo(end);
    });
  }
  return () => {
    tryUpTo(last);
    return marks;
  };
}
