/** The verdict on one direction of a connection: what limited it, in words, each with its evidence. */
import { TIMER_NAMES } from "#tcp/words/names";
import { type Way, wayOf } from "../model/direction.ts";
import { rowsBy } from "../model/rows-by.ts";
import { ACK, ON_LINK, RST, type Run, SYN, TIMER } from "../model/run.ts";
import { type Interval, KINDS, type Kind, limitsOf, spanOf } from "./limits.ts";
import { type Losses, lossesOf } from "./losses.ts";
import { sentences } from "./sentences.ts";

/** Where to look: a time, or a span. */
export interface Evidence {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

export interface Sentence {
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** "": plain; or how bad it is. */
  readonly tone: "" | "warn" | "bad";
}

/** The numbers of one direction. Times are µs. */
export interface Figures {
  readonly octets: number;
  readonly start: number;
  readonly end: number;
  readonly isComplete: boolean;
  /** µs per kind of limit; null: the sender was not recorded. */
  readonly shares: Readonly<Record<Kind, number>> | null;
  readonly intervals: readonly Interval[];
  readonly resent: number;
  /** Those that were spurious: the original was late, or had arrived. */
  readonly late: number;
  readonly had: number;
  readonly timeouts: number;
  /** Dropped by the link, by the rule's number. */
  readonly drops: readonly { readonly rule: number; readonly rows: readonly number[] }[];
  readonly acksDropped: number;
  readonly isFateKnown: boolean;
  readonly minRtt: number;
  readonly maxRtt: number;
  /** The largest window that the receiver offered, how often it was closed for longer than a moment, and for how long in all. */
  readonly maxWindow: number;
  readonly zeroWindows: number;
  readonly closedTime: number;
  /** The most packets that waited in the link's queue; -1: no link was recorded. */
  readonly maxQueue: number;
  readonly isScaled: boolean;
  /** Bits per second that the link can carry, by its words; 0: unlimited or unknown. */
  readonly linkRate: number;
  /** Octets of IP packets that went over the link or were sent. */
  readonly wireOctets: number;
  readonly resetBy: -1 | 0 | 1;
  /** A SYN was sent, and nothing came back. */
  readonly isUnanswered: boolean;
}

export interface Verdict {
  readonly connection: number;
  readonly from: number;
  readonly figures: Figures;
  readonly sentences: readonly Sentence[];
  /** What to sort by: the larger, the more is wrong. */
  readonly severity: number;
}

/** The verdicts on all directions that carried data; of a connection without data, on that of its opener. */
export function verdictsOf(run: Run): Verdict[] {
  return run.connections.flatMap((_, connection) => {
    const ways = [wayOf(run, connection, 0), wayOf(run, connection, 1)];
    const carrying = ways.filter(({ octets }) => octets > 0);
    return (carrying.length > 0 ? carrying : ways.slice(0, 1)).map((way) => verdictOn(run, way));
  });
}

export function verdictOn(run: Run, way: Way): Verdict {
  const figures = figuresOf(run, way);
  const said = sentences(run, way, figures);
  const severity = said.reduce((sum, { tone }) => sum + (tone === "bad" ? 100 : tone === "warn" ? 10 : 0), 0);
  return {
    connection: way.connection,
    from: way.from,
    figures,
    sentences: said,
    severity: severity + figures.timeouts + figures.resent / (figures.resent + 100),
  };
}

function figuresOf(run: Run, way: Way): Figures {
  const losses = lossesOf(run, way);
  const intervals = limitsOf(run, way);
  const span = spanOf(run, way) ?? { start: 0, end: 0, isComplete: false };
  return {
    octets: way.octets,
    ...span,
    shares: intervals === null ? null : sharesOf(intervals),
    intervals: intervals ?? [],
    ...lossFigures(losses),
    timeouts: timeoutsOf(run, 2 * way.connection + way.from),
    ...roundTrips(run, way),
    ...windows(run, way),
    maxQueue: maxQueue(run, way),
    linkRate: linkRate(run, way),
    wireOctets: wireOctets(run, way),
    resetBy: resetBy(run, way),
    isUnanswered: way.back.length === 0 && way.sent.length > 0 && (run.packets.flags[way.sent[0]!]! & SYN) !== 0,
  };
}

function sharesOf(intervals: readonly Interval[]): Record<Kind, number> {
  const shares = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const { start, end, kind } of intervals) shares[kind] += end - start;
  return shares;
}

