import { createConsola } from "consola/basic";
import type { CliError } from "./cli-error.ts";
import { forUser } from "./program.ts";
import { visible } from "./visible.ts";
import { wrapped } from "./wrapped.ts";

/** What stands before the first line. */
const PREFIX = "[error] ";

/** Tells a failure on standard error: what, why, and what to type; with `json` as one object. */
export function reportError(error: CliError, json: boolean): void {
  const { stderr } = process;
  const { what, exitCode } = error;
  const [why, fix] = [forUser(error.why), forUser(error.fix)];
  if (json) {
    stderr.write(`${JSON.stringify({ schema: "tcpnet.error/1", what, why, fix, exitCode })}\n`);
    return;
  }
  const columns = stderr.isTTY ? (stderr.columns || 80) - PREFIX.length : Number.POSITIVE_INFINITY;
  const lines = [what, why]
    .filter((part) => part !== "")
    .flatMap((part) => visible(part).split("\n"))
    .flatMap((line) => (line.length > columns ? wrapped(line, columns) : line));
  // What to type stays on one line, however long: it will be copied.
  if (fix !== "") lines.push(...visible(fix).split("\n"));
  // Standard output belongs to the application's bytes: consola would use it for some of its levels.
  createConsola({ stdout: stderr, stderr }).error(lines.join(`\n${" ".repeat(PREFIX.length)}`));
}
