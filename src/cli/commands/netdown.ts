import { netdown } from "#netup/netdown";
import { renderNetdown, toJson } from "#netup/render";
import type { Call } from "../commands.ts";
import { print } from "../print.ts";
import { forUser, programName } from "../program.ts";
import { printText } from "../terminal.ts";

/** `tcpnet netdown` */
export async function run({ flags }: Call): Promise<number> {
  const result = netdown({ ifs: flags.text("ifs"), dryRun: flags.has("dry-run"), program: programName });
  if (flags.has("json")) print(forUser(`${toJson(result)}\n`));
  else printText(forUser(`${renderNetdown(result).join("\n")}\n`));
  return result.exitCode;
}
