/**
 * `bun run test`: installs what tests need (not with --no-setup), then lint, types and every test; one summary, whose last
 * line is `N passed, N failed`. Words behind it are handed to `bun test` (`bun run test/run.ts test/tcp` runs only those).
 */
import { fileURLToPath } from "node:url";
import { setUp } from "./run/set-up.ts";
import { withSbin } from "./support/tools.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = `${ROOT}node_modules/.bin`;

/** Where many things run beside a test, its five seconds are over before it is wrong. */
const TIMEOUT_MS = "120000";

/** How much of the reason for a failure is repeated at the end. */
const REASON_LINES = 40;

interface Counts {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What failed: its name, the command that runs it alone, and why. */
  readonly failures: readonly string[];
}

/** Runs a tool to its end, its output passed on as it comes; what it said on stderr is handed over line by line as well. */
async function run(
  command: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<{ readonly code: number; readonly seconds: number }> {
  const began = performance.now();
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    env: process.env,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
  });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(Bun.stripANSI(line));
  }
  onLine(rest);
  const code = await child.exited;
  return { code, seconds: (performance.now() - began) / 1000 };
}

/** A tool that is right or wrong as a whole. */
async function check(name: string, command: readonly string[]): Promise<Counts> {
  const { code, seconds } = await run(command);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, seconds, failures: [] };
}

/** What a failure leaves in `bun test`'s output is read again: it stands far above the summary. */
class Failures {
  readonly list: string[] = [];
  #file = "";
  #since: string[] = [];

  line(text: string): void {
    const heading = /^(\S+\.test\.ts):$/.exec(text);
    if (heading) {
      this.#file = heading[1]!;
      this.#since = [];
      return;
    }
    const name = /^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/.exec(text)?.[1];
    if (name === undefined) {
      if (text.trim() !== "") this.#since.push(text);
      if (this.#since.length > REASON_LINES) this.#since.shift();
      return;
    }
    const pattern = name
      .split(" > ")
      .at(-1)!
      .replace(/[^\w ,:-]/g, ".");
    this.list.push(
      [`✗ ${name}`, `  bun test ${this.#file} -t '${pattern}'`, ...this.#since.map((l) => `  │ ${l}`)].join("\n"),
    );
    this.#since = [];
  }
}

async function tests(args: readonly string[]): Promise<Counts> {
  const failures = new Failures();
  const counts = new Map<string, number>();
  const { code, seconds } = await run(
    [process.execPath, "test", "--reporter=dots", "--timeout", TIMEOUT_MS, ...args],
    (line) => {
      failures.line(line);
      const count = /^\s*(\d+) (pass|fail|skip)$/.exec(line);
      if (count) counts.set(count[2]!, Number(count[1]));
    },
  );
  const failed = counts.get("fail") ?? 0;
  // A run that ended without saying what failed (a crash, no test found) has failed.
  return {
    name: "tests",
    passed: counts.get("pass") ?? 0,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: counts.get("skip") ?? 0,
    seconds,
    failures: failures.list,
  };
}

const args = process.argv.slice(2).filter((word) => word !== "--no-setup");
process.env.PATH = withSbin(process.env.PATH);
await setUp(!process.argv.includes("--no-setup"));
const all = [
  await check("lint", [`${BIN}/biome`, "check", "--error-on-warnings", "."]),
  await check("types", [`${BIN}/tsc`, "--noEmit"]),
  await tests(args),
];
console.log("");
for (const failure of all.flatMap((each) => each.failures)) console.log(`${failure}\n`);
for (const { name, passed, failed, skipped, seconds } of all) {
  const skips = skipped > 0 ? `, ${skipped} skipped` : "";
  console.log(
    `${failed === 0 ? "✓" : "✗"} ${name.padEnd(6)} ${passed} passed, ${failed} failed${skips}   ${seconds.toFixed(1)} s`,
  );
}
const sum = (key: "passed" | "failed" | "skipped") => all.reduce((total, each) => total + each[key], 0);
const skips = sum("skipped") > 0 ? `, ${sum("skipped")} skipped` : "";
console.log(`${sum("passed")} passed, ${sum("failed")} failed${skips}`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
