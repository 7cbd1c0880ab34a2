import { closeSync, constants, openSync, statSync } from "node:fs";
import { isatty } from "node:tty";
import { terminalColumns } from "#ffi/descriptor";
import { isUtf8, legible } from "./legible.ts";
import { LineQueue } from "./line-queue.ts";
import { outputFailure, print, put, queueText, STDERR, STDOUT, tell } from "./print.ts";

/** Columns of a terminal that does not say how many it has. */
const COLUMNS = 80;

/** Where everything for people goes: standard error, since standard output belongs to the application's bytes. */
let out = STDERR;

/** For a command whose words are its result. */
export function speakOnStandardOutput(): void {
  out = STDOUT;
}

let queue: LineQueue | null = null;

/**
 * For a command in which a stack runs: from now on nothing that is said waits for its reader. What a slow one leaves no room for is
 * dropped and counted. @param note the line that tells how many lines are not there.
 */
export function speakWithoutWaiting(note: (lines: number) => string): void {
  queue = new LineQueue(out, (lines) => `${toPerson(note(lines))}\n`);
  queueText(out, queue);
}

const terminals = new Map<number, boolean>();

/**
 * Whether a person sees or types there. Bun's `process.stdout` and `process.stderr` know it as well, but a mere look at one of
 * them sets O_NONBLOCK on the descriptor, which we share with the programs that run beside and after us.
 */
export function isTerminal(fd: number): boolean {
  let is = terminals.get(fd);
  if (is === undefined) terminals.set(fd, (is = isatty(fd)));
  return is;
}

/** Whether the path is a terminal's, such as /dev/tty or /dev/stdout there. */
export function isTerminalFile(path: string): boolean {
  try {
    if (!statSync(path).isCharacterDevice()) return false;
    const fd = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    try {
      return isatty(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whoever opens it in earnest is told why it cannot be opened.
    return false;
  }
}

/** How wide the terminal is; `Infinity` where the descriptor is none. */
export function columnsOf(fd: number): number {
  return isTerminal(fd) ? terminalColumns(fd) || COLUMNS : Number.POSITIVE_INFINITY;
}

/** A terminal may get colours and a line that is redrawn; anything else gets plain lines. */
export function redraws(): boolean {
  return isTerminal(out) && process.env.TERM !== "dumb";
}

function colours(): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "" } = process.env;
  if (NO_COLOR !== "") return false;
  return FORCE_COLOR !== "" ? FORCE_COLOR !== "0" : redraws();
}

const sgr = (on: number, off: number) => (text: string) => (colours() ? `\x1b[${on}m${text}\x1b[${off}m` : text);

/** Emphasis that never carries the meaning alone. */
export const dim: (text: string) => string = sgr(2, 22);
export const bold: (text: string) => string = sgr(1, 22);
export const green: (text: string) => string = sgr(32, 39);
export const yellow: (text: string) => string = sgr(33, 39);

let progressShown = false;
let midLine = false;

/** The application's own bytes went to this terminal, and did or did not end a line: what is said begins one of its own. */
export function shownBeside(endsLine: boolean): void {
  midLine = !endsLine && isTerminal(out);
}

/** As the descriptor's terminal can show it. */
function forPeople(text: string, fd: number): string {
  return legible(text, columnsOf(fd), isUtf8(process.env));
}

/** One or more lines, at once and in order. Where nobody reads any more, nothing happens. */
export function say(...lines: readonly string[]): void {
  if (lines.length === 0) return;
  sayData(forPeople(lines.join("\n"), out));
}

/** A line for a program: it goes where everything goes, as it is. */
export function sayData(line: string): void {
  show(`${progressShown ? "\r\x1b[K" : midLine ? "\n" : ""}${line}\n`);
  progressShown = false;
  midLine = false;
}

/** The same line for people, or for programs where it is an object. */
function toPerson(line: string): string {
  return line.startsWith("{") ? line : forPeople(line, out);
}

/** A result for people, on standard output. Throws OutputClosed, or CliError. */
export function printText(text: string): void {
  print(forPeople(text, STDOUT));
}

/** Lines for people on standard error. */
export function tellText(text: string): void {
  tell(forPeople(text, STDERR));
}

/** Redraws the line at the bottom; "" takes it away. Only on a terminal. */
export function sayProgress(line: string): void {
  if (!redraws() || (line === "" && !progressShown) || queue?.isBehind === true) return;
  show(`\r\x1b[K${legible(line, Number.POSITIVE_INFINITY, isUtf8(process.env)).slice(0, columnsOf(out) - 1)}`);
  progressShown = line !== "";
}

/** Why words on standard output, which are the command's result, could not be written; null: they were, so far. */
export function speechFailure(): Error | null {
  const code = out === STDOUT ? (queue?.error ?? "") : "";
  return code === "" ? null : outputFailure("standard output", Object.assign(new Error(code), { code }));
}

function show(text: string): void {
  try {
    put(out, text);
  } catch {
    // Nobody reads it, or the disk is full: what the command is for goes on.
  }
}
