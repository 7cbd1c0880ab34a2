import { test } from "bun:test";
import { explain, trySeed } from "./swarm.ts";

const PART = 50;

/** Tests that run the scenarios of these seeds. */
export function trySeeds(first: number, last: number): void {
  for (let seed = first; seed <= last; seed += PART) {
    const end = Math.min(last, seed + PART - 1);
    test(`random simulation: no invariant is broken by the seeds ${seed} to ${end}`, () => {
      for (let each = seed; each <= end; each++) if (trySeed(each).wrong !== undefined) throw new Error(explain(each));
    });
  }
}
