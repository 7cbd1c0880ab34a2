import { type Difference, differences, type Figures, readFigures, type Unit } from "#lab/bench/diff";
import { latencyText, rateText } from "#lab/bench/units";
import { refuseOthers } from "./bench-options.ts";
import { CliError, usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { type DifferenceRow, differenceTable, differenceVerdict, signed, thresholdOf } from "./difference-table.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import { readNamed } from "./named-files.ts";
import { print } from "./print.ts";
import { asTyped } from "./program.ts";
import { printText } from "./terminal.ts";

const ALLOWED = new Set(["threshold", "json", "no-offload"]);

/** `tcpnet bench diff before.json after.json`: exit code 1 if the second is worse by more than the threshold. */
export async function runDiff({ args, flags }: Call): Promise<number> {
  const [, before, after, extra] = args;
  if (before === undefined || after === undefined || extra !== undefined) {
    throw usageError(
      "bench diff needs two files",
      "they are results of bench --json",
      asTyped("for example: tcpnet bench diff a.json b.json"),
    );
  }
  refuseOthers(flags, ALLOWED, "bench diff");
  const threshold = thresholdOf(flags);
  const found = differences(figuresIn(before), figuresIn(after));
  if (found.length === 0) {
    const why = "they are results of different kinds of tests";
    throw new CliError(EXIT_FAILURE, `${before} and ${after} have no figure in common`, why);
  }
  const bad = found.filter(({ worse }) => worse > threshold);
  const rows = found.map(rowOf);
  if (flags.has("json")) print(`${JSON.stringify({ threshold, worse: bad.length > 0, differences: found })}\n`);
  else printText(`${[...differenceTable(rows, threshold), "", differenceVerdict(rows, threshold)].join("\n")}\n`);
  return bad.length === 0 ? EXIT_OK : EXIT_FAILURE;
}

function figuresIn(path: string): Figures {
  const figures = readFigures(readNamed(path));
  if (figures !== null) return figures;
  throw new CliError(
    EXIT_FAILURE,
    `${path} has no benchmark result`,
    "it is not the JSON of tcpnet bench or iperf3, or that test failed",
    asTyped("tcpnet bench -c … --json > FILE"),
  );
}

function rowOf({ name, unit, before, after, worse }: Difference): DifferenceRow {
  // Of a latency, more is worse: the sign is that of the number.
  const change = unit === "µs" ? signed(worse) : signed(worse > 0 ? -worse : Math.abs(worse));
  return { name, before: shown(before, unit), after: shown(after, unit), change, worse };
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
