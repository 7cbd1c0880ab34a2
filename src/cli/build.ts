/** `bun run build` compiles one self-contained file: ./tcpnet, or the given path. */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundlePage } from "../report/bundle.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const outfile = process.argv[2] ?? `${root}tcpnet`;
const began = performance.now();
// The page of reports, as text in the program (src/report/page-code.ts bundles it when run from source).
const page = JSON.stringify(await bundlePage());
const result = await Bun.build({
  // The others are the code of threads, which the first one finds by their paths (ffi/call-thread.ts, src/cli/queue-session.ts).
  entrypoints: [`${root}src/cli/main.ts`, `${root}ffi/call-thread-worker.ts`, `${root}src/cli/queue-worker.ts`],
  compile: {
    outfile,
    // Root may start the program in any folder, so it must read nothing there (docs/adr/0051).
    autoloadDotenv: false,
    autoloadBunfig: false,
    autoloadTsconfig: false,
    autoloadPackageJson: false,
    // Runs only the code in the file: refuses a preload or an inspector requested by BUN_OPTIONS or BUN_INSPECT.
    execArgv: ["--disallow-code-generation-from-strings=strict"],
  },
  // Each command is a chunk of its own, so that --help and --version load nothing of the stack: 17 ms instead of 35.
  splitting: true,
  // The engine's parsed form lies in the file beside the source: a command starts with half of the work.
  format: "esm",
  bytecode: true,
  minify: { syntax: true, whitespace: true },
  plugins: [
    {
      name: "page of reports",
      setup: (build) => {
        build.onLoad({ filter: /src\/report\/page-code\.ts$/ }, () => ({
          contents: `export const pageCode = async () => (${page});`,
          loader: "js",
        }));
      },
    },
  ],
  throw: false,
});
for (const log of result.logs) console.error(String(log));
if (!result.success) process.exit(1);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`tcpnet: ${(statSync(outfile).size / 1e6).toFixed(0)} MB in ${seconds} s   →  ./tcpnet demo`);
