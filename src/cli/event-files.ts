/** Event files of the command line: read in pieces, brought onto one clock and into one order. */
import { basename } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { pcapMagic } from "#explain/capture/pcap-file";
import { EventError, EventLines, merged } from "#observe/event-reader";
import type { EventSink, RunEvent } from "#observe/events";
import { SECTION_HEADER } from "#observe/pcapng";
import { ReplayReader } from "#observe/replay";
import { isCompressed, ReplayError } from "#observe/replay-blocks";
import { ByteSource } from "./byte-source.ts";
import { CliError } from "./cli-error.ts";
import { EXIT_NO_RECORD } from "./exit-codes.ts";
import { asTyped, programName } from "./program.ts";
import { say, yellow } from "./terminal.ts";

/** What was read. */
export interface ReadEvents {
  readonly events: number;
  /** Lines that are no events, such as a torn last one. */
  readonly broken: number;
}

/** Characters of the longest line: a longer one is no event. */
const LINE_MAX = 1 << 20;

/** Passes the events of all files to the sink, on one clock: µs since 1970, or those of virtual time. Throws CliError. */
export function readEventFiles(paths: readonly string[], sink: EventSink): ReadEvents {
  const readers = paths.map((path) => new EventLines(path === "-" ? "standard input" : path));
  let events = 0;
  for (const event of merged(paths.map((path, i) => eventsOf(path, readers[i]!)))) {
    events++;
    sink.event(event);
  }
  return { events, broken: readers.reduce((n, { broken }) => n + broken, 0) };
}

function* eventsOf(path: string, lines: EventLines): Generator<RunEvent, void, void> {
  let last = Number.NEGATIVE_INFINITY;
  try {
    for (const line of linesOf(path)) {
      const event = lines.read(line);
      if (event === null) continue;
      // A gap has the time of what came before it.
      if (event.event === "run:gap") yield { ...event, time: last };
      else yield { ...event, time: (last = event.time + (lines.epoch ?? 0)) };
    }
  } catch (error) {
    if (!(error instanceof EventError)) throw error;
    throw new CliError(EXIT_NO_RECORD, error.message, "", "such a file is written by --events or --save");
  }
  if (lines.lines === 0)
    throw new CliError(EXIT_NO_RECORD, `${path} is empty`, "an event file has at least a first line");
}

/** The files as they are called in messages. */
export function nameOf(paths: readonly string[]): string {
  return paths.map((path) => (path === "-" ? "standard input" : basename(path))).join(", ");
}

/** Warns of lines that could not be read. */
export function tellBroken(name: string, broken: number): void {
  if (broken === 0) return;
  const lines =
    broken === 1 ? "1 line could not be read, and is left out" : `${broken} lines could not be read, and are left out`;
  say(`${yellow("warning")} ${name}: ${lines}`);
}

/** The lines of a file, without their ends; the last one may be torn. Of a replay file: those of its events. */
function* linesOf(path: string): Generator<string, void, void> {
  const source = new ByteSource(path);
  try {
    if (isCapture(source.peek()))
      throw new CliError(
        EXIT_NO_RECORD,
        `${path} is a capture`,
        "it has packets, and no events",
        asTyped(`tcpnet explain ${path}`),
      );
    if (isCompressed(source.peek())) yield* new ReplayReader((n) => source.exactly(n)).events();
    else yield* plainLines(source, path);
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    const fix = `such a file is written by --save; compressed events: zcat ${path} | ${programName} report -`;
    throw new CliError(EXIT_NO_RECORD, `${path} cannot be read`, error.message, fix);
  } finally {
    source.close();
  }
}

/** Octets of a compressed file that surely decompress to the first word. */
const HEAD = 512;

function isCapture(bytes: Uint8Array): boolean {
  if (isCompressed(bytes)) return isCapture(decompressed(bytes.subarray(0, HEAD)));
  if (bytes.length < 4) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0) === SECTION_HEADER || pcapMagic(view, 0) !== null;
}

/** What the beginning of a compressed file gives; nothing if it is damaged. */
function decompressed(bytes: Uint8Array): Uint8Array {
  try {
    const inner = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
    // Compressed twice is neither a capture nor events.
    return isCompressed(inner) ? new Uint8Array(0) : inner;
  } catch {
    return new Uint8Array(0);
  }
}

function* plainLines(source: ByteSource, path: string): Generator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for (let chunk = source.chunk(); chunk.length > 0; chunk = source.chunk()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield line;
    if (rest.length > LINE_MAX)
      throw new EventError(`${path} is not an event file: a line has more than ${LINE_MAX} characters`);
  }
  if (rest !== "") yield rest;
}
