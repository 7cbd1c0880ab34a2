import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CHECKS } from "./checks.ts";
import { MUTANTS } from "./mutants.ts";
import { RULES, type RuleMutant } from "./rules.ts";
import { CAUGHT_BY } from "./seeds.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Seconds of processor time that a hunt may take; most take one. */
const PATIENCE = 30;
const caught: string[] = [];

/** What notices this mutant. */
async function hunt(name: string): Promise<string> {
  const command = [process.execPath, "--preload", "./test/mutants/preload.ts", "test/mutants/hunt.ts", `${PATIENCE}`];
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: { ...process.env, MUTANT: name },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${name}: the hunt itself failed\n${err}`);
  return out.trim();
}

/** Mutants of single rules that the test run tries: each eighth; `just mutants` tries all. */
const TRIED = process.env.MUTANT_FROM_1 === undefined ? RULES.filter((_, i) => i % 8 === 0) : RULES;

/** What the test or script says that is to fail with this mutant; "": it passes. */
async function failureOf({ name, by }: RuleMutant): Promise<string> {
  const preload = ["--preload", "./test/mutants/preload.ts"];
  const isScript = by.endsWith(".pkt");
  const run = isScript ? [...preload, "src/cli/main.ts", "drill", by] : ["test", ...preload, `./${by}`];
  const child = Bun.spawn([process.execPath, ...run], {
    cwd: ROOT,
    env: { ...process.env, MUTANT: name },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) === 0) return "";
  // What does not even run shows nothing.
  const said = `${out}\n${err}`.split("\n").find((line) => line.startsWith(isScript ? "FAIL" : "(fail)"));
  if (said === undefined) throw new Error(`${name}: ${by} did not run\n${out}${err}`);
  return said;
}

describe("a rule broken in one line is caught by the test or script that is about it", () => {
  for (const mutant of TRIED) {
    test(mutant.name, async () => expect(await failureOf(mutant)).not.toBe(""), PATIENCE * 10_000);
  }
});

describe("a stack with one rule broken is caught", () => {
  for (const { name } of MUTANTS) {
    test(
      name,
      async () => {
        const by = await hunt(name);
        expect(by).not.toBe("");
        caught.push(`${name.padEnd(52)}${by.slice(0, 110)}`);
      },
      PATIENCE * 10_000,
    );
  }

  afterAll(() => {
    console.log(`\n${caught.length} mutants of ${MUTANTS.length}, and what caught each:\n${caught.join("\n")}`);
  });
});

test("the stack as it is passes the checks", () => {
  for (const { name, broken } of CHECKS) expect([name, broken()]).toEqual([name, undefined]);
});

test("mutants have names of their own, and change something", () => {
  const all = [...MUTANTS, ...RULES];
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(80);
  expect(all.filter(({ file }) => /^tcp\/(loss|congestion)\//.test(file)).length).toBeGreaterThanOrEqual(30);
  for (const { find, replace } of all) expect(replace).not.toBe(find);
  const names = MUTANTS.map(({ name }) => name);
  expect(Object.keys(CAUGHT_BY).filter((name) => !names.includes(name))).toEqual([]);
});

test("what mutants change stands in the source exactly once, and what catches them is there", () => {
  const source = (file: string) => readFileSync(`${ROOT}src/${file}`, "utf8");
  const odd = [...MUTANTS, ...RULES].filter(({ file, find }) => source(file).split(find).length !== 2);
  expect(odd.map(({ name }) => name)).toEqual([]);
  expect(RULES.filter(({ by }) => !existsSync(`${ROOT}${by}`)).map(({ name }) => name)).toEqual([]);
});
