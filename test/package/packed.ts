/** The package as users get it, built once for what the sources are now. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";

const CACHE = join(ROOT, "node_modules/.cache/tcpnet-package");
/** What becomes the package, or makes it. */
const SOURCES = [
  "src/**",
  "ffi/**",
  "package.json",
  "bun.lock",
  "tsconfig.json",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "docs/**",
  "examples/**",
];

export interface Packed {
  /** The tarball, and the folder of what is in it. */
  readonly tarball: string;
  readonly folder: string;
}

/** All files below a folder, by their path from there. */
export const filesIn = (folder: string): string[] =>
  [...new Bun.Glob("**").scanSync({ cwd: folder, dot: true })].sort();

async function must(command: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed:\n${out}${err}`);
}

function digest(): string {
  const hash = new Bun.CryptoHasher("sha256");
  const paths = SOURCES.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })]).sort();
  for (const path of paths) hash.update(`${path}\n`).update(readFileSync(join(ROOT, path)));
  return hash.digest("hex").slice(0, 16);
}

let packing: Promise<Packed> | undefined;

/** Packs as `npm pack` does, without touching dist/, in which somebody may be at work. */
export function packed(): Promise<Packed> {
  packing ??= pack();
  return packing;
}

async function pack(): Promise<Packed> {
  const name = digest();
  const done = join(CACHE, name);
  if (!existsSync(done)) {
    mkdirSync(CACHE, { recursive: true });
    for (const old of readdirSync(CACHE))
      if (!old.includes(".")) rmSync(join(CACHE, old), { recursive: true, force: true });
    const at = join(CACHE, `${name}.${process.pid}`);
    mkdirSync(at, { recursive: true });
    await must([process.execPath, join(ROOT, "src/package/build.ts"), join(at, "dist")], ROOT);
    const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { files: string[] };
    for (const file of ["package.json", "README.md", "LICENSE", ...files.filter((name) => name !== "dist")])
      cpSync(join(ROOT, file), join(at, file), { recursive: true });
    await must([process.execPath, "pm", "pack", "--ignore-scripts", "--filename", "tcpnet.tgz"], at);
    mkdirSync(join(at, "unpacked"));
    await must(["tar", "-xzf", "tcpnet.tgz", "-C", "unpacked", "--strip-components=1"], at);
    if (existsSync(done)) rmSync(at, { recursive: true, force: true });
    else renameSync(at, done);
  }
  return { tarball: join(done, "tcpnet.tgz"), folder: join(done, "unpacked") };
}
