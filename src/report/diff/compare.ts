/** Compares two runs: their figures, and in words where the time went. */
import type { Run } from "../model/run.ts";
import { type Verdict, verdictsOf } from "../verdict/verdict.ts";
import { sentences } from "./sentences.ts";

/** How a figure is written, and what `worse` counts: percent of the value before, or for a share its difference in percentage points. */
export type Unit = "bit/s" | "µs" | "share" | "packets" | "count";

export interface Difference {
  readonly name: string;
  readonly unit: Unit;
  readonly before: number;
  readonly after: number;
  /** By how much the second run is worse; negative: it is better. Null: the figure is shown, and not judged. */
  readonly worse: number | null;
}

/** The same direction of a connection in both runs. */
export interface Comparison {
  /** "left 10.0.0.7:60237 → 10.0.1.5:7000", as in the second run. */
  readonly direction: string;
  readonly differences: readonly Difference[];
  readonly sentences: readonly string[];
  readonly before: Verdict;
  readonly after: Verdict;
}

export interface RunComparison {
  readonly pairs: readonly Comparison[];
  /** Directions that only one of the runs has. */
  readonly unpaired: number;
  /** What the runs were, where they differ: "link", before, after. */
  readonly settings: readonly (readonly [string, string, string])[];
}

/** Round trips that differ by less are the same, µs: over a path of 50 µs, percents say nothing. */
const ROUND_TRIP_NOISE = 1_000;

/** Directions with data are compared in the order of their beginning. */
export function compareRuns(before: Run, after: Run): RunComparison {
  const [a, b] = [directionsOf(before), directionsOf(after)];
  const n = Math.min(a.length, b.length);
  return {
    pairs: a.slice(0, n).map((verdict, i) => compare(before, verdict, after, b[i]!)),
    unpaired: Math.max(a.length, b.length) - n,
    settings: settingsOf(before, after),
  };
}

function directionsOf(run: Run): Verdict[] {
  return verdictsOf(run).sort((x, y) => x.figures.start - y.figures.start || x.connection - y.connection);
}

function compare(runBefore: Run, before: Verdict, runAfter: Run, after: Verdict): Comparison {
  const { ends, who } = runAfter.connections[after.connection]!;
  const from = after.from as 0 | 1;
  return {
    direction: `${who[from]} ${ends[from]}`.trim() + ` → ${ends[1 - from]}`,
    differences: differencesOf(numbersOf(runBefore, before), numbersOf(runAfter, after)),
    sentences: sentences(before.figures, after.figures),
    before,
    after,
  };
}

/** The numbers of a direction that are compared; NaN: unknown. */
interface Numbers {
  readonly goodput: number;
  readonly took: number;
  readonly isComplete: boolean;
  readonly median: number;
  readonly slow: number;
  readonly resent: number;
  readonly resentShare: number;
  readonly timeouts: number;
  readonly lost: number;
  readonly queue: number;
}

function numbersOf(run: Run, { connection, from, figures: f }: Verdict): Numbers {
  const took = f.end - f.start;
  const trips = samplesOf(run, 2 * connection + from);
  const sent = segmentsOf(run, connection, from);
  return {
    goodput: took > 0 && f.octets > 0 ? (f.octets * 8e6) / took : Number.NaN,
    took,
    isComplete: f.isComplete,
    median: quantile(trips, 0.5),
    slow: quantile(trips, 0.95),
    resent: f.resent,
    resentShare: sent > 0 ? f.resent / sent : Number.NaN,
    timeouts: f.timeouts,
    lost: f.drops.reduce((n, { rows }) => n + rows.length, 0),
    queue: f.maxQueue < 0 ? Number.NaN : f.maxQueue,
  };
}

function samplesOf({ trips }: Run, owner: number): Float64Array {
  return trips.sample.filter((_, i) => trips.owner[i] === owner).sort();
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** Segments with payload. */
function segmentsOf({ packets }: Run, connection: number, from: number): number {
  let n = 0;
  for (let i = 0; i < packets.time.length; i++)
    if (packets.connection[i] === connection && packets.from[i] === from && packets.length[i]! > 0) n++;
  return n;
}

function differencesOf(a: Numbers, b: Numbers): Difference[] {
  const more = (x: number, y: number) => (y / x - 1) * 100;
  const slower = (x: number, y: number) => (Math.abs(y - x) < ROUND_TRIP_NOISE ? 0 : more(x, y));
  const rows: Difference[] = [
    { name: "goodput", unit: "bit/s", before: a.goodput, after: b.goodput, worse: -more(a.goodput, b.goodput) },
    { name: "time", unit: "µs", before: a.took, after: b.took, worse: null },
    { name: "round trip, median", unit: "µs", before: a.median, after: b.median, worse: slower(a.median, b.median) },
    { name: "round trip, 95 %", unit: "µs", before: a.slow, after: b.slow, worse: slower(a.slow, b.slow) },
    {
      name: "retransmitted",
      unit: "share",
      before: a.resentShare,
      after: b.resentShare,
      worse: (b.resentShare - a.resentShare) * 100,
    },
    { name: "retransmissions", unit: "count", before: a.resent, after: b.resent, worse: null },
    { name: "timeouts", unit: "count", before: a.timeouts, after: b.timeouts, worse: null },
    { name: "lost by the link", unit: "packets", before: a.lost, after: b.lost, worse: null },
    { name: "longest queue", unit: "packets", before: a.queue, after: b.queue, worse: null },
  ];
  return rows.filter(({ before, after }) => !Number.isNaN(before) && !Number.isNaN(after));
}

function settingsOf({ about: a }: Run, { about: b }: Run): [string, string, string][] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const text = (value: unknown) =>
    value === undefined || value === null
      ? "-"
      : typeof value === "object"
        ? JSON.stringify(value)
        : `${value as string}`;
  return names.flatMap((name): [string, string, string][] => {
    const [x, y] = [text(a[name]), text(b[name])];
    return x === y ? [] : [[name, x, y]];
  });
}
