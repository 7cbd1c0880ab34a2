import { afterAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { CHECKS } from "./checks.ts";
import { MUTANTS } from "./mutants.ts";
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
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(15);
  for (const { find, replace } of MUTANTS) expect(replace).not.toBe(find);
  const names = MUTANTS.map(({ name }) => name);
  expect(Object.keys(CAUGHT_BY).filter((name) => !names.includes(name))).toEqual([]);
});
