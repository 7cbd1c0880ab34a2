import { MARKS_MAX, type Mark, markCount, markName } from "./mark.ts";

/** How often each mark was reached. One per stack, per link direction, per device. */
export class Counters {
  /** By mark. */
  readonly values = new Float64Array(MARKS_MAX);

  /** Counts one. */
  count(id: Mark): void {
    this.values[id]! += 1;
  }

  /** Counts `n`. */
  add(id: Mark, n: number): void {
    this.values[id]! += n;
  }

  /** How often a mark was reached. */
  get(id: Mark): number {
    return this.values[id]!;
  }

  /** The counters that are not zero, by name, sorted by name. For people and JSON, not for the packet path. */
  snapshot(): Record<string, number> {
    const rows: [string, number][] = [];
    for (let i = 1; i < markCount(); i++) if (this.values[i]! !== 0) rows.push([markName(i), this.values[i]!]);
    rows.sort((x, y) => (x[0] < y[0] ? -1 : 1));
    return Object.fromEntries(rows);
  }
}
