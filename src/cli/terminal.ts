import { closeSync, constants, openSync, readFileSync, statSync } from "node:fs";
import { isatty } from "node:tty";
import { terminalColumns, writeIfRoom } from "#ffi/descriptor";
import { isUtf8, legible } from "./legible.ts";
import { LineQueue } from "./line-queue.ts";
import { outputFailure, print, put, queueText, STDERR, STDOUT, tell } from "./print.ts";

/** Assumed columns of a terminal that does not report them. */
const COLUMNS = 80;

/** The descriptor of messages: standard error, since standard output is for the application's data. */
let out = STDERR;

/** For a command whose text is its result. */
export function speakOnStandardOutput(): void {
  out = STDOUT;
}

let queue: LineQueue | null = null;

/**
 * For a command with a running stack: from now on messages never wait for a slow reader. Those without room are
 * dropped and counted. @param note makes the line that reports how many are missing
 */
export function speakWithoutWaiting(note: (lines: number) => string): void {
  queue = new LineQueue(out, (lines) => `${toPerson(note(lines))}\n`);
  queueText(out, queue);
}

let through: ((text: string) => void) | null = null;
let view: ((text: string) => void) | null = null;

/** While a view has the terminal, messages for people go to it; null: to the terminal again. */
export function sayInto(take: ((text: string) => void) | null): void {
  if (take !== null) sayProgress("");
  view = take;
}

/** Whether messages go to a view. */
export function hasView(): boolean {
  return view !== null;
}

/** The descriptor on which a view can draw; -1: there is none. */
export function screenDescriptor(): number {
  return redraws() ? out : -1;
}

/**
 * Whether the terminal is ours now, and not that of a shell that runs us in the background. (/proc knows it even in a PID namespace, where
 * the shell's number cannot be told.)
 */
export function inForeground(): boolean {
  const [, , group, , , foreground] = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return foreground === "-1" || group === foreground;
}

/** How a view writes: in order with messages, and without waiting for the terminal. */
export const screenOutlet = {
  put: (text: string): void => show(text),
  get isBehind(): boolean {
    return queue?.isBehind === true;
  },
  /** Text of a program that ends now: what the terminal does not take is lost. */
  putNow: (text: string): void => {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0, tries = 0; at < bytes.length && tries < PATIENCE; tries++) {
      const n = writeIfRoom(out, bytes.subarray(at), true);
      if (n > 0) at += n;
      else Bun.sleepSync(1);
    }
  },
  drained: async (): Promise<void> => await queue?.drain(),
};

/** Tries of `putNow`, about as many ms. */
const PATIENCE = 100;

/** For a thread beside the one that prints: its messages go there. */
export function speakThrough(take: (text: string) => void): void {
  through = take;
}

/** Prints the messages of another thread. */
export function sayFor(text: string): void {
  sayData(text.endsWith("\n") ? text.slice(0, -1) : text);
}

const terminals = new Map<number, boolean>();

/**
 * Whether the descriptor is a terminal. Bun's `process.stdout` and `process.stderr` can tell as well, but reading one of
 * them sets O_NONBLOCK on the open file, which other programs share.
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
    // If the path cannot be opened, the error is reported when it is really opened.
    return false;
  }
}

/** The terminal's columns; `Infinity` if the descriptor is not a terminal. */
export function columnsOf(fd: number): number {
  return isTerminal(fd) ? terminalColumns(fd) || COLUMNS : Number.POSITIVE_INFINITY;
}

/** A terminal gets colours and a redrawn line; other files get plain lines. */
export function redraws(): boolean {
  return isTerminal(out) && process.env.TERM !== "dumb";
}

export function colours(): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "" } = process.env;
  if (NO_COLOR !== "") return false;
  return FORCE_COLOR !== "" ? FORCE_COLOR !== "0" : redraws();
}

/** Whether the terminal shows more than ASCII. */
export function showsUtf8(): boolean {
  return isUtf8(process.env);
}

const sgr = (on: number, off: number) => (text: string) => (colours() ? `\x1b[${on}m${text}\x1b[${off}m` : text);

/** Colours, which never carry a meaning alone. */
export const dim: (text: string) => string = sgr(2, 22);
export const bold: (text: string) => string = sgr(1, 22);
export const green: (text: string) => string = sgr(32, 39);
export const yellow: (text: string) => string = sgr(33, 39);

let progressShown = false;
let midLine = false;

/** Application data went to this terminal. If it did not end its line, the next message begins a new one. */
export function shownBeside(endsLine: boolean): void {
  midLine = !endsLine && isTerminal(out);
}

/** Adapts text to the descriptor's terminal. */
function forPeople(text: string, fd: number): string {
  return legible(text, columnsOf(fd), isUtf8(process.env));
}

/** Prints lines at once and in order. Does nothing if the reader has gone. */
export function say(...lines: readonly string[]): void {
  if (lines.length === 0) return;
  if (view !== null) {
    view(lines.join("\n"));
    return;
  }
  sayData(forPeople(lines.join("\n"), out));
}

/** Prints a line for programs, unchanged. */
export function sayData(line: string): void {
  show(`${progressShown ? "\r\x1b[K" : midLine ? "\n" : ""}${line}\n`);
  progressShown = false;
  midLine = false;
}

/** Prints a line: an object for programs as it is, other text adapted for people. */
function toPerson(line: string): string {
  return line.startsWith("{") ? line : forPeople(line, out);
}

/** Prints a result for people to standard output. Throws OutputClosed, or CliError. */
export function printText(text: string): void {
  print(forPeople(text, STDOUT));
}

/** Lines for people on standard error. */
export function tellText(text: string): void {
  tell(forPeople(text, STDERR));
}

/** Begins a new line after a key that the terminal has echoed, such as "^C". */
export function endEchoedKey(): void {
  if (view === null && through === null && redraws()) show("\n");
}

/** Redraws the progress line; "" removes it. Only on a terminal. */
export function sayProgress(line: string): void {
  if (view !== null || through !== null || !redraws() || (line === "" && !progressShown) || queue?.isBehind === true)
    return;
  show(`\r\x1b[K${legible(line, Number.POSITIVE_INFINITY, isUtf8(process.env)).slice(0, columnsOf(out) - 1)}`);
  progressShown = line !== "";
}

/** Why the result could not be written to standard output; null if there was no error so far. */
export function speechFailure(): Error | null {
  const code = out === STDOUT ? (queue?.error ?? "") : "";
  return code === "" ? null : outputFailure("standard output", Object.assign(new Error(code), { code }));
}

function show(text: string): void {
  if (through !== null) {
    through(text);
    return;
  }
  try {
    put(out, text);
  } catch {
    // The reader has gone or the disk is full: the command itself goes on.
  }
}
