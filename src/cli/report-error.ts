import type { CliError } from "./cli-error.ts";
import { STDERR, tell } from "./print.ts";
import { forUser } from "./program.ts";
import { columnsOf } from "./terminal.ts";
import { visible } from "./visible.ts";
import { wrapped } from "./wrapped.ts";

/** What stands before the first line. */
const PREFIX = "[error] ";

/** Tells a failure on standard error: what, why, and what to type; with `json` as one object. */
export function reportError(error: CliError, json: boolean): void {
  tell(json ? jsonText(error) : plainText(error));
}

function jsonText({ what, why, fix, exitCode }: CliError): string {
  return `${JSON.stringify({ schema: "tcpnet.error/1", what, why: forUser(why), fix: forUser(fix), exitCode })}\n`;
}

function plainText({ what, why, fix }: CliError): string {
  const columns = columnsOf(STDERR) - PREFIX.length;
  const lines = [what, forUser(why)]
    .filter((part) => part !== "")
    .flatMap((part) => visible(part).split("\n"))
    .flatMap((line) => (line.length > columns ? wrapped(line, columns) : line));
  // What to type stays on one line, however long: it will be copied.
  if (fix !== "") lines.push(...visible(forUser(fix)).split("\n"));
  return `${PREFIX}${lines.join(`\n${" ".repeat(PREFIX.length)}`)}\n`;
}
