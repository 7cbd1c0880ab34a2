/** `tcpnet/sim` of the packed package in the test runners of others: the same application, and the examples. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packed } from "../package/packed.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-world-runners-"));
const lacking = lacksPackages("world");
const modules = join(packagesFolder("world"), "node_modules");
const NODE = join(modules, `node-linux-${process.arch}/bin/node`);

beforeAll(async () => {
  if (lacking !== "") return;
  const made = await packed();
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(modules)) symlinkSync(join(modules, name), join(folder, "node_modules", name));
  cpSync(made.folder, join(folder, "node_modules/tcpnet"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  for (const name of ["application.ts", "scenario.ts", "certificate.ts"])
    cpSync(join(ROOT, "test/world/runners", name), join(folder, name));
  for (const name of ["bun", "node", "vitest"])
    cpSync(join(ROOT, `test/world/runners/${name}-runner.ts`), join(folder, `${name}.test.ts`));
  for (const name of readdirSync(join(ROOT, "examples/sim")))
    cpSync(join(ROOT, "examples/sim", name), join(folder, name));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...command: string[]): Promise<{ readonly code: number; readonly out: string }> {
  const { TCPNET_SEED: _, NODE_TEST_CONTEXT: __, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1" };
  const child = Bun.spawn(command, { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out: out + err };
}

/** The time and the digest of the scenario's run. */
function told({ code, out }: { readonly code: number; readonly out: string }): string {
  const found = /RUN (\{.*\})/.exec(out)?.[1];
  if (code !== 0 || found === undefined) throw new Error(`exit code ${code}\n${out}`);
  return found;
}

const nodeTest = (file: string) => run(NODE, "--no-warnings", "--test", "--test-force-exit", file);
const bunTest = (file: string) => run(process.execPath, "test", "--timeout", "100000", `./${file}`);

describe("pg, http, https, fetch, dgram and net of an application run in virtual time", () => {
  testUnless(lacking, "in bun test, with module mocks", async () => {
    const first = told(await bunTest("bun.test.ts"));
    expect(told(await bunTest("bun.test.ts"))).toBe(first);
  });

  testUnless(lacking, "in node:test and vitest, where all happens in the same way", async () => {
    const vitest = await run(NODE, join(modules, "vitest/vitest.mjs"), "run", "vitest.test.ts");
    expect(told(vitest)).toBe(told(await nodeTest("node.test.ts")));
  });
});

describe("the first program of docs/SIM.md", () => {
  const page = readFileSync(join(ROOT, "docs/SIM.md"), "utf8");
  const [, code, said] = /^```ts\n([\s\S]*?)^```\n\nIt prints `([^`]*)` in Bun/m.exec(page)!;
  const printed = /^you asked for \/this after \d+ ms\r?\n$/;
  // Node makes process.stdout of a net.Socket or tty.WriteStream when it is first used, which is in the world.
  const cases = [
    ["node, into a pipe", (file: string) => [NODE, "--no-warnings", "--experimental-strip-types", file]],
    [
      "node, on a terminal",
      (file: string) => ["script", "-qec", `${NODE} --no-warnings --experimental-strip-types ${file}`, "/dev/null"],
    ],
    ["bun, into a pipe", (file: string) => [process.execPath, file]],
  ] as const;
  for (const [where, command] of cases) {
    const lacks = lacking !== "" || Bun.which(command("")[0]!) !== null ? lacking : "there is no script(1)";
    testUnless(lacks, `runs and speaks in ${where}`, async () => {
      writeFileSync(join(folder, "first.ts"), code!);
      const { code: exit, out } = await run(...command("first.ts"));
      expect([exit, out]).toEqual([0, expect.stringMatching(printed)]);
      if (where.startsWith("bun")) expect(out.trim()).toBe(said!);
    });
  }
});

describe("the examples find their bug, and not in what mends it", () => {
  for (const name of ["retry-storm", "keep-alive", "counter"]) {
    testUnless(lacking, `${name} in node:test`, async () => {
      const { code, out } = await nodeTest(`${name}.test.ts`);
      expect([code, code === 0 ? "" : out]).toEqual([0, ""]);
      const [, seed] = new RegExp(`replay: TCPNET_SEED=(\\d+) node --test \\./${name}\\.test\\.ts`).exec(out)!;
      const report = join(folder, `node_modules/.cache/tcpnet-sim/${name}.test-seed-${seed}.html`);
      expect(out).toContain(`report: node_modules/.cache/tcpnet-sim/${name}.test-seed-${seed}.html`);
      expect(existsSync(report) && readFileSync(report, "utf8")).toContain(`seed ${seed}`);
    });
  }

  testUnless(lacking, "retry-storm in bun test", async () => {
    const { code, out } = await bunTest("retry-storm.test.ts");
    expect([code, code === 0 ? "" : out]).toEqual([0, ""]);
    expect(out).toMatch(/replay: TCPNET_SEED=\d+ bun test \.\/retry-storm\.test\.ts/);
  });
});
