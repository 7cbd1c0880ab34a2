/** Numbers over time as text: rows of a grid, in ASCII. */

const ROWS = 12;
/** One for each series. */
const MARKS = "*o+x#";

export interface PlotSeries {
  readonly name: string;
  /** Time in µs and value, in order. */
  readonly points: readonly (readonly [number, number])[];
}

export interface PlotOptions {
  readonly width: number;
  /** The value as it stands beside the axis. */
  readonly text: (value: number) => string;
  readonly span?: readonly [number, number] | undefined;
}

/** Where several values fall into one column, the largest is shown; where none does, the one before goes on. */
export function plot(series: readonly PlotSeries[], { width, text, span }: PlotOptions): string[] {
  const points = series.flatMap((each) => each.points);
  const [from, to] = span ?? [Math.min(...times(points)), Math.max(...times(points))];
  const top = points.reduce((most, [time, value]) => (time >= from && time <= to ? Math.max(most, value) : most), 0);
  if (points.length === 0 || top === 0 || to <= from) return ["no values"];
  const label = Math.max(text(top).length, text(0).length);
  const columns = Math.max(16, width - label - 3);
  const grid = Array.from({ length: ROWS }, () => new Array<string>(columns).fill(" "));
  for (const [k, each] of series.entries()) {
    let last = Number.NaN;
    for (const [column, value] of inColumns(each.points, from, to, columns).entries()) {
      if (!Number.isNaN(value)) last = value;
      if (Number.isNaN(last)) continue;
      const row = ROWS - 1 - Math.min(ROWS - 1, Math.floor((last / top) * ROWS));
      grid[row]![column] = MARKS[k % MARKS.length]!;
    }
  }
  const beside = (row: number) => (row === 0 ? text(top) : row === ROWS / 2 ? text(top / 2) : "");
  const lines = grid.map((cells, row) => `${beside(row).padStart(label)} | ${cells.join("")}`.trimEnd());
  const begin = seconds(from);
  const end = seconds(to);
  const legend =
    series.length > 1 ? [series.map(({ name }, k) => `${MARKS[k % MARKS.length]} ${name}`).join("   ")] : [];
  return [
    ...lines,
    `${text(0).padStart(label)} +-${"-".repeat(columns)}`,
    `${"".padStart(label)}   ${begin}${end.padStart(columns - begin.length)}`,
    ...legend,
  ];
}

const times = (points: readonly (readonly [number, number])[]) => points.map(([time]) => time);
const seconds = (us: number) => `${(us / 1e6).toFixed(2)} s`;

/** The largest value of each column; NaN: none. */
function inColumns(points: PlotSeries["points"], from: number, to: number, columns: number): number[] {
  const values = new Array<number>(columns).fill(Number.NaN);
  for (const [time, value] of points) {
    if (time < from || time > to) continue;
    const column = Math.min(columns - 1, Math.floor(((time - from) / (to - from)) * columns));
    values[column] = Number.isNaN(values[column]!) ? value : Math.max(values[column]!, value);
  }
  return values;
}
