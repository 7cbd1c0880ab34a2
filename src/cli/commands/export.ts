import { extname } from "node:path";
import { suggest } from "#base/suggest";
import { exporter, FORMAT_OF, FORMATS, type Format } from "#report/export/formats";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { nameOf, readEventFiles, tellBroken } from "../event-files.ts";
import { EXIT_NO_RECORD, EXIT_OK } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { ResultFile } from "../result-file.ts";
import { refuseOverwriting } from "../same-file.ts";

/** Shorter intervals than events come make the file large and say nothing more, µs. */
const INTERVAL_MIN = 100;

/** `tcpnet export`: the result goes to a file or to standard output, warnings to standard error. */
export async function run({ args, flags }: Call): Promise<number> {
  const output = flags.text("output") ?? "-";
  const format = formatOf(flags.text("format"), output);
  const interval = intervalOf(flags, format);
  const read = args.filter((path) => path !== "-");
  if (output !== "-") refuseOverwriting(read, "--output", output);
  const file = new ResultFile(output);
  const title = nameOf(args);
  const writer = exporter({ format, title, interval }, (text) => file.put(text));
  const { events, broken } = readEventFiles(args, writer);
  // The first line of each file is no event of the run.
  if (events <= args.length)
    throw new CliError(
      EXIT_NO_RECORD,
      `there is nothing to export of ${title}`,
      "it has no events",
      "record a run with --events",
    );
  writer.end();
  file.close();
  tellBroken(title, broken);
  return EXIT_OK;
}

/** Throws CliError. */
function formatOf(text: string | undefined, output: string): Format {
  const list = `${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)}`;
  if (text === undefined) {
    const known = FORMAT_OF[extname(output).slice(1)];
    if (known !== undefined) return known;
    const why = output === "-" ? "" : `the name of ${output} does not tell`;
    throw usageError("which format?", why, `--format ${list}`);
  }
  const format = FORMATS.find((each) => each === text);
  if (format !== undefined) return format;
  const near = suggest(text, FORMATS);
  throw usageError(`there is no format ${text}`, `use ${list}`, near === undefined ? "" : `--format ${near}`);
}

/** µs; 0: none. Throws CliError. */
function intervalOf(flags: Flags, format: Format): number {
  const interval = flags.time("interval");
  if (interval === undefined) return 0;
  if (format !== "csv")
    throw usageError("--interval has no effect on this format", `${format} has every change`, "--format csv");
  if (interval >= INTERVAL_MIN) return interval;
  throw usageError(`--interval ${flags.text("interval")} is too short`, "", "for example --interval 100ms");
}
