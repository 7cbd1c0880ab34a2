import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./root.ts";

/** Where `bun run test` has built the program for all test files. */
export const PROGRAM_VARIABLE = "TCPNET_TEST_PROGRAM";

const given = process.env[PROGRAM_VARIABLE];
const built = given !== undefined && existsSync(given) ? given : undefined;

/**
 * How tests start the program: as `bun run test` has built it, which starts with half of the work; from source where a test
 * file runs by itself.
 */
export const TCPNET: readonly string[] = built ? [built] : [process.execPath, `${ROOT}src/cli/main.ts`];

let building: Promise<string> | undefined;

/**
 * The compiled program, as people have it. `bun run test` builds it once, before any test file; a file that runs by itself
 * (`bun test FILE`) builds its own, once, and removes it at its end.
 */
export function builtProgram(): Promise<string> {
  building ??= find();
  return building;
}

async function find(): Promise<string> {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-built-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "tcpnet");
  const child = Bun.spawn(buildCommand(program), { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`the program could not be built:\n${out}${err}`);
  return program;
}

export const buildCommand = (program: string): string[] => [process.execPath, `${ROOT}src/cli/build.ts`, program];
