import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { type Answer, askControl, controlFolder, controlPath, isHeard, ROOT_FOLDER, readRequest } from "#chaos/control";
import { LinkSyntaxError } from "#device/link-error";
import type { DeliveryTrace } from "#device/link-profile";
import { countsText } from "#device/link-text";
import { parseLinks } from "#device/link-words";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { readTun } from "../endpoint.ts";
import { EXIT_NOT_READY, EXIT_OK, EXIT_PERMISSION } from "../exit-codes.ts";
import { linkCommand } from "../link-control.ts";
import { print } from "../print.ts";
import { asTyped, programName } from "../program.ts";

/** How a link comes to be that can be changed. */
const HOW = `start one: ${programName} chaos, or host, peer and demo with a link flag (--link clear makes a clean one)`;

/** `tcpnet link show|set|change|clear [words]`: changes a link that runs. */
export async function run({ args, flags }: Call): Promise<number> {
  const line = requestLine(args);
  const socket = flags.text("socket");
  const device = flags.text("dev");
  if (socket !== undefined && device !== undefined) {
    throw usageError("--socket and --dev exclude each other", "both say which link is meant", "give one of them");
  }
  const path = socket ?? (await socketOf(device === undefined ? undefined : readTun(device)));
  const answer = await askControl(path, line).catch((error: Error) => {
    throw unheard(path, error);
  });
  if (!answer.ok) {
    throw usageError("the link was not changed", answer.text, `for example: ${linkCommand('set "delay 20ms"', path)}`);
  }
  print(flags.has("json") ? `${JSON.stringify(answer)}\n` : words(answer));
  return EXIT_OK;
}

/** The line for the program that has the link. Throws CliError for one that no link could carry out. */
function requestLine(args: readonly string[]): string {
  const words = args.join(" ").trim().split(/\s+/);
  // The other program may run in another folder.
  const line = words.map((word, i) => (words[i - 1] === "trace" ? resolve(word) : word)).join(" ");
  try {
    const { words } = readRequest(line);
    parseLinks(words, undefined, () => ANY_TRACE, true);
  } catch (error) {
    const pointed = error instanceof LinkSyntaxError ? `\n${error.pointed()}` : "";
    throw usageError(
      "the link was not changed",
      `${(error as Error).message}${pointed}`,
      asTyped("tcpnet link --help explains every word, with examples"),
    );
  }
  return line;
}

/** Stands for a trace file: the program that has the link reads it. */
const ANY_TRACE: DeliveryTrace = { times: Float64Array.of(1), period: 1, name: "" };

function words({ text, counts }: Answer): string {
  const rows = Object.entries(counts ?? {}).map(([way, of]) => `  ${way.padEnd(3)}  ${countsText(of)}`);
  return `${[text, ...rows].join("\n")}\n`;
}

function unheard(path: string, error: Error & { code?: string }): CliError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new CliError(EXIT_PERMISSION, `${path} belongs to another user`, "only its owner may change a link", "sudo");
  }
  return new CliError(EXIT_NOT_READY, `nobody answers at ${path}`, "no link that can be changed runs there", HOW);
}

/** The socket of that device's link, or of the only one that runs. */
async function socketOf(device: string | undefined): Promise<string> {
  if (device !== undefined) return controlPath(device);
  const names = await running();
  if (names.length === 1) return controlPath(names[0]!);
  if (names.length > 1) throw usageError("several links run", names.join(", "), `say which: --dev ${names[0]}`);
  const others = controlFolder() === ROOT_FOLDER ? [] : devices(ROOT_FOLDER);
  if (others.length === 0) throw new CliError(EXIT_NOT_READY, "no link that can be changed runs here", "", HOW);
  throw new CliError(EXIT_PERMISSION, `the link of ${others.join(", ")} is root's`, "", `sudo ${programName} link …`);
}

/** The devices whose links are there; a killed program leaves its socket, but nobody listens at it. */
async function running(): Promise<string[]> {
  const names = devices(controlFolder());
  const heard = await Promise.all(names.map((name) => isHeard(controlPath(name))));
  return names.filter((_, i) => heard[i]);
}

function devices(folder: string): string[] {
  try {
    return readdirSync(folder)
      .flatMap((file) => /^link-(.+)\.sock$/.exec(file)?.[1] ?? [])
      .sort();
  } catch {
    return [];
  }
}
