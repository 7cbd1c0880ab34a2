/** Compares two programs that were measured in turn. */
import { rateText } from "./units.ts";

export type Unit = "bit/s" | "per second";

/** The figures of both programs' runs. */
export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly tcpnet: readonly number[];
  readonly other: readonly number[];
}

export interface Comparison {
  readonly name: string;
  readonly unit: Unit;
  readonly tcpnet: Runs;
  readonly other: Runs;
  /** The ratio of the medians. */
  readonly ratio: number;
}

export interface Runs {
  readonly median: number;
  readonly runs: readonly number[];
}

export function compared({ name, unit, tcpnet, other }: Row): Comparison {
  const [ours, theirs] = [median(tcpnet), median(other)];
  return {
    name,
    unit,
    tcpnet: { median: ours, runs: tcpnet },
    other: { median: theirs, runs: other },
    ratio: theirs > 0 ? ours / theirs : 0,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians, the ratio, and how far the runs of each lie below and above their median. */
export function versusTable(rows: readonly Comparison[], other: string): string[] {
  return [line("", ["tcpnet", other, "ratio", "spread", `of ${other}`]), ...rows.map(rowLine)];
}

function rowLine({ name, unit, tcpnet, other, ratio }: Comparison): string {
  const text = (value: number) =>
    unit === "bit/s" ? rateText(value) : `${Math.round(value).toLocaleString("en-US")}/s`;
  return line(name, [text(tcpnet.median), text(other.median), ratio.toFixed(2), spread(tcpnet), spread(other)]);
}

function spread({ median: middle, runs }: Runs): string {
  const percent = (value: number) => (middle > 0 ? Math.round((Math.abs(value - middle) / middle) * 100) : 0);
  return `-${percent(Math.min(...runs))}+${percent(Math.max(...runs))}%`;
}

/** The width of the column of names. */
const NAME = 20;

function line(name: string, [ours, theirs, ratio, low, high]: readonly string[]): string {
  const figures = `${ours!.padStart(14)}${theirs!.padStart(15)}${ratio!.padStart(7)}`;
  // A name that is too long gets a line of its own.
  const begin = name.length < NAME ? name.padEnd(NAME) : `${name}\n${"".padEnd(NAME)}`;
  return `${begin}${figures}${low!.padStart(11)}${high!.padStart(11)}`;
}
