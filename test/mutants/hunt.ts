/**
 * `MUTANT=name bun --preload test/mutants/preload.ts test/mutants/hunt.ts SECONDS`: looks for something that notices. Prints
 * one line: what noticed, or nothing.
 */

import { trySeed } from "../sim/swarm/swarm.ts";
import { CHECKS } from "./checks.ts";

/** Processor time: what runs beside it does not shorten the hunt. */
const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const until = Number(process.argv[2] ?? 5);
console.log(hunt());

function hunt(): string {
  for (const { name, broken } of CHECKS) {
    const how = broken();
    if (how !== undefined) return `check "${name}": ${how}`;
  }
  for (let seed = 1; spent() < until; seed++) {
    const { wrong } = trySeed(seed);
    if (wrong !== undefined) return `seed ${seed}: ${wrong}`;
  }
  return "";
}
