/**
 * `bun test/kernel/oracle.ts [WORD…]`: every script of test/drill that is written for Linux, against this machine's kernel:
 * does it do what we say it does? Words narrow it down by path. What differs is tried again alone, since a busy processor
 * is late; what differs on purpose is in differences.md. Exit code 1 if anything else does.
 */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { dirname, relative } from "node:path";
import { onKernel } from "#cli/drill-kernel";
import { onStack, type Player, played } from "#lab/drill/main";
import { type Reported, scriptLines } from "#lab/drill/report";
import { OWN, profileOf } from "../drill/own.ts";

/** Scripts that idle longer are left to virtual time. */
const LONGEST_USECS = 120e6;
const JOBS = 6;
/** How often a script that differs is tried alone. */
const TRIES = 2;

const FOLDER = `${import.meta.dir}/../drill/`;
const options = { profile: "linux", defines: new Map(), options: new Map(), strict: true, seed: 1 } as const;

/** `- \`folder/script.pkt\`: why` */
export function knownDifferences(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^- `([^`]+)`: (.+(?:\n {2}.+)*)/gm)].map((match) => [match[1]!, match[2]!]));
}

type Verdict = "agree" | "known" | "differ" | "long";
const VERDICTS: readonly Verdict[] = ["agree", "known", "differ", "long"];

interface Judged {
  readonly name: string;
  readonly verdict: Verdict;
  readonly reported: Reported;
}

async function judge(words: readonly string[]): Promise<Judged[]> {
  const known = knownDifferences(readFileSync(`${import.meta.dir}/differences.md`, "utf8"));
  const files = OWN.map(({ path }) => path).filter(
    (path) => profileOf(path) === "linux" && (words.length === 0 || words.some((word) => path.includes(word))),
  );
  const [stack, kernel] = [onStack(options), onKernel(options)];
  const virtually = new Map<string, Reported>();
  for await (const reported of played(files, stack, 1)) virtually.set(reported.file, reported);
  const short = files.filter((file) => virtually.get(file)!.result.virtualUsecs <= LONGEST_USECS);
  const judged: Judged[] = [];
  const first = new Map<string, Reported>();
  for await (const reported of played(short, kernel, JOBS)) first.set(reported.file, reported);
  for (const file of files) {
    const name = relative(FOLDER, file);
    const found = first.get(file);
    const reported = found && (await again(found, known.has(name) ? 0 : TRIES, kernel));
    const agrees = reported?.result.status === "ok";
    const verdict = reported ? (agrees ? "agree" : known.has(name) ? "known" : "differ") : "long";
    judged.push({ name, verdict, reported: reported ?? virtually.get(file)! });
  }
  return judged;
}

async function again(reported: Reported, tries: number, play: Player): Promise<Reported> {
  if (reported.result.status === "ok" || tries === 0) return reported;
  return again(await play(reported.file), tries - 1, play);
}

function table(judged: readonly Judged[]): string[] {
  const folders = [...new Set(judged.map(({ name }) => dirname(name)))];
  const width = Math.max(...folders.map((folder) => folder.length));
  const line = (name: string, cells: readonly (number | string)[]) =>
    `${name.padEnd(width)} ${cells.map((cell) => `${cell || "·"}`.padStart(7)).join("")}`;
  const count = (of: readonly Judged[]) => VERDICTS.map((v) => of.filter(({ verdict }) => verdict === v).length);
  return [
    line("", VERDICTS),
    ...folders.map((folder) => line(folder, count(judged.filter(({ name }) => dirname(name) === folder)))),
    line("all", count(judged)),
  ];
}

if (import.meta.main) {
  const judged = await judge(process.argv.slice(2));
  const of = (wanted: Verdict) => judged.filter(({ verdict }) => verdict === wanted);
  for (const { reported } of of("differ")) console.log(scriptLines(reported, false).join("\n"));
  console.log(["", `Linux ${release()}`, ...table(judged)].join("\n"));
  process.exitCode = of("differ").length > 0 ? 1 : 0;
}
