import { type Comparison, compareRuns, type Difference, type RunComparison, type Unit } from "#report/diff/compare";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { duration, percent, rate } from "#report/verdict/text";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { type DifferenceRow, differenceTable, differenceVerdict, signed, thresholdOf } from "../difference-table.ts";
import { nameOf, readEventFiles, tellBroken } from "../event-files.ts";
import { EXIT_FAILURE, EXIT_NO_RECORD, EXIT_OK } from "../exit-codes.ts";
import { print } from "../print.ts";
import { asTyped } from "../program.ts";
import { printText, say, yellow } from "../terminal.ts";

/** Pairs that are printed; all are judged. */
const PRINTED_MAX = 5;

/** `tcpnet diff`: the comparison goes to standard output; exit code 1 means that the second run is worse. */
export async function run({ args, flags }: Call): Promise<number> {
  const threshold = thresholdOf(flags);
  const [before, after] = args as [string, string];
  if (before === "-" && after === "-") throw usageError("standard input can be only one of the two runs");
  const found = compareRuns(read(before), read(after));
  if (found.pairs.length === 0)
    throw new CliError(
      EXIT_NO_RECORD,
      "there is nothing to compare",
      "a run has no connection",
      "record both with --events",
    );
  tellEnds(found, before, after);
  const rows = found.pairs.map(({ differences }) => differences.map(rowOf));
  const isWorse = rows.flat().some(({ worse }) => worse !== null && worse > threshold);
  if (flags.has("json")) print(`${JSON.stringify(json(found, threshold, isWorse))}\n`);
  else printText(`${text(found, rows, threshold).join("\n")}\n`);
  return isWorse ? EXIT_FAILURE : EXIT_OK;
}

/** Somebody who compares host's file with peer's has two ends of one run, not two runs. */
function tellEnds({ settings }: RunComparison, before: string, after: string): void {
  const roles = settings.find(([name]) => name === "role");
  if (roles === undefined) return;
  const what = `${nameOf([before])} was recorded by ${roles[1]}, ${nameOf([after])} by ${roles[2]}`;
  say(`${yellow("warning")} ${what}`, `        both ends of one run: ${asTyped("tcpnet report")} ${before} ${after}`);
}

/** Throws CliError. Exit code 1 means "worse", so a file that cannot be read has the code of one that is no record. */
function read(path: string): Run {
  const builder = new RunBuilder();
  try {
    const { broken } = readEventFiles([path], builder);
    tellBroken(nameOf([path]), broken);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT_FAILURE) throw error;
    throw new CliError(EXIT_NO_RECORD, error.what, error.why, error.fix);
  }
  return builder.build();
}

function text(found: RunComparison, rows: readonly (readonly DifferenceRow[])[], threshold: number): string[] {
  const { pairs, unpaired, settings } = found;
  const width = Math.max(0, ...settings.map(([name]) => name.length));
  const shown = pairs
    .slice(0, PRINTED_MAX)
    .flatMap(({ direction, sentences }, i) => [
      direction,
      ...differenceTable(rows[i]!, threshold),
      ...sentences.map((sentence) => `  ${sentence}`),
      "",
    ]);
  const more = pairs.length - PRINTED_MAX;
  return [
    ...settings.map(([name, a, b]) => `${name.padEnd(width)}  ${a} → ${b}`),
    ...(settings.length > 0 ? [""] : []),
    ...shown,
    ...(more > 0 ? [`and ${more} more pairs: see --json`] : []),
    ...(unpaired > 0 ? [`${unpaired} further: only one of the runs has them`] : []),
    differenceVerdict(rows.flat(), threshold),
  ];
}

function rowOf({ name, unit, before, after, worse }: Difference): DifferenceRow {
  return { name, before: shown(before, unit), after: shown(after, unit), change: changeOf(unit, before, after), worse };
}

function changeOf(unit: Unit, before: number, after: number): string {
  if (unit === "share") return signed((after - before) * 100).replace(" %", " pp");
  if (unit === "bit/s" || unit === "µs") return before > 0 ? signed((after / before - 1) * 100) : "";
  return after === before ? "" : `${after > before ? "+" : "-"}${Math.abs(after - before)}`;
}

function shown(value: number, unit: Unit): string {
  switch (unit) {
    case "bit/s":
      return rate(value);
    case "µs":
      return duration(value);
    case "share":
      return value > 0 && value < 0.1 ? `${(value * 100).toFixed(2)} %` : percent(value);
    case "packets":
    case "count":
      return value.toLocaleString("en-US");
  }
}

function json({ pairs, unpaired, settings }: RunComparison, threshold: number, worse: boolean): object {
  return {
    schema: "tcpnet.diff/1",
    threshold,
    worse,
    settings: Object.fromEntries(settings.map(([name, before, after]) => [name, { before, after }])),
    connections: pairs.map(jsonOf),
    unpaired,
  };
}

function jsonOf({ direction, differences, sentences, before, after }: Comparison): object {
  return {
    direction,
    differences,
    words: sentences,
    limits: { before: before.figures.shares, after: after.figures.shares },
  };
}
