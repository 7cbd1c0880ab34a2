/**
 * Measures everything in docs/PERFORMANCE.md anew, with the compiled program, and writes the figures between its marks:
 *
 *     bun run build && bun test/bench/performance.ts [ROUNDS]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { type Comparison, versusTable } from "#lab/bench/versus";
import { ROOT } from "../support/root.ts";

const FILE = `${ROOT}docs/PERFORMANCE.md`;
const ROUNDS = process.argv[2] ?? "5";

/** What is measured, in the order of the document: once as somebody who types the command sees it, then what a program reaches after 5 s. */
const COMMANDS = [
  "bench --vs kernel",
  "bench --vs kernel -O 5",
  "bench --vs kernel -O 5 -R",
  "bench --vs kernel -O 5 --bidir",
  "bench --vs kernel -O 5 -P 8",
  "bench --vs kernel -O 5 --no-offload",
  "bench --vs kernel -O 5 --crr -P 64",
  "bench --vs kernel -O 5 --rr -P 64",
  "bench --vs kernel -O 5 --rr -l 16Ki",
  "bench --vs pump -O 5",
];

interface Result {
  readonly against: string;
  readonly versus: readonly Comparison[];
}

function measure(command: string): Result {
  const words = [...command.split(" "), "--rounds", ROUNDS, "--json"];
  const { exitCode, stdout, stderr } = Bun.spawnSync(["./tcpnet", ...words], { cwd: ROOT, stdin: "pipe" });
  if (exitCode !== 0) throw new Error(`tcpnet ${command}: ${stderr}`);
  return JSON.parse(stdout.toString()) as Result;
}

const begun = loadavg()[0]!;
const sections = COMMANDS.map((command) => {
  console.log(`tcpnet ${command}`);
  const { against, versus } = measure(command);
  const table = versusTable(versus, against).map((line) => line.trimEnd());
  console.log(table.join("\n"));
  return `\`./tcpnet ${command}\`\n\n\`\`\`\n${table.join("\n")}\n\`\`\`\n`;
});
const machine = `${cpus().length} processors (${cpus()[0]!.model.trim()}), Linux ${release()}, Bun ${Bun.version}`;
const load = `load average ${begun.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after`;
const text = [`Measured on ${machine}; medians of ${ROUNDS} runs of 3 s each, ${load}.`, "", ...sections].join("\n");
const document = readFileSync(FILE, "utf8");
const marks = /(<!-- figures -->\n)[\s\S]*(<!-- end of the figures -->)/;
if (!marks.test(document)) throw new Error(`${FILE} has no marks`);
writeFileSync(
  FILE,
  document.replace(marks, (_, first: string, last: string) => `${first}\n${text}\n${last}`),
);
