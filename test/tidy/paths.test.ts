/** A path that a comment or a document names is there: a reader who follows it finds something. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { ROOT } from "../support/root.ts";
import { filesOf } from "./sources.ts";

const PATH = /(?<![\w/.#@-])((?:[\w-]+\/)+[\w.-]+\.(?:ts|md|pkt|sh|c))\b/g;
/** Examples of a user's own files, and folders that a test or a build makes. */
const ELSEWHERE = /^(?:dist|out|node_modules|folder)\//;

/** Where a path may begin: at the top, in src or test, or beside the file that names it. */
function isThere(path: string, from: string): boolean {
  const beside = dirname(from);
  return ["", "src/", "src/tcp/", "test/", "docs/", `${beside}/`, `${dirname(beside)}/`].some((base) =>
    existsSync(ROOT + base + path),
  );
}

/** Comments of code, everything of a document. */
function told(path: string, text: string): string {
  if (path.endsWith(".md")) return text;
  return [...text.matchAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g)].map(([comment]) => comment).join("\n");
}

test("paths in comments and documents exist", () => {
  const missing = filesOf("src/*.ts", "ffi/*.ts", "test/*.ts", "docs/*.md", "README.md", "CONTRIBUTING.md").flatMap(
    ({ path, text }) =>
      [...told(path, text).matchAll(PATH)]
        .map((match) => match[1]!)
        .filter((named) => !ELSEWHERE.test(named) && !isThere(named, path))
        .map((named) => `${path} names ${named}`),
  );
  expect(missing).toEqual([]);
});
