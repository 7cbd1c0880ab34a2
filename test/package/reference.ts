/**
 * The API reference: typedoc's pages about the package's declarations, in a folder that git ignores. `just api` makes out/api; the tests make it
 * to see that everything is documented, and that no link leads nowhere.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { packed } from "./packed.ts";

/** What typedoc has to complain of: names that are referred to and not exported, links, docstrings that are missing. */
export interface Reference {
  readonly complaints: readonly string[];
}

/** Names that no docstring can be had for, or that mean nothing outside: see each. */
const INTENDED = [
  // Parts of a type that is documented as a whole.
  "Common",
  "Writable",
  "Without",
  // What lists the names of a type.
  "ERRORS",
  "LIMIT_NAMES",
  "STATE_NAMES",
  // Fields of a Node socket that begin with an underscore, and a callback of undici's.
  "Attempts",
  "IdleTimer",
  "UndiciCallback",
];

/** Makes the pages in `out`. @param packed the folder of the package */
export async function reference(packed: string, out: string): Promise<Reference> {
  const scratch = mkdtempSync(join(tmpdir(), "tcpnet-reference-"));
  // Below node_modules typedoc takes everything for somebody else's.
  const folder = join(scratch, "tcpnet");
  cpSync(packed, folder, { recursive: true });
  const manifest = await Bun.file(join(folder, "package.json")).json();
  const entries = Object.entries(manifest.exports as Record<string, { types: string }>)
    .filter(([name]) => name !== "./package.json")
    .map(([, { types }]) => join(folder, types));
  try {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: "esnext",
      module: "esnext",
      moduleResolution: "bundler",
      types: ["bun-types"],
      typeRoots: [join(ROOT, "node_modules")],
    };
    const tsconfig = join(scratch, "tsconfig.json");
    writeFileSync(tsconfig, JSON.stringify({ compilerOptions, files: entries }));
    // The first page: its links into the repository are words here.
    const readme = join(scratch, "LIBRARY.md");
    const library = await Bun.file(join(folder, "docs/LIBRARY.md")).text();
    writeFileSync(readme, library.replace(/\[([^\]]+)\]\((?!https?:|#)[^)]*\)/g, "$1"));
    const options = {
      name: `tcpnet ${manifest.version}`,
      entryPoints: entries,
      tsconfig,
      out,
      readme,
      disableSources: true,
      excludeExternals: true,
      excludeInternal: true,
      excludePrivate: true,
      intentionallyNotExported: INTENDED,
      validation: { notExported: true, invalidLink: true, rewrittenLink: true, notDocumented: true },
    };
    const file = join(scratch, "typedoc.json");
    writeFileSync(file, JSON.stringify(options));
    const tools = join(packagesFolder("package"), "node_modules");
    const node = join(tools, `node-linux-${process.arch}/bin/node`);
    const child = Bun.spawn([node, join(tools, "typedoc/bin/typedoc"), "--options", file], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const text = Bun.stripANSI(said + err);
    if ((await child.exited) !== 0) throw new Error(`typedoc failed:\n${text}`);
    return { complaints: [...text.matchAll(/^\[(?:warning|error)\] (?!Found )(.*)$/gm)].map((match) => match[1]!) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const refused = await installPackages("package");
  if (refused !== "") throw new Error(refused);
  const out = join(ROOT, "out/api");
  mkdirSync(out, { recursive: true });
  const { complaints } = await reference((await packed()).folder, out);
  for (const complaint of complaints) console.log(complaint);
  console.log(`out/api/index.html: ${complaints.length} complaints`);
}
