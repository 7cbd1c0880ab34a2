import { renderStatus, toJson } from "#netup/render";
import { status } from "#netup/status";
import type { Call } from "../commands.ts";
import { print } from "../print.ts";
import { forUser, programName } from "../program.ts";
import { printText } from "../terminal.ts";

/** `tcpnet status` */
export async function run({ flags }: Call): Promise<number> {
  const result = status({ ifs: flags.text("ifs"), program: programName });
  if (flags.has("json")) print(forUser(`${toJson(result)}\n`));
  else printText(forUser(`${renderStatus(result).join("\n")}\n`));
  return result.exitCode;
}
