import { closeSync, openSync } from "node:fs";
import { ScriptError, Unsupported } from "#drill/ast";
import { type ConfigureOptions, configure } from "#drill/config";
import { type DrillCommand, drillCommand, scripts } from "#drill/main";
import { type CliError, fileError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import type { Flags } from "../flags.ts";
import { suggest } from "../suggest.ts";

const PROFILES = ["linux", "freebsd", "rfc793"] as const;

/** `tcpnet drill`: what came of the scripts is the result, so it goes to standard output. */
export async function run({ args, flags }: Call): Promise<number> {
  for (const path of args) checkPath(path);
  const outside = {
    profile: profile(flags.text("profile") ?? "linux"),
    options: pairs(flags, "option", ""),
    strict: flags.has("strict"),
    seed: flags.whole("seed", 0, 0xffffffff) ?? 1,
  };
  checkOptions(outside);
  const pcap = flags.text("pcap");
  if (pcap !== undefined) checkWritable(pcap);
  return await drillCommand({
    ...outside,
    paths: args,
    defines: pairs(flags, "define", "1"),
    json: flags.has("json"),
    verbose: flags.has("verbose"),
    pcap,
    print: (line) => process.stdout.write(`${line}\n`),
  });
}

function profile(name: string): DrillCommand["profile"] {
  const found = PROFILES.find((each) => each === name);
  if (found !== undefined) return found;
  const near = suggest(name, PROFILES);
  throw usageError(`there is no profile ${name}`, `there are ${PROFILES.join(", ")}`, near ? `--profile ${near}` : "");
}

/** `NAME=VALUE`, each once; a name alone has the value that is given here. */
function pairs(flags: Flags, flag: string, alone: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of flags.texts(flag)) {
    const [, name, value = alone] = /^-{0,2}([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
    if (name === undefined) throw usageError(`--${flag} ${text} cannot be understood`, "say NAME=VALUE");
    found.set(name, value);
  }
  return found;
}

/** A value that no script could have at its head, IPv4 or IPv6; what only tcpnet does not have is the scripts' matter. */
function checkOptions(outside: ConfigureOptions): void {
  const wrong = ["ipv4", "ipv6"].map((value) => {
    const position = { file: "", line: 0, column: 0 };
    try {
      configure({ options: [{ name: "ip_version", value, position }] }, outside);
    } catch (error) {
      if (error instanceof ScriptError) return error.message;
      if (!(error instanceof Unsupported)) throw error;
    }
    return undefined;
  });
  if (wrong.every((each) => each !== undefined)) throw usageError("--option cannot be understood", wrong[0]);
}

/** Before the scripts run, not after. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, "w"));
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw fileError(path, code, message, "write");
  }
}

function checkPath(path: string): void {
  let found: string[];
  try {
    found = scripts(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (found.length === 0) throw usageError(`${path} holds no script`, "no file there is called *.pkt", "");
}

function unreadable(path: string, error: unknown): CliError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  return usageError(`there is no file or folder ${path}`, "", "tcpnet drill needs scripts (*.pkt), or folders of them");
}