function lossFigures({ dropped, resent, acksDropped, isKnown }: Losses) {
  return {
    resent: resent.length,
    late: resent.filter(({ need }) => need === "late").length,
    had: resent.filter(({ need }) => need === "had").length,
    drops: [...dropped].map(([rule, rows]) => ({ rule, rows })).sort((a, b) => b.rows.length - a.rows.length),
    acksDropped,
    isFateKnown: isKnown,
  };
}

function timeoutsOf({ happenings }: Run, owner: number): number {
  let n = 0;
  for (const i of rowsBy(happenings.owner, owner))
    if (happenings.what[i] === TIMER && TIMER_NAMES[happenings.a[i]!] === "retransmit") n++;
  return n;
}

function roundTrips({ trips }: Run, { connection, from }: Way): { readonly minRtt: number; readonly maxRtt: number } {
  let minRtt = Number.POSITIVE_INFINITY;
  let maxRtt = 0;
  for (const i of rowsBy(trips.owner, 2 * connection + from)) {
    minRtt = Math.min(minRtt, trips.sample[i]!);
    maxRtt = Math.max(maxRtt, trips.sample[i]!);
  }
  return { minRtt: maxRtt === 0 ? 0 : minRtt, maxRtt };
}

/** A window that is closed for less is closed for a moment, µs. */
const MOMENT = 5_000;

function windows({ packets }: Run, { back }: Way) {
  let maxWindow = 0;
  let zeroWindows = 0;
  let closedTime = 0;
  let closed = -1;
  for (const row of back) {
    const flags = packets.flags[row]!;
    if ((flags & (ACK | RST)) !== ACK) continue;
    const window = packets.window[row]!;
    const time = packets.time[row]!;
    maxWindow = Math.max(maxWindow, window);
    if (window === 0 && closed < 0) closed = time;
    if (window === 0 || closed < 0) continue;
    if (time - closed >= MOMENT) {
      zeroWindows++;
      closedTime += time - closed;
    }
    closed = -1;
  }
  return { maxWindow, zeroWindows, closedTime, isScaled: maxWindow > 0xffff };
}

function maxQueue({ packets }: Run, { sent }: Way): number {
  let most = -1;
  for (const row of sent) if ((packets.bits[row]! & ON_LINK) !== 0) most = Math.max(most, packets.queue[row]!);
  return most;
}

/** The rate in the words of the link ("delay 20ms rate 10mbit"), of this direction. */
function linkRate({ about }: Run, { from }: Way): number {
  const words = typeof about.link === "string" ? about.link : "";
  const parts = words.split(/\b(?:out|in):?\s/);
  const part = parts.length < 3 ? words : (parts[from === 0 ? 1 : 2] ?? words);
  const [, number, unit] = /\brate ([\d.]+)([kmg])?bit/.exec(part) ?? [];
  if (number === undefined) return 0;
  return Number(number) * ({ k: 1e3, m: 1e6, g: 1e9 }[unit ?? ""] ?? 1);
}

const HEADERS = 52;

function wireOctets({ packets }: Run, { sent }: Way): number {
  let sum = 0;
  for (const row of sent) if (packets.dropped[row] === 0) sum += packets.length[row]! + HEADERS;
  return sum;
}

/** Which end sent an RST: 0: the sender of the data, 1: the other; -1: none. */
function resetBy(run: Run, { sent, back }: Way): -1 | 0 | 1 {
  const { flags } = run.packets;
  if (sent.some((row) => (flags[row]! & RST) !== 0)) return 0;
  return back.some((row) => (flags[row]! & RST) !== 0) ? 1 : -1;
}
