/**
 * `MUTANT=name bun --preload test/mutants/preload.ts test/mutants/hunt.ts SECONDS`: looks for something that notices. Prints
 * one line: what noticed, or nothing. With MUTANT_FROM_1 it does not begin with the seed that is known.
 */

import { trySeed } from "../sim/swarm/swarm.ts";
import { CHECKS } from "./checks.ts";
import { CAUGHT_BY } from "./seeds.ts";

/** Processor time: what runs beside it does not shorten the hunt. */
const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const until = Number(process.argv[2] ?? 5);
console.log(hunt());

function hunt(): string {
  for (const { name, broken } of CHECKS) {
    const how = broken();
    if (how !== undefined) return `check "${name}": ${how}`;
  }
  const known = CAUGHT_BY[process.env.MUTANT ?? ""];
  if (known !== undefined && process.env.MUTANT_FROM_1 === undefined) {
    const { wrong } = trySeed(known);
    if (wrong !== undefined) return `seed ${known}: ${wrong}`;
  }
  for (let seed = 1; spent() < until; seed++) {
    const { wrong } = trySeed(seed);
    if (wrong !== undefined) return `seed ${seed}: ${wrong}`;
  }
  return "";
}
