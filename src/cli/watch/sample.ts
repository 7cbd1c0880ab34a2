/** What the dashboard is made from, ten times a second. Plain data: the demo gets it from its two programs as JSON. */
import type { ImpairDevice } from "#device/impair";
import type { Link } from "#device/link";
import { linksText } from "#device/link-text";
import type { TcpInfo } from "#tcp/machine/info";

/** One end of a connection. */
export interface EndSample {
  /** "host 10.0.0.7:7000 → 10.0.1.5:40000" */
  readonly name: string;
  readonly info: TcpInfo;
  /** Octets that the application has received. */
  readonly received: number;
}

export interface WaySample {
  /** Packets that wait in front of the transmitter, and for how many there is room; Infinity: room is counted in octets. */
  readonly queue: number;
  readonly room: number;
  /** By name of the mark: "link.loss". */
  readonly counts: Readonly<Record<string, number>>;
}

export interface LinkSample {
  /** In netem's words. */
  readonly words: string;
  /** What the two directions are called: "out", "in". */
  readonly names: readonly [string, string];
  readonly ways: readonly [WaySample, WaySample];
}

export function wayOf(link: Link): WaySample {
  return { queue: link.waiting, room: link.profile.queue.packets, counts: link.counters.snapshot() };
}

export function linkOf(device: ImpairDevice): LinkSample {
  return { words: linksText(device.profiles), names: ["out", "in"], ways: [wayOf(device.out), wayOf(device.in)] };
}

/** The link's counters of packets that it did not drop: all of them, and those to which something else happened. */
const LINK_TOTALS: ReadonlySet<string> = new Set(["link.offered", "link.delivered"]);
export const LINK_CHANGES: ReadonlySet<string> = new Set([
  "link.duplicated",
  "link.corrupted",
  "link.reordered",
  "link.ce-marked",
]);

/** The causes of drops, and how many packets each took. */
export function dropsByCause({ counts }: WaySample): [string, number][] {
  return Object.entries(counts).filter(([name, n]) => n > 0 && !LINK_TOTALS.has(name) && !LINK_CHANGES.has(name));
}

export function dropsOfWay(way: WaySample): number {
  return dropsByCause(way).reduce((sum, [, n]) => sum + n, 0);
}
