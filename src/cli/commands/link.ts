import { resolve } from "node:path";
import { LinkSyntaxError } from "#device/link-error";
import type { DeliveryTrace } from "#device/link-profile";
import { countsText } from "#device/link-text";
import { parseLinks } from "#device/link-words";
import { isHeard } from "#ffi/unix-socket";
import { type Answer, readRequest } from "#lab/chaos/control";
import { askControl } from "#lab/chaos/control-client";
import { controlPath, type LinkSocket, linkSockets, rootsDevices } from "#lab/chaos/control-path";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { readTun } from "../endpoint.ts";
import { EXIT_NOT_READY, EXIT_OK, EXIT_PERMISSION } from "../exit-codes.ts";
import { linkCommand } from "../link-control.ts";
import { print } from "../print.ts";
import { asTyped, programName } from "../program.ts";
import { printText } from "../terminal.ts";

/** How to start a program whose link can be changed. */
const HOW = `start one: ${programName} chaos; or host, peer, demo or run with a link flag, such as --link clear`;

/** `tcpnet link show|set|change|clear [words]`: shows or changes the link of a running program. */
export async function run({ args, flags }: Call): Promise<number> {
  const line = requestLine(args);
  const socket = flags.text("socket");
  const device = flags.text("dev");
  if (socket !== undefined && device !== undefined) {
    throw usageError("--socket and --dev exclude each other", "each of them chooses a link", "give one of them");
  }
  const path = socket ?? socketOf(device === undefined ? undefined : readTun(device));
  const answer = await askControl(path, line).catch((error: Error) => {
    throw unheard(path, error);
  });
  if (!answer.ok) {
    throw usageError("the link was not changed", answer.text, `for example: ${linkCommand('set "delay 20ms"', path)}`);
  }
  if (flags.has("json")) print(`${JSON.stringify(answer)}\n`);
  else printText(words(answer));
  return EXIT_OK;
}

/** The line for the program that has the link. Throws CliError for an invalid one. */
function requestLine(args: readonly string[]): string {
  const words = args.join(" ").trim().split(/\s+/);
  // The other program may run in another folder, so make the path absolute.
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

/** A placeholder for a trace file, which the other program reads. */
const ANY_TRACE: DeliveryTrace = { times: Float64Array.of(1), period: 1, name: "" };

function words({ text, counts }: Answer): string {
  const rows = Object.entries(counts ?? {}).map(([way, of]) => `  ${way.padEnd(3)}  ${countsText(of)}`);
  return `${[text, ...rows].join("\n")}\n`;
}

function unheard(path: string, error: Error & { code?: string }): CliError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new CliError(
      EXIT_PERMISSION,
      `${path} belongs to another user`,
      "only the owner of a link may change it",
      "sudo",
    );
  }
  return new CliError(
    EXIT_NOT_READY,
    `no program answers at ${path}`,
    "no link is running there that can be changed",
    HOW,
  );
}

/**
 * The socket of that device's link, or of the only one in this network namespace. Sockets of killed programs, on which
 * nobody listens, are skipped.
 */
function socketOf(device: string | undefined): string {
  const links = linkSockets().filter((link) => device === undefined || link.device === device);
  const running = links.filter((link) => isHeard(link.path));
  if (running.length === 1) return running[0]!.path;
  if (running.length > 1) throw several(running);
  const roots = rootsDevices().filter((name) => device === undefined || name === device);
  if (roots.length > 0 && process.geteuid?.() !== 0) {
    throw new CliError(
      EXIT_PERMISSION,
      `the link of ${roots.join(", ")} belongs to root`,
      "",
      `sudo ${programName} link …`,
    );
  }
  if (device !== undefined) {
    const why = `no link is running there that can be changed (${controlPath(device)})`;
    throw new CliError(EXIT_NOT_READY, `no program answers for ${device}`, why, HOW);
  }
  throw new CliError(EXIT_NOT_READY, "no link is running that can be changed", "", HOW);
}

function several(running: readonly LinkSocket[]): CliError {
  const names = [...new Set(running.map((link) => link.device))];
  // For example, two users may each run a demo.
  if (names.length < running.length) {
    const paths = running.map((link) => link.path);
    return usageError("several links are running", paths.join(", "), `choose one: --socket ${paths[0]}`);
  }
  return usageError("several links are running", names.join(", "), `choose one: --dev ${names[0]}`);
}
