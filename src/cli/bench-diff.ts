import { type Difference, differences, type Figures, readFigures, type Unit } from "#lab/bench/diff";
import { latencyText, rateText } from "#lab/bench/units";
import { refuseOthers } from "./bench-options.ts";
import { CliError, usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";
import { readNamed } from "./named-files.ts";
import { print } from "./print.ts";
import { printText } from "./terminal.ts";

const THRESHOLD = 5;
const ALLOWED = new Set(["threshold", "json", "no-offload"]);

/** `tcpnet bench diff before.json after.json`: exit code 1 if the second is worse by more than the threshold. */
export async function runDiff({ args, flags }: Call): Promise<number> {
  const [, before, after, extra] = args;
  if (before === undefined || after === undefined || extra !== undefined) {
    throw usageError("bench diff needs two files", "they are results of bench --json", "bench diff a.json b.json");
  }
  refuseOthers(flags, ALLOWED, "bench diff");
  const threshold = thresholdOf(flags);
  const found = differences(figuresIn(before), figuresIn(after));
  if (found.length === 0) {
    const why = "they are results of different kinds of tests";
    throw new CliError(EXIT_FAILURE, `${before} and ${after} have no figure in common`, why);
  }
  const bad = found.filter(({ worse }) => worse > threshold);
  if (flags.has("json")) print(`${JSON.stringify({ threshold, worse: bad.length > 0, differences: found })}\n`);
  else printText(`${table(found, threshold).join("\n")}\n`);
  return bad.length === 0 ? EXIT_OK : EXIT_FAILURE;
}

function thresholdOf(flags: Flags): number {
  const text = flags.text("threshold");
  if (text === undefined) return THRESHOLD;
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?)%?$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits !== undefined && value <= 100) return value;
  throw usageError(`--threshold ${text} is not a percentage from 0% to 100%`, "", "for example --threshold 5");
}

function figuresIn(path: string): Figures {
  const figures = readFigures(readNamed(path));
  if (figures !== null) return figures;
  throw new CliError(
    EXIT_FAILURE,
    `${path} has no benchmark result`,
    "it is not the JSON of tcpnet bench or iperf3, or that test failed",
    "bench -c … --json > FILE",
  );
}

function table(found: readonly Difference[], threshold: number): string[] {
  const rows = found.map(({ name, unit, before, after, worse }) => {
    const change = `${worse > 0 ? "-" : "+"}${Math.abs(worse).toFixed(1)} %`;
    const verdict = worse > threshold ? "worse" : worse < -threshold ? "better" : "same";
    return [name, shown(before, unit), shown(after, unit), unit === "µs" ? flipped(worse) : change, verdict];
  });
  const lines = [["", "before", "after", "change", ""], ...rows].map(([name, before, after, change, verdict]) =>
    `${name!.padEnd(28)}${before!.padStart(15)}${after!.padStart(15)}${change!.padStart(11)}   ${verdict}`.trimEnd(),
  );
  const count = found.filter(({ worse }) => worse > threshold).length;
  const verdict =
    count === 0
      ? `nothing is worse by more than ${threshold} %`
      : `${count} of ${found.length} worse by more than ${threshold} %`;
  return [...lines, "", verdict];
}

/** Of a latency, more is worse, and the sign is that of the number. */
function flipped(worse: number): string {
  return `${worse >= 0 ? "+" : "-"}${Math.abs(worse).toFixed(1)} %`;
}

function shown(value: number, unit: Unit): string {
  switch (unit) {
    case "bit/s":
      return rateText(value);
    case "per second":
      return `${Math.round(value).toLocaleString("en-US")}/s`;
    case "µs":
      return latencyText(value);
    case "ratio":
      return value.toFixed(2);
  }
}
