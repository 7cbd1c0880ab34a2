/** Prints the table of docs/EXPLAIN.md: `bun test/explain/score-table.ts [seeds per kind of run]`. */
import { captured, explained, type Side } from "./lab.ts";
import { PLANS } from "./plans.ts";
import { compare, precision, recall, type Scores } from "./score.ts";

const seeds = Number(process.argv[2] ?? 10);
const scores: Record<Side, Scores> = { sender: new Map(), receiver: new Map() };
for (const [name, plan] of PLANS) {
  for (let seed = 1; seed <= seeds; seed++) {
    const { truth, pcap } = captured({ ...plan, seed });
    for (const side of ["sender", "receiver"] as const) compare(scores[side], truth, explained(pcap[side]));
  }
  console.error(name);
}

const kinds = [...new Set([...scores.sender.keys(), ...scores.receiver.keys()])].sort();
console.log(`${PLANS.length * seeds} runs: ${PLANS.length} kinds, ${seeds} seeds each\n`);
console.log("| what | how much there was | sender: precision | recall | receiver: precision | recall |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
for (const kind of kinds) {
  const at = scores.sender.get(kind) ?? { right: 0, inferred: 0, true: 0 };
  const far = scores.receiver.get(kind) ?? { right: 0, inferred: 0, true: 0 };
  const amount = kind.startsWith("limit") ? `${(at.true / 1e6).toFixed(1)} s` : `${at.true}`;
  const cells = [at, far].flatMap((score) => [
    score.inferred === 0 ? "–" : precision(score).toFixed(3),
    recall(score).toFixed(3),
  ]);
  console.log(`| ${kind} | ${amount} | ${cells.join(" | ")} |`);
}
