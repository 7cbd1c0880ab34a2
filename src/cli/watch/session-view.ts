/** The dashboard of host and peer: what it takes from a session and its link. */
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { control } from "#lab/chaos/control";
import { bracketed } from "../address-map.ts";
import { controlled, traceFile } from "../link-control.ts";
import type { SessionOptions } from "../session-options.ts";
import type { Carrier } from "../shutdown.ts";
import type { Intervals } from "../transfer-progress.ts";
import type { Voice } from "../voice.ts";
import { RATE } from "./model.ts";
import { type EndSample, linkOf } from "./sample.ts";
import { canWatch, Watch } from "./watch.ts";

/** Connections that a person can look through. */
const ENDS_MAX = 64;

/** Why keys do not change a link that is not there. */
export const NO_LINK = "start with a link flag, such as --link clear";

export function samplesOf(active: Iterable<Carrier>): EndSample[] {
  const samples: EndSample[] = [];
  for (const { socket, received } of active) {
    const info = socket.info();
    const { localAddress, localPort, remoteAddress, remotePort } = info;
    const name = `${bracketed(localAddress, localPort)} → ${bracketed(remoteAddress, remotePort)}`;
    samples.push({ name, info, received: received.bytes });
    if (samples.length === ENDS_MAX) break;
  }
  return samples;
}

/** For programs that draw a dashboard of their own, as the demo does. */
export function watchedIntervals(link: Device): Intervals {
  return { ms: 1000 / RATE, facts: () => (link instanceof ImpairDevice ? { link: linkOf(link) } : {}) };
}

interface About {
  readonly options: SessionOptions;
  /** With its link. */
  readonly device: Device;
}

/** Begins the dashboard, if it is wanted and the terminal has room; otherwise there is a line per second. */
export function watchSession(
  session: { samples(): readonly EndSample[] },
  { options, device }: About,
  voice: Voice,
): Watch | null {
  if (!options.watch || voice.manner !== "plain" || !canWatch()) return null;
  const { endpoint, impairment } = options;
  const link = device instanceof ImpairDevice ? device : null;
  const changes = link === null ? null : controlled(link, voice);
  return new Watch({
    title: `tcpnet ${endpoint.role}`,
    note: impairment === null ? "" : `seed ${impairment.seed}`,
    hasStack: true,
    now: () => voice.now(),
    ends: () => session.samples(),
    link: () => (link === null ? null : linkOf(link)),
    change: changes === null ? null : (line) => control(changes, line, traceFile),
    whyNoKeys: NO_LINK,
  });
}
