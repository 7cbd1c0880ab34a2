import { controlPath, type LinkCounts, listenForControl } from "#chaos/control";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { countsText, linksText } from "#device/link-text";
import { monotonic } from "#driver/clock";
import { CliError } from "./cli-error.ts";
import { EXIT_NOT_READY } from "./exit-codes.ts";
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
        voice.event("link", { link }, `· from now on the link is: ${link}`);
      },
      counts,
    },
    readTrace,
  ).catch((error: Error) => {
    const why = `the control socket ${socket} cannot be had`;
    if (path !== undefined) throw new CliError(EXIT_NOT_READY, why, error.message, "say another --socket PATH");
    voice.event("link-fixed", { socket, why: error.message }, `· the link stays as it is: ${why} (${error.message})`);
    return null;
  });
  if (stop !== null) {
    const line = linkCommand(`set "delay 100ms loss 5%"`, socket);
    voice.event("link-control", { socket }, `· to change the link while it runs: ${line}`);
  }
  return () => {
    stop?.();
    voice.lines("link-summary", { link: linksText(device.profiles), counts: counts() }, countLines(counts()));
  };
}

/** What to type to reach the link that listens there. */
export function linkCommand(words: string, socket: string): string {
  const name = /\/link-([^/]+)\.sock$/.exec(socket)?.[1];
  const where = name !== undefined && socket === controlPath(name) ? `--dev ${name}` : `--socket ${socket}`;
  return `${programName} link ${words} ${where}`;
}

function countLines(counts: LinkCounts): string[] {
  return [`        link      out: ${countsText(counts.out)}`, `                  in:  ${countsText(counts.in)}`];
}
