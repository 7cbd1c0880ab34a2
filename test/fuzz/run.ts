/**
 * `bun test/fuzz/run.ts [PACKETS] [SEED] [--keep]`: fuzzes until so many packets were taken in (default 1,000,000), one seed
 * after the other. What is found is shrunk and printed; with `--keep` it becomes a file of the corpus. Exit code 1 if
 * anything was found.
 */
import { Fuzzer, shrink } from "./fuzzer.ts";

const TURNS = 1500;
const keep = process.argv.includes("--keep");
const [wanted = 1_000_000, first = 1] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith("--"))
  .map(Number);

let packets = 0;
let found = 0;
const kinds = new Set<string>();
for (let seed = first; packets < wanted; seed++) {
  const outcome = new Fuzzer(seed).run(TURNS);
  packets += outcome.packets;
  const { finding } = outcome;
  if (finding === null) continue;
  found++;
  const kind = finding.message.replace(/-?\d+/g, "#");
  console.log(`seed ${seed}: ${finding.message} (${finding.steps.length} steps)`);
  if (kinds.has(kind)) continue;
  kinds.add(kind);
  const small = shrink(finding);
  console.log(`  shrunk to ${small.steps.length} steps; again: bun test/fuzz/run.ts 1 ${seed}`);
  if (keep) await Bun.write(`${import.meta.dir}/corpus/seed-${seed}.json`, `${JSON.stringify(small, null, 1)}\n`);
  if (kinds.size >= 10) break;
}
console.log(`${packets} packets, ${found} findings`);
process.exitCode = found > 0 ? 1 : 0;
