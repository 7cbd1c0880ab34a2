/** The repository's own files: what the rules of style are about. */
import { readFileSync } from "node:fs";
import { ROOT } from "../support/root.ts";

export interface SourceFile {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** What .gitignore names, and git's own folder. Without git, because a bare machine need not have it. */
const NOT_OURS = /^(?:\.git|node_modules|out|dist)\/|^\.git$|^tcpnet$|\.pcapng$|\.bun-build$/;

const paths = [...new Bun.Glob("**").scanSync({ cwd: ROOT, dot: true })].filter((path) => !NOT_OURS.test(path)).sort();

/** The files of these patterns, in which `*` stands for anything, `/` included. */
export function filesOf(...patterns: readonly string[]): SourceFile[] {
  const wanted = patterns.map((pattern) => new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`));
  return paths
    .filter((path) => wanted.some((each) => each.test(path)))
    .map((path) => {
      const text = readFileSync(ROOT + path, "utf8");
      return { path, text, lines: text.split("\n") };
    });
}

/** Code alone: comments and the insides of strings are blank, lines stay where they are. */
export function codeOf(text: string): string {
  const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
  return text.replace(pattern, (found) => found.replace(/[^\n]/g, " "));
}

/** `path:line: what`, for the message of a failed rule. */
export function findings(
  files: readonly SourceFile[],
  rule: (code: string) => RegExp | null,
  in_: (file: SourceFile) => string = (f) => codeOf(f.text),
): string[] {
  return files.flatMap((file) => {
    const text = in_(file);
    const pattern = rule(file.path);
    if (pattern === null) return [];
    return [...text.matchAll(pattern)].map((match) => {
      const line = text.slice(0, match.index).split("\n").length;
      return `${file.path}:${line}: ${match[0].trim()}`;
    });
  });
}
