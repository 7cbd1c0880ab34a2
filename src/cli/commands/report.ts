import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { type Verdict, verdictsOf } from "#report/verdict/verdict";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { nameOf, readEventFiles, tellBroken } from "../event-files.ts";
import { EXIT_NO_RECORD, EXIT_OK } from "../exit-codes.ts";
import { print } from "../print.ts";
import { ReportFile } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { printText, say, sayData } from "../terminal.ts";

const DEFAULT = "report.html";
/** Connections whose verdict is printed: those with the most to say. */
const PRINTED_MAX = 5;

/** `tcpnet report`: the verdict goes to standard output, unless the report does. */
export async function run({ args, flags }: Call): Promise<number> {
  const output = flags.text("output") ?? DEFAULT;
  const compare = flags.has("compare");
  if (compare && args.length !== 2)
    throw usageError(
      "--compare needs two files",
      `${args.length} given`,
      "tcpnet report --compare before.ndjson after.ndjson",
    );
  if (output !== "-")
    refuseOverwriting(
      args.filter((path) => path !== "-"),
      "--output",
      output,
    );
  const groups = compare ? args.map((path) => [path]) : [args];
  const runs = groups.map((paths) => ({ name: nameOf(paths), run: read(paths) }));
  const file = new ReportFile(output);
  await file.write(runs, runs.map(({ name }) => name).join(" and "));
  const isJson = flags.has("json");
  const found = runs.map(({ name, run }) => ({ name, run, verdicts: sorted(run) }));
  if (isJson) {
    const text = JSON.stringify({ schema: "tcpnet.report/1", path: output, runs: found.map(json) });
    if (output === "-") sayData(text);
    else print(`${text}\n`);
    return EXIT_OK;
  }
  const lines = found.flatMap((each) => wordsOf(each, found.length > 1));
  if (output === "-") say(...lines);
  else printText(`${[...lines, `report: ${output}${file.overwrites ? " (overwritten)" : ""}`].join("\n")}\n`);
  return EXIT_OK;
}

/** Throws CliError. */
function read(paths: readonly string[]): Run {
  const builder = new RunBuilder();
  const { broken } = readEventFiles(paths, builder);
  const run = builder.build();
  const where = nameOf(paths);
  if (run.packets.time.length === 0) {
    const why = builder.events === 0 ? "it has no events" : `none of its ${builder.events} events is about a packet`;
    throw new CliError(EXIT_NO_RECORD, `there is nothing to report of ${where}`, why, "record a run with --events");
  }
  tellBroken(where, broken);
  return run;
}

function sorted(run: Run): Verdict[] {
  return verdictsOf(run).sort((a, b) => b.severity - a.severity || b.figures.octets - a.figures.octets);
}

interface Found {
  readonly name: string;
  readonly run: Run;
  readonly verdicts: readonly Verdict[];
}

function wayText({ run }: Found, { connection, from }: Verdict): string {
  const { ends, who } = run.connections[connection]!;
  const f = from as 0 | 1;
  return `${`${who[f]} ${ends[f]}`.trim()} → ${ends[1 - f]}`;
}

function wordsOf(found: Found, several: boolean): string[] {
  const { name, verdicts } = found;
  const lines = verdicts
    .slice(0, PRINTED_MAX)
    .flatMap((verdict) => [wayText(found, verdict), ...verdict.sentences.map(({ text }) => `  ${text}`)]);
  const more = verdicts.length - PRINTED_MAX;
  return [...(several ? [`${name}:`] : []), ...lines, ...(more > 0 ? [`and ${more} more: see the report`] : [])];
}

function json(found: Found) {
  return {
    name: found.name,
    packets: found.run.packets.time.length,
    verdicts: found.verdicts.map((verdict) => {
      const { figures, sentences, severity } = verdict;
      const { intervals: _, drops, ...numbers } = figures;
      const lost = Object.fromEntries(drops.map(({ rule, rows }) => [found.run.rules[rule]!.name, rows.length]));
      const words = sentences.map(({ text }) => text);
      return { direction: wayText(found, verdict), severity, words, ...numbers, lost };
    }),
  };
}
