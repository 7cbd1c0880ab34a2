import { dirname } from "node:path";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import type { DeliveryTrace } from "#device/link-profile";
import { countsText, linksText } from "#device/link-text";
import { monotonic } from "#driver/clock";
import { type Controlled, ControlSocket, type LinkCounts, makeControlSocket } from "#lab/chaos/control";
import { controlFolder, controlPath, deviceAt, ROOT_FOLDER } from "#lab/chaos/control-path";
import { removeSocketAfterwards } from "./afterwards.ts";
import { CliError, inWords } from "./cli-error.ts";
import { EXIT_NOT_READY, EXIT_PERMISSION } from "./exit-codes.ts";
import { handover } from "./handover.ts";
import { readTrace } from "./link-flags.ts";
import { asCaller, fileOwner } from "./named-files.ts";
import { willGiveUpRoot } from "./privileges.ts";
import { forUser, programName } from "./program.ts";
import type { Voice } from "./voice.ts";

/** In the handover: the socket of the link, where it lies, and why there is none. */
const CONTROL = "control";
const REFUSED = "control refused";

/**
 * Makes the socket through which `tcpnet link` reaches a link, before root is given up. Throws CliError.
 * @param named where, if the command line says it; undefined: where `tcpnet link` looks by itself. @param device whose link
 */
export function openControl(named: string | undefined, device: string): ControlSocket {
  const path = handover.word(CONTROL) ?? named ?? controlPath(device);
  const kept = handover.take(CONTROL);
  if (kept !== undefined) return new ControlSocket(path, kept);
  // The path in our own folder is not from the command line.
  const ours = dirname(path) === controlFolder();
  let fd: number;
  try {
    fd = makeControlSocket(path, ours ? undefined : asCaller);
  } catch (error) {
    throw socketError(path, error as Error);
  }
  handover.keep(CONTROL, fd);
  handover.say(CONTROL, path);
  // The caller of sudo may remove files in their own folder; nothing is removed there as root.
  if (willGiveUpRoot() && (ours || fileOwner() === null)) removeSocketAfterwards(path);
  return new ControlSocket(path, fd);
}

/**
 * The same for host and peer: a requested socket is required; the default one is optional, so without it the program
 * goes on. Returns null then, and if there is no link.
 * @param isRequired false: `named` is the program's own choice, which another one may have taken in the meantime
 */
export function openControlOf(
  device: Device,
  named: string | undefined,
  isRequired = named !== undefined,
): ControlSocket | null {
  if (!(device instanceof ImpairDevice) || handover.word(REFUSED) !== undefined) return null;
  try {
    return openControl(named, device.name);
  } catch (error) {
    if (isRequired || !(error instanceof CliError)) throw error;
    handover.say(REFUSED, `${error.what} (${error.why})`);
    return null;
  }
}

/**
 * Lets `tcpnet link` change the link of a running host or peer. Returns the function that ends this and prints the link's counters.
 * @param names of the two directions there
 */
export function controlLink(
  device: Device,
  control: ControlSocket | null,
  voice: Voice,
  names: readonly [string, string] = ["out", "in"],
): () => void {
  if (!(device instanceof ImpairDevice)) return () => {};
  const link = controlled(device, voice);
  const { counts } = link;
  control?.serve(link, traceFile);
  if (control === null) {
    const why = handover.word(REFUSED) ?? "";
    voice.event("link-fixed", { why }, `· the link cannot be changed later: ${why}`);
  } else {
    const { path } = control;
    voice.event("link-control", { socket: path }, `· to change the link: ${linkCommand('set "loss 5%"', path)}`);
  }
  return () => {
    control?.close();
    voice.lines("link-summary", { link: linksText(device.profiles), counts: counts() }, countLines(counts(), names));
  };
}

/** The link of a device, whose changes are told. */
export function controlled(device: ImpairDevice, voice: Voice): Controlled {
  return {
    profiles: () => device.profiles,
    set: (profiles) => {
      device.set(profiles, monotonic());
      const link = linksText(profiles);
      voice.event("link", { link }, `· the link is now: ${link}`);
    },
    counts: () => ({ out: device.out.counters.snapshot(), in: device.in.counters.snapshot() }),
  };
}

/** Reads the file of `trace FILE`. The client gets an error in one line. */
export function traceFile(name: string): DeliveryTrace {
  try {
    return readTrace(name);
  } catch (error) {
    if (error instanceof CliError) throw new Error(`${error.what}: ${error.why}`);
    throw error;
  }
}

/** Why there can be no control socket. */
function socketError(path: string, error: Error & { code?: string }): CliError {
  const words = error.code === undefined ? new CliError(EXIT_NOT_READY, "", error.message) : inWords(error);
  const why = error.code === "ENOENT" ? "its folder does not exist" : words.why || words.what;
  const code = words.exitCode === EXIT_PERMISSION ? EXIT_PERMISSION : EXIT_NOT_READY;
  return new CliError(code, `the control socket ${path} could not be created`, why, "choose another: --socket PATH");
}

/** What to type to reach the link that listens there. */
export function linkCommand(words: string, socket: string): string {
  const name = deviceAt(socket);
  const where = name === undefined ? `--socket ${socket}` : `--dev ${name}`;
  // Only root may use a socket that was made as root.
  const sudo = dirname(socket) === ROOT_FOLDER && process.geteuid?.() !== 0 ? "sudo " : "";
  return forUser(`${sudo}${programName} link ${words} ${where}`);
}

function countLines(counts: LinkCounts, [out, back]: readonly [string, string]): string[] {
  const width = Math.max(out.length, back.length) + 1;
  return [
    `        link      ${`${out}:`.padEnd(width)} ${countsText(counts.out)}`,
    `                  ${`${back}:`.padEnd(width)} ${countsText(counts.in)}`,
  ];
}
