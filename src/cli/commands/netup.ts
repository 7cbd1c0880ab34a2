import { netup } from "#netup/netup";
import { renderNetup, toJson } from "#netup/render";
import type { Call } from "../commands.ts";
import { print } from "../print.ts";
import { forUser, programName } from "../program.ts";
import { printText } from "../terminal.ts";

/** `tcpnet netup`: prints what it did to standard output. */
export async function run({ flags }: Call): Promise<number> {
  const result = await netup({
    ifs: flags.text("ifs"),
    subnet: flags.text("subnet"),
    addresses: flags.text("addresses"),
    user: flags.text("user"),
    uplink: flags.text("uplink"),
    globalForward: flags.has("global-forward"),
    v6: flags.has("v6"),
    force: flags.has("force"),
    multiQueue: flags.has("multi-queue"),
    dryRun: flags.has("dry-run"),
    mtu: flags.whole("mtu", 576, 65_535),
    program: programName,
  });
  if (flags.has("json")) print(forUser(`${toJson(result)}\n`));
  else printText(forUser(`${renderNetup(result).join("\n")}\n`));
  return result.exitCode;
}
