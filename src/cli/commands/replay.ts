import { closeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { transfer } from "#lab/sim/transfer";
import { EventError, EventLines } from "#observe/event-reader";
import { type ReplayHead, ReplayReader } from "#observe/replay";
import { isCompressed, ReplayError } from "#observe/replay-blocks";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { verdictsOf } from "#report/verdict/verdict";
import { version } from "../../../package.json";
import { ByteSource } from "../byte-source.ts";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { EXIT_FAILURE, EXIT_NO_RECORD, EXIT_OK } from "../exit-codes.ts";
import { Flags } from "../flags.ts";
import { openToWrite, truncate } from "../named-files.ts";
import { outputFailure, print, writeWhole } from "../print.ts";
import { ReportFile } from "../report-file.ts";
import { ResultFile } from "../result-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { printText, say, sayData, yellow } from "../terminal.ts";
import { readOptions } from "./sim.ts";

const PAGE = "report.html";

/** `tcpnet replay`: says what the run was and whether it went the same way again, and writes what is asked for; its page if nothing else is. */
export async function run({ args: [path], flags }: Call): Promise<number> {
  const name = path as string;
  const events = flags.text("events");
  const write = flags.text("write");
  const page = flags.text("output") ?? (events === undefined && write === undefined ? PAGE : undefined);
  if (page === "-" && events === "-")
    throw usageError("standard output cannot carry both the events and the page", "", "write the events to a file");
  if (write === "-") throw usageError("-w of replay needs a file", "a run may have two captures", "-w run.pcapng");
  for (const [flag, file] of [
    ["--output", page],
    ["--events", events],
    ["--write", write],
  ] as const)
    if (file !== undefined && file !== "-" && name !== "-") refuseOverwriting([name], flag, file);
  const opened = open(name);
  try {
    const { reader } = opened;
    const log = events === undefined ? null : new ResultFile(events);
    const captures = new Captures(write);
    const recorded = read(name, reader, captures, log);
    log?.close();
    captures.close();
    if (write !== undefined && captures.files.length === 0)
      say(`${yellow("warning")} ${name} has no capture: -w of the run adds it`);
    const digest = reader.end!.digest;
    const again = digest === null ? null : repeat(reader.head);
    const isSame = again === null || again.digest === digest;
    const title = `tcpnet ${reader.head.command}`;
    const file = page === undefined ? null : new ReportFile(page);
    await file?.write([{ name: title, run: recorded }], title);
    const result: Result = {
      head: reader.head,
      digest,
      again,
      isSame,
      run: recorded,
      files: [
        ...(file === null ? [] : [{ kind: "page", path: file.path, overwritten: file.overwrites } as const]),
        ...(log === null ? [] : [{ kind: "events", path: events!, overwritten: log.overwrites } as const]),
        ...captures.files,
      ],
      captures: [...reader.captures],
    };
    tell(result, flags.has("json"));
    return isSame ? EXIT_OK : EXIT_FAILURE;
  } finally {
    opened.source.close();
  }
}

/** What was written, and whether it took the place of something. */
interface Written {
  readonly kind: "page" | "events" | "packets";
  readonly path: string;
  readonly overwritten: boolean;
}

interface Result {
  readonly head: ReplayHead;
  readonly digest: string | null;
  readonly again: Repeated | null;
  readonly isSame: boolean;
  readonly run: Run;
  readonly files: readonly Written[];
  /** The names of those in the replay file. */
  readonly captures: readonly string[];
}

/** Throws CliError. */
function open(path: string): { readonly source: ByteSource; readonly reader: ReplayReader } {
  const source = new ByteSource(path);
  if (!isCompressed(source.peek())) {
    source.close();
    throw new CliError(
      EXIT_NO_RECORD,
      `${path} is not a replay file`,
      "",
      "such a file is written by --save; events: tcpnet report",
    );
  }
  return { source, reader: worded(path, () => new ReplayReader((n) => source.exactly(n))) };
}

/** Reads everything behind the head. Throws CliError. */
function read(path: string, reader: ReplayReader, captures: Captures, log: ResultFile | null): Run {
  const builder = new RunBuilder();
  const lines = new EventLines(path);
  return worded(path, () => {
    for (const line of reader.events((piece) => captures.put(piece.name, piece.data))) {
      const event = lines.read(line);
      if (event === null) throw new ReplayError("it is damaged: an event cannot be read");
      builder.event(event);
      log?.put(`${line}\n`);
    }
    return builder.build();
  });
}

function worded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ReplayError || error instanceof EventError || error instanceof SyntaxError)) throw error;
    const why = error instanceof SyntaxError ? "it is damaged: a line is not JSON" : error.message;
    throw new CliError(EXIT_NO_RECORD, `${path} cannot be replayed`, why, "save it again, or copy it again");
  }
}

interface Repeated {
  readonly digest: string;
  /** Virtual seconds, and how long it took, ms. */
  readonly time: number;
  readonly took: number;
}

