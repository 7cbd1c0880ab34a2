/** `bun run package` makes dist/, which is what `npm pack` packs: a bundle, source maps and declarations. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownEnvironment } from "#ffi/environment";
import { bundlePage } from "#report/bundle";
import { declarationsOf, type Emitted } from "./declarations.ts";
import { ENTRIES, fileOf } from "./entries.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = process.argv[2] ?? join(root, "dist");

/** The page of reports, as text in the package (src/report/page-code.ts bundles it when run from source). */
const reportPage = (page: string): Bun.BunPlugin => ({
  name: "page of reports",
  setup: (build) => {
    build.onLoad({ filter: /src\/report\/page-code\.ts$/ }, () => ({
      contents: `export const pageCode = async () => (${page});`,
      loader: "js",
    }));
  },
});

/**
 * What the core loads only when it is called: the condition under `imports` of package.json chooses the file. A bundler for browsers follows the one that
 * imports nothing, a runtime with Node's modules the real one.
 */
const LAZY: Readonly<Record<string, string>> = { fetch: "src/node/fetch.ts", "no-fetch": "src/package/no-fetch.ts" };

const lazyImports: Bun.BunPlugin = {
  name: "what is loaded when it is called",
  setup: (build) => {
    build.onResolve({ filter: /^#node\/fetch$/ }, () => ({ path: "#fetch", external: true }));
  },
};

/** One file per entry, and what several of them need in files that they share, so that an error has one class. */
async function bundle(): Promise<void> {
  const stems = new Map(Object.entries(ENTRIES).map(([entry, path]) => [join(root, path), fileOf(entry)]));
  for (const [stem, path] of Object.entries(LAZY)) stems.set(join(root, path), stem);
  const result = await Bun.build({
    entrypoints: [...stems.keys()],
    target: "browser",
    format: "esm",
    splitting: true,
    sourcemap: "linked",
    // The system's modules are imported by the entries that need them only (test/package/package.test.ts).
    external: ["node:*"],
    naming: { entry: "[dir]/[name].[ext]", chunk: "shared-[hash].[ext]" },
    root: join(root, "src"),
    plugins: [reportPage(JSON.stringify(await bundlePage())), lazyImports],
    throw: false,
  });
  for (const log of result.logs) console.error(String(log));
  if (!result.success) process.exit(1);
  const placed = new Map([...stems].map(([path, stem]) => [path.slice(root.length + 4, -3), stem]));
  for (const output of result.outputs) {
    const [, inside, ending] = /^(?:\.\/)?(.*?)(\.js(?:\.map)?)$/.exec(output.path)!;
    const stem = placed.get(inside!) ?? inside!;
    // All files are side by side, wherever the module of an entry is among the sources.
    const text = (await output.text())
      .replace(/(from|import) ?(\(?)"(?:\.\.\/)+(?=shared-)/g, '$1 $2"./')
      .replace(/(?<=^\/\/# sourceMappingURL=).*$/m, `${stem}.js.map`);
    writeFileSync(join(dist, `${stem}${ending}`), text);
  }
}

/** The licences of the packages of others that are in the bundle. */
function addLicences(): void {
  const modules = join(root, "node_modules");
  const maps = [...new Bun.Glob("*.map").scanSync({ cwd: dist })].map((name) => readFileSync(join(dist, name), "utf8"));
  const names = new Set(
    maps.flatMap((text) => [...text.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map(([, name]) => name!)),
  );
  const texts = [...names].sort().map((name) => {
    const folder = join(modules, name);
    const file = [...new Bun.Glob("LICEN[CS]E*").scanSync({ cwd: folder })][0];
    if (file === undefined) throw new Error(`${name} is in the package, and its licence is not beside it`);
    return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  writeFileSync(join(dist, "LICENSES-OF-OTHERS.txt"), texts.join("\n---\n\n"));
}

/** What tsc emits of the entries and all that they import. */
function emitted(folder: string): Emitted {
  const config = join(folder, "tsconfig.json");
  const options = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: join(folder, "types"),
      rootDir: root,
      typeRoots: [join(root, "node_modules")],
    },
    files: Object.values(ENTRIES).map((path) => join(root, path)),
    include: [],
  };
  writeFileSync(config, JSON.stringify(options));
  const compiler = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "-p", config], {
    stdout: "inherit",
    env: ownEnvironment(),
  });
  if (compiler.exitCode !== 0) process.exit(1);
  const types = join(folder, "types");
  const paths = [...new Bun.Glob("**/*.d.ts").scanSync({ cwd: types })];
  return new Map(paths.map((path) => [path.slice(0, -".d.ts".length), readFileSync(join(types, path), "utf8")]));
}

/** What a module says of itself, and its name as users import it, for typedoc. */
const headOf = (entry: string, text: string) =>
  `${/^\/\*\*[\s\S]*?(?= *\*\/)/.exec(text)?.[0] ?? "/**"} @module tcpnet${entry.slice(1)} */`;

function declare(): void {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-package-"));
  try {
    const entries = new Map(
      Object.entries(ENTRIES).map(([entry, path]) => [
        path.slice(0, -".ts".length),
        headOf(entry, readFileSync(join(root, path), "utf8")),
      ]),
    );
    for (const [path, text] of declarationsOf(emitted(folder), entries)) {
      const file = join(dist, "types", path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const began = performance.now();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await bundle();
addLicences();
declare();
const size = [...new Bun.Glob("**").scanSync({ cwd: dist })].reduce(
  (sum, path) => sum + statSync(join(dist, path)).size,
  0,
);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`dist: ${(size / 1e6).toFixed(1)} MB in ${seconds} s   →  npm pack`);
