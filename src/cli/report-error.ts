import type { CliError } from "./cli-error.ts";
import { tell } from "./print.ts";
import { forUser } from "./program.ts";
import { tellText } from "./terminal.ts";
import { visible } from "./visible.ts";

/** The beginning of the first line. */
const PREFIX = "[error] ";

/** Prints an error to standard error: what, why, and what to type; with `json` as one object. */
export function reportError(error: CliError, json: boolean): void {
  if (json) tell(jsonText(error));
  else tellText(plainText(error));
}

function jsonText({ what, why, fix, exitCode }: CliError): string {
  return `${JSON.stringify({ schema: "tcpnet.error/1", what, why: forUser(why), fix: forUser(fix), exitCode })}\n`;
}

function plainText({ what, why, fix }: CliError): string {
  const lines = [what, forUser(why), forUser(fix)]
    .filter((part) => part !== "")
    .flatMap((part) => visible(part).split("\n"));
  return `${PREFIX}${lines.join(`\n${" ".repeat(PREFIX.length)}`)}\n`;
}
