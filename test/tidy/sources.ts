/** The repository's own files, as git has them: what the rules of style are about. */
import { existsSync, readFileSync } from "node:fs";
import { ROOT } from "../support/netns.ts";

export interface SourceFile {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** Files under git, and new ones that are not ignored. */
export function filesOf(...patterns: readonly string[]): SourceFile[] {
  const listed = Bun.spawnSync(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "--", ...patterns]);
  const paths = listed.stdout
    .toString()
    .split("\n")
    .filter((path) => path !== "" && existsSync(ROOT + path));
  return paths.sort().map((path) => {
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