/** Runs a simulation again. Files and code are never read: what the flags name is in the file. Throws CliError. */
function repeat({ command, flags, files }: ReplayHead): Repeated {
  const began = performance.now();
  try {
    if (command !== "sim") throw new CliError(EXIT_NO_RECORD, `tcpnet ${command} is no simulation`);
    const readText = (name: string) => {
      const text = Object.hasOwn(files, name) ? files[name] : undefined;
      if (typeof text === "string") return text;
      throw new CliError(EXIT_NO_RECORD, `${name} is not in the file`);
    };
    const { digest, time } = transfer(readOptions(new Flags(flags), new Map(), readText));
    return { digest, time, took: performance.now() - began };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(EXIT_NO_RECORD, "the run cannot be repeated with its settings", error.what, "");
  }
}

/** The captures of the file, one after the other: the first one under the given name, others beside it under their own. */
class Captures {
  readonly files: Written[] = [];
  readonly #path: string | undefined;
  #name = "";
  #fd = -1;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Throws CliError. */
  put(name: string, data: Uint8Array): void {
    if (this.#path === undefined) return;
    if (name !== this.#name) this.#begin(name, this.#path);
    try {
      writeWhole(this.#fd, data);
    } catch (error) {
      throw outputFailure(this.#path, error as NodeJS.ErrnoException);
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #begin(name: string, path: string): void {
    this.close();
    this.#name = name;
    // A name of a foreign file is a name, not a path.
    const file = this.files.length === 0 ? path : join(dirname(path), basename(name));
    const { fd, hasContent } = openToWrite(file);
    truncate(fd);
    this.files.push({ kind: "packets", path: file, overwritten: hasContent });
    this.#fd = fd;
  }
}

function tell(result: Result, isJson: boolean): void {
  const { head, digest, again, isSame, run, files, captures } = result;
  // Its reader wants the page or the events, and nothing else.
  const isTaken = files.some(({ path }) => path === "-");
  const words = verdictWords(run);
  if (isJson) {
    const { program, command, arguments: args, flags } = head;
    const packets = run.packets.time.length;
    const repeated = again === null ? null : { digest: again.digest, same: isSame };
    const text = JSON.stringify({
      schema: "tcpnet.replay-result/1",
      program,
      command,
      arguments: args,
      flags,
      digest,
      repeated,
      packets,
      captures,
      words,
      path: files.find(({ kind }) => kind === "page")?.path ?? null,
      written: files,
    });
    if (isTaken) sayData(text);
    else print(`${text}\n`);
    return;
  }
  const { link, seed } = run.about;
  const isTold = files.some(({ kind }) => kind === "packets");
  const lines = [
    `tcpnet ${head.command}, saved by ${head.program}`,
    `  typed    ${commandLine(head)}`,
    ...(link === undefined || link === null ? [] : [`  link     ${String(link)}`]),
    ...(seed === undefined || seed === null ? [] : [`  seed     ${String(seed)}`]),
    ...(captures.length === 0 ? [] : [`  capture  ${captures.join(", ")}${isTold ? "" : ": -w FILE writes it"}`]),
    ...repeatedLines(result),
    ...words.map((text, i) => `  ${i === 0 ? "verdict" : "       "}  ${text}`),
    ...files.map(
      ({ kind, path, overwritten }) =>
        `  ${kind.padEnd(7)}  ${path === "-" ? "standard output" : path}${overwritten ? " (overwritten)" : ""}`,
    ),
  ];
  if (isTaken) say(...lines);
  else printText(`${lines.join("\n")}\n`);
}

function repeatedLines({ head, digest, again, isSame }: Result): string[] {
  if (again === null) {
    const how = head.command === "drill" ? "scripts" : "recorded in real time";
    return [`  run      ${how}: it is shown as it was`];
  }
  const { time, took } = again;
  if (isSame)
    return [
      `  again    the same: digest ${digest}, ${time.toFixed(3)} s of virtual time in ${(took / 1000).toFixed(1)} s`,
    ];
  const own = `tcpnet ${version}`;
  const who = head.program === own ? "this program behaves otherwise" : `${own} behaves otherwise than ${head.program}`;
  return [
    `  again    ✗ different: digest ${again.digest} instead of ${digest}; ${who}`,
    "           what follows is what was recorded",
  ];
}

function verdictWords(run: Run): string[] {
  const [worst] = verdictsOf(run).sort((a, b) => b.severity - a.severity || b.figures.octets - a.figures.octets);
  return worst?.sentences.map(({ text }) => text) ?? ["no packets were seen"];
}

/** Flags that only say where results go. */
const OUTPUTS = new Set([
  "save",
  "events",
  "report",
  "write",
  "json",
  "quiet",
  "watch",
  "packets",
  "explain",
  "web",
  "speed",
]);

/** What to type for the same run; flags that are on unless a --no- flag turns them off are shown only when they are off. */
function commandLine({ command, arguments: args, flags }: ReplayHead): string {
  const words = Object.entries(flags).flatMap(([name, value]) => {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name.length === 1 || OUTPUTS.has(name)) return [];
    if (value === true || value === "true") return ON.has(name) ? [] : [`--${flag}`];
    if (value === false) return ON.has(name) ? [`--no-${flag}`] : [];
    return [value].flat().map((text) => `--${flag} ${quoted(String(text))}`);
  });
  return ["tcpnet", command, ...args.map(quoted), ...words].join(" ");
}

/** Flags that have only a --no- form. */
const ON = new Set(["offload", "sack", "timestamps"]);

/** For a shell. */
function quoted(word: string): string {
  return /^[\w./:,%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
