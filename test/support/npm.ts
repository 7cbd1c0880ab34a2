/**
 * Packages of npm that only tests use, and that are too many or too heavy for everybody who clones the repository. A set is a folder
 * `test/NAME/npm` with a package.json and a bun.lock; `bun run test` installs it, without the packages' install scripts, where git does not see
 * it. A test asks `lacksPackages(NAME)` and is skipped without them.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";

const FILES = ["package.json", "bun.lock"] as const;

/** The names of all sets. */
export const packageSets = (): string[] =>
  [...new Bun.Glob("test/*/npm/package.json").scanSync({ cwd: ROOT })].map((path) => path.split("/")[1]!).sort();

/** The folder in which a set is installed: another one for each version of the set. */
export function packagesFolder(name: string): string {
  const texts = FILES.map((file) => readFileSync(join(ROOT, "test", name, "npm", file), "utf8"));
  return join(ROOT, "node_modules/.cache/tcpnet-npm", `${name}-${Bun.hash(texts.join("\n")).toString(36)}`);
}

/** Why a test that needs these packages cannot run here, or "". */
export function lacksPackages(name: string): string {
  if (existsSync(packagesFolder(name))) return "";
  return `the npm packages of test/${name}/npm are not installed (bun run test test/${name} installs them)`;
}

/** Installs a set; returns "", or what went wrong. */
export async function installPackages(name: string): Promise<string> {
  const folder = packagesFolder(name);
  if (existsSync(folder)) return "";
  // Another run may be at the same, and an installation that was interrupted must not pass for a whole one.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  for (const file of FILES) copyFileSync(join(ROOT, "test", name, "npm", file), join(unfinished, file));
  const command = [process.execPath, "install", "--frozen-lockfile", "--ignore-scripts"];
  const child = Bun.spawn(command, { cwd: unfinished, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    return `${out}${err}`.trim().split("\n").at(-1) ?? "bun install failed";
  }
  if (existsSync(folder)) rmSync(unfinished, { recursive: true, force: true });
  else renameSync(unfinished, folder);
  return "";
}
