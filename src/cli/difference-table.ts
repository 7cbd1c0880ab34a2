/** Two results side by side, as `diff` and `bench diff` show them. */
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";

const THRESHOLD = 5;

export interface DifferenceRow {
  readonly name: string;
  /** Both values with their units. */
  readonly before: string;
  readonly after: string;
  readonly change: string;
  /** By how much the second is worse, in percent; negative: it is better; null: it is not judged. */
  readonly worse: number | null;
}

/** By how many percent the second result may be worse. Throws CliError. */
export function thresholdOf(flags: Flags): number {
  const text = flags.text("threshold");
  if (text === undefined) return THRESHOLD;
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?)%?$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits !== undefined && value <= 100) return value;
  throw usageError(`--threshold ${text} is not a percentage from 0% to 100%`, "", "for example --threshold 5");
}

export function verdictOn(worse: number | null, threshold: number): "" | "worse" | "better" | "same" {
  if (worse === null) return "";
  return worse > threshold ? "worse" : worse < -threshold ? "better" : "same";
}

/** The rows under their head. */
export function differenceTable(rows: readonly DifferenceRow[], threshold: number): string[] {
  const cells = rows.map(({ name, before, after, change, worse }) => [
    name,
    before,
    after,
    change,
    verdictOn(worse, threshold),
  ]);
  return [["", "before", "after", "change", ""], ...cells].map(([name, before, after, change, verdict]) =>
    `${name!.padEnd(NAME)}${before!.padStart(VALUE)}${after!.padStart(VALUE)}${change!.padStart(CHANGE)}   ${verdict}`.trimEnd(),
  );
}

const NAME = 28;
const VALUE = 15;
const CHANGE = 11;

/** The last line. */
export function differenceVerdict(rows: readonly DifferenceRow[], threshold: number): string {
  const judged = rows.filter(({ worse }) => worse !== null);
  const count = judged.filter(({ worse }) => worse! > threshold).length;
  return count === 0
    ? `nothing is worse by more than ${threshold} %`
    : `${count} of ${judged.length} worse by more than ${threshold} %`;
}

/** "+2.5 %" */
export function signed(percent: number): string {
  return `${percent >= 0 ? "+" : "-"}${Math.abs(percent).toFixed(1)} %`;
}
