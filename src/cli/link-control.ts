import { type LinkCounts, listenForControl } from "#chaos/control";
import { controlPath, deviceAt } from "#chaos/control-path";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import type { DeliveryTrace } from "#device/link-profile";
import { countsText, linksText } from "#device/link-text";
import { monotonic } from "#driver/clock";
import { CliError, inWords } from "./cli-error.ts";
import { EXIT_NOT_READY, EXIT_PERMISSION } from "./exit-codes.ts";
import { readTrace } from "./link-flags.ts";
import { programName } from "./program.ts";
import type { Voice } from "./voice.ts";

/**
 * Lets `tcpnet link` change the link of a conversation while it runs. Answers what ends that, and says what the link did.
 * A socket that was asked for must be had; the usual one is a convenience, so a conversation goes on without it.
 * @param path where to listen; undefined: where `tcpnet link` looks by itself.
 */
export async function controlLink(device: Device, path: string | undefined, voice: Voice): Promise<() => void> {
  if (!(device instanceof ImpairDevice)) return () => {};
  const socket = path ?? controlPath(device.name);
  const counts = () => ({ out: device.out.counters.snapshot(), in: device.in.counters.snapshot() });
  const stop = await listenForControl(
    socket,
    {
      profiles: () => device.profiles,
      set: (profiles) => {
        device.set(profiles, monotonic());
        const link = linksText(profiles);
        voice.event("link", { link }, `· the link is now: ${link}`);
      },
      counts,
    },
    traceFile,
  ).catch((error: Error) => {
    const refused = socketError(socket, error);
    if (path !== undefined) throw refused;
    const { what, why } = refused;
    voice.event("link-fixed", { socket, why }, `· the link cannot be changed later: ${what} (${why})`);
    return null;
  });
  if (stop !== null) {
    voice.event("link-control", { socket }, `· to change the link: ${linkCommand('set "loss 5%"', socket)}`);
  }
  return () => {
    stop?.();
    voice.lines("link-summary", { link: linksText(device.profiles), counts: counts() }, countLines(counts()));
  };
}

/** A trace file for `trace FILE`; why it cannot be read goes to whoever asked, in one line. */
export function traceFile(name: string): DeliveryTrace {
  try {
    return readTrace(name);
  } catch (error) {
    if (error instanceof CliError) throw new Error(`${error.what}: ${error.why}`);
    throw error;
  }
}

/** Why there can be no control socket. */
export function socketError(path: string, error: Error & { code?: string }): CliError {
  const words = error.code === undefined ? new CliError(EXIT_NOT_READY, "", error.message) : inWords(error);
  const why = error.code === "ENOENT" ? "its folder does not exist" : words.why || words.what;
  const code = words.exitCode === EXIT_PERMISSION ? EXIT_PERMISSION : EXIT_NOT_READY;
  return new CliError(code, `the control socket ${path} could not be created`, why, "choose another: --socket PATH");
}

/** What to type to reach the link that listens there. */
export function linkCommand(words: string, socket: string): string {
  const name = deviceAt(socket);
  const where = name === undefined ? `--socket ${socket}` : `--dev ${name}`;
  return `${programName} link ${words} ${where}`;
}

function countLines(counts: LinkCounts): string[] {
  return [`        link      out: ${countsText(counts.out)}`, `                  in:  ${countsText(counts.in)}`];
}
