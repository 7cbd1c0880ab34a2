/** The file of a report: opened at once, written when the run is over. */
import { closeSync } from "node:fs";
import type { EventSink } from "#observe/events";
import { type NamedRun, reportHtml } from "#report/html";
import { RunBuilder } from "#report/model/builder";
import { verdictsOf } from "#report/verdict/verdict";
import { version } from "../../package.json";
import { usageError } from "./cli-error.ts";
import { openToWrite, truncate } from "./named-files.ts";
import { outputFailure, refuseClosedOutput, STDOUT, writeWhole } from "./print.ts";
import { refuseOverwriting } from "./same-file.ts";
import type { Voice } from "./voice.ts";

/** Writes the HTML to an open file, "-" being standard output. */
export class ReportFile {
  readonly path: string;
  /** Whether the report takes the place of something. */
  readonly overwrites: boolean;
  readonly #fd: number;

  /** Throws CliError if the file cannot be written. Its content is kept until the report is there. */
  constructor(path: string) {
    this.path = path;
    if (path === "-") refuseClosedOutput();
    const { fd, hasContent } = path === "-" ? { fd: STDOUT, hasContent: false } : openToWrite(path);
    this.#fd = fd;
    this.overwrites = hasContent;
  }

  /** Throws CliError. Returns the size of the report in octets. */
  async write(runs: readonly NamedRun[], title: string): Promise<number> {
    const html = Buffer.from(await reportHtml(runs, { title, program: `tcpnet ${version}` }));
    try {
      if (this.#fd !== STDOUT) truncate(this.#fd);
      writeWhole(this.#fd, html);
    } catch (error) {
      throw outputFailure(this.path, error as NodeJS.ErrnoException);
    }
    if (this.#fd !== STDOUT) closeSync(this.#fd);
    return html.length;
  }
}

/** --report of a command: takes the events of its run, and writes the report of them. */
export class RunReport {
  readonly sink: EventSink;
  readonly #file: ReportFile;
  readonly #builder = new RunBuilder();

  /** Throws CliError. */
  constructor(path: string) {
    this.#file = new ReportFile(path);
    this.sink = this.#builder;
  }

  /** Writes the report; returns the lines of the summary, the verdicts first. Throws CliError. */
  async end(title: string): Promise<string[]> {
    const run = this.#builder.build();
    await this.#file.write([{ name: title, run }], title);
    const verdicts = verdictsOf(run).sort((a, b) => b.severity - a.severity || b.figures.octets - a.figures.octets);
    const words = verdicts[0]?.sentences.map(({ text }) => text) ?? ["no packets were seen"];
    return [...words, `report: ${this.#file.path === "-" ? "standard output" : this.#file.path}`];
  }
}

/** The same for a command with a voice: says the verdict and where the report is. */
export async function tellReport(report: RunReport | null, title: string, voice: Voice): Promise<void> {
  if (report === null) return;
  const lines = await report.end(title);
  voice.lines(
    "report",
    { text: lines.join(" ") },
    lines.map((line, i) => `  ${i === 0 ? "verdict" : "       "} ${line}`),
  );
}

/** Throws CliError if the report cannot go there: two results in one output, or a file that is read. */
export function checkReportTarget(page: string, events: string | undefined, read: readonly string[]): void {
  if (page !== "-") refuseOverwriting(read, "--report", page);
  else if (events === "-")
    throw usageError("standard output cannot carry both the events and the report", "", "write the events to a file");
}

/** One sink for two; undefined: none is wanted. */
export function both(a: EventSink | undefined, b: EventSink | undefined): EventSink | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    event(event) {
      a.event(event);
      b.event(event);
    },
  };
}
