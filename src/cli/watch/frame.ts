/** What one picture of the dashboard says, before anybody decides how wide it is. */

import type { TcpInfo } from "#tcp/machine/info";
import type { LIMIT_NAMES } from "#tcp/words/names";
import type { LinkSample } from "./sample.ts";

export type LimitName = (typeof LIMIT_NAMES)[number];

export interface EndFrame {
  readonly name: string;
  readonly info: TcpInfo;
  /** Bits per second over the last second, and over time. */
  readonly sending: Rate;
  readonly receiving: Rate;
  readonly received: number;
  readonly cwnd: readonly number[];
  /** Microseconds. */
  readonly rtt: readonly number[];
  /** Shares of the last seconds, the largest first. */
  readonly limits: readonly { readonly name: LimitName; readonly share: number }[];
}

export interface Rate {
  readonly now: number;
  readonly past: readonly number[];
}

export interface LinkFrame extends LinkSample {
  /** Packets per second that came out of each direction. */
  readonly rates: readonly number[];
  /** Packets that waited, over time. */
  readonly queues: readonly (readonly number[])[];
}

export interface Frame {
  /** "tcpnet host" */
  readonly title: string;
  /** µs since the beginning. */
  readonly time: number;
  /** "seed 42", "2 of 5 connections" */
  readonly notes: readonly string[];
  /** Whether there is a stack, and not a link alone. */
  readonly hasStack: boolean;
  /** Null: nobody is connected. */
  readonly end: EndFrame | null;
  readonly link: LinkFrame | null;
  /** Messages, the newest last. */
  readonly log: readonly string[];
  readonly isFrozen: boolean;
  readonly showsHelp: boolean;
  /** It stays on the screen when the dashboard has ended, and no key does anything. */
  readonly isLast: boolean;
  /** "": it can be changed by keys. */
  readonly whyNoKeys: string;
}
