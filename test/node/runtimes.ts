/** The runtimes that our `net` is tried with, and what they need. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";

const folder = () => packagesFolder("node");

/** Node 22, from the packages that tests install. */
const node = () => join(folder(), `node_modules/node-linux-${process.arch}/bin/node`);

function lacksNode(): string {
  return existsSync(node()) ? "" : `there is no package with Node for ${process.platform} on ${process.arch}`;
}

/** Why Node, or the packages of test/node/npm, are missing here; or "". */
export const lacking = lacksPackages("node") || lacksNode();

export const RUNTIMES = { Bun: () => process.execPath, Node: node } as const;

/** A line that a program prints. */
export interface Result {
  readonly name: string;
  /** Null: it was as it should be. */
  readonly error: string | null;
}

/** Runs a program of the tests, which prints a line of JSON for each of its cases. */
export async function results(runtime: keyof typeof RUNTIMES, program: string, ...args: string[]): Promise<Result[]> {
  const command = [RUNTIMES[runtime](), join(ROOT, program), ...args];
  const child = Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  const lines = out.split("\n").filter((line) => line !== "");
  const all = lines.map((line): Result => JSON.parse(line));
  return code === 0 ? all : [...all, { name: `${program} in ${runtime}`, error: `exit code ${code}\n${err}` }];
}

/** Those that went wrong, as text. */
export const failures = (all: readonly Result[]) =>
  all.filter(({ error }) => error !== null).map(({ name, error }) => `${name}: ${error}`);
