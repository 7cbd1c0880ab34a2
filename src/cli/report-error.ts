import { createConsola } from "consola/basic";
import type { CliError } from "./cli-error.ts";

/** Tells a failure on standard error: what, why, and what to type; with `json` as one object. */
export function reportError({ what, why, fix, exitCode }: CliError, json: boolean): void {
  if (json) {
    process.stderr.write(`${JSON.stringify({ schema: "tcpnet.error/1", what, why, fix, exitCode })}\n`);
    return;
  }
  const text = [what, why, fix].filter((part) => part !== "").join("\n");
  // Standard output belongs to the application's bytes: consola would use it for some of its levels.
  const { stderr } = process;
  createConsola({ stdout: stderr, stderr }).error(text.replaceAll("\n", "\n        "));
}
