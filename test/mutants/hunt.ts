/**
 * `MUTANT=name bun --preload test/mutants/preload.ts test/mutants/hunt.ts SECONDS`: looks for something that notices. Prints
 * one line: what noticed, or nothing.
 */

import { trySeed } from "../sim/swarm/swarm.ts";
import { CHECKS } from "./checks.ts";

const until = performance.now() + Number(process.argv[2] ?? 5) * 1000;
console.log(hunt());

function hunt(): string {
  for (const { name, broken } of CHECKS) {
    const how = broken();
    if (how !== undefined) return `check "${name}": ${how}`;
  }
  for (let seed = 1; performance.now() < until; seed++) {
    const { wrong } = trySeed(seed);
    if (wrong !== undefined) return `seed ${seed}: ${wrong}`;
  }
  return "";
}
