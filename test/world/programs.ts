/** Programs of `test/world/programs`, which run in Bun and in Node: each line that they print is the result of one case. */
import { expect } from "bun:test";
import { join } from "node:path";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";

const lacking = lacksPackages("world");
const modules = join(packagesFolder("world"), "node_modules");
const NODE = join(modules, `node-linux-${process.arch}/bin/node`);

async function run(runtime: string, program: string): Promise<void> {
  const command = [runtime, join(ROOT, "test/world/programs", program), modules];
  const env = { ...process.env, NODE_NO_WARNINGS: "1" };
  const child = Bun.spawn(command, { cwd: ROOT, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const lines = out.split("\n").filter((line) => line !== "");
  const failed = lines.filter((line) => !line.startsWith("ok ")).join("\n");
  expect([failed, await child.exited, lines.length > 0 ? "" : err]).toEqual(["", 0, ""]);
}

/** Each case of the program must be right, in Bun. */
export function testInBun(program: string, what: string, reason = ""): void {
  testUnless(reason, `${what}, in Bun`, () => run(process.execPath, program), 120_000);
}

/** Each case of the program must be right, in both runtimes. @param packages whether it needs some of test/world/npm in Bun as well */
export function testProgram(program: string, what: string, packages = false): void {
  testInBun(program, what, packages ? lacking : "");
  testUnless(lacking, `${what}, in Node`, () => run(NODE, program), 120_000);
}
