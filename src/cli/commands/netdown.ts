import { netdown } from "#netup/netdown";
import { renderNetdown, toJson } from "#netup/render";
import type { Call } from "../commands.ts";
import { print } from "../print.ts";
import { forUser, programName } from "../program.ts";

/** `tcpnet netdown` */
export async function run({ flags }: Call): Promise<number> {
  const result = netdown({ ifs: flags.text("ifs"), dryRun: flags.has("dry-run"), program: programName });
  print(forUser(`${flags.has("json") ? toJson(result) : renderNetdown(result).join("\n")}\n`));
  return result.exitCode;
}
