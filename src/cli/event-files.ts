/** Event files of the command line: read in pieces, brought onto one clock and into one order. */
import { closeSync, readSync } from "node:fs";
import { basename } from "node:path";
import { EventError, EventLines, merged } from "#observe/event-reader";
import type { EventSink, RunEvent } from "#observe/events";
import { CliError, fileError } from "./cli-error.ts";
import { EXIT_NO_RECORD } from "./exit-codes.ts";
import { openToRead } from "./named-files.ts";
import { say, yellow } from "./terminal.ts";

/** What was read. */
export interface ReadEvents {
  readonly events: number;
  /** Lines that are no events, such as a torn last one. */
  readonly broken: number;
}

/** Octets per read; and of the longest line: a longer one is no event. */
const CHUNK = 1 << 20;

const STDIN = 0;

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
    throw new CliError(EXIT_NO_RECORD, error.message, "", "such a file is written by --events");
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

/** The lines of a file, without their ends; the last one may be torn. */
function* linesOf(path: string): Generator<string, void, void> {
  const fd = path === "-" ? STDIN : openToRead(path);
  const buffer = new Uint8Array(CHUNK);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (let n = read(fd, buffer, path); n > 0; n = read(fd, buffer, path)) {
      const lines = (rest + decoder.decode(buffer.subarray(0, n), { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") yield line;
      if (rest.length > CHUNK)
        throw new EventError(`${path} is not an event file: a line has more than ${CHUNK} characters`);
    }
  } finally {
    if (fd !== STDIN) closeSync(fd);
  }
  if (rest !== "") yield rest;
}

function read(fd: number, buffer: Uint8Array, path: string): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (code === "EOF") return 0;
    throw fileError(path, code, message, "read");
  }
}
