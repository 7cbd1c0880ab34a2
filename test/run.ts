/**
 * `bun run test`: lint, types, then every test; one summary, whose last line is `N passed, N failed`. Words behind it are
 * handed to `bun test` (`bun run test/run.ts test/tcp` runs only those).
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = `${ROOT}node_modules/.bin`;

/** Where many things run beside a test, its five seconds are over before it is wrong. */
const TIMEOUT_MS = "30000";

interface Counts {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

/** Runs a tool to its end, its output passed on as it comes. */
async function run(
  command: readonly string[],
): Promise<{ readonly code: number; readonly text: string; readonly seconds: number }> {
  const began = performance.now();
  const child = Bun.spawn([...command], { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "pipe" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    // The summary stands at the end.
    text = (text + decoder.decode(chunk, { stream: true })).slice(-20_000);
  }
  const code = await child.exited;
  return { code, text, seconds: (performance.now() - began) / 1000 };
}

/** A tool that is right or wrong as a whole. */
async function check(name: string, command: readonly string[]): Promise<Counts> {
  const { code, seconds } = await run(command);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, seconds };
}

async function tests(args: readonly string[]): Promise<Counts> {
  const { code, text, seconds } = await run([process.execPath, "test", "--timeout", TIMEOUT_MS, ...args]);
  const plain = Bun.stripANSI(text);
  const count = (what: string) =>
    Number([...plain.matchAll(new RegExp(`^\\s*(\\d+) ${what}$`, "gm"))].at(-1)?.[1] ?? 0);
  const failed = count("fail");
  // A run that ended without saying what failed (a crash, no test found) has failed.
  return {
    name: "tests",
    passed: count("pass"),
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: count("skip"),
    seconds,
  };
}

const args = process.argv.slice(2);
const all = [
  await check("lint", [`${BIN}/biome`, "check", "--error-on-warnings", "."]),
  await check("types", [`${BIN}/tsc`, "--noEmit"]),
  await tests(args),
];
console.log("");
for (const { name, passed, failed, skipped, seconds } of all) {
  const skips = skipped > 0 ? `, ${skipped} skipped` : "";
  console.log(
    `${failed === 0 ? "✓" : "✗"} ${name.padEnd(6)} ${passed} passed, ${failed} failed${skips}   ${seconds.toFixed(1)} s`,
  );
}
const sum = (key: "passed" | "failed") => all.reduce((total, each) => total + each[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
