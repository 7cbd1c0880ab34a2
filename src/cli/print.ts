import { readFileSync, writeSync } from "node:fs";
import { CliError, fileError } from "./cli-error.ts";
import { EXIT_FAILURE } from "./exit-codes.ts";

export const STDOUT = 1;
export const STDERR = 2;

/** Nobody reads the pipe any more that we write to (`| head`): the end of what can be done, and no news to whoever closed it. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";

  constructor(path: string) {
    super(`the reader of ${path} has gone`);
  }
}

/**
 * Text on its way to a person or to the next program: whole, in order, and before the program ends. (`process.stdout`
 * keeps in memory what a pipe has no room for, and loses it at the end.) Throws OutputClosed, or CliError.
 */
export function print(text: string): void {
  refuseClosedOutput();
  try {
    writeWhole(STDOUT, text);
  } catch (error) {
    throw outputFailure("standard output", error as NodeJS.ErrnoException);
  }
}

/** open(2)'s O_CLOEXEC, as /proc has it. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Whether we were started with standard output closed (`>&-`). Bun opens /dev/null in its place, so that writing
 * works and everything is lost; but it opens it close-on-exec, which nothing that a shell hands over can be.
 */
function wasClosed(): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${STDOUT}`, "utf8"))?.[1] ?? "0";
  return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
}

/** Throws CliError where everything that goes to standard output would be lost. */
export function refuseClosedOutput(): void {
  isClosed ??= wasClosed();
  if (!isClosed) return;
  throw new CliError(
    EXIT_FAILURE,
    "cannot write standard output",
    "it is closed: everything would be lost",
    "redirect it to a file, or to /dev/null",
  );
}

let isClosed: boolean | undefined;

/** What it means that a file or pipe takes no more. */
export function outputFailure(path: string, { code = "", message }: NodeJS.ErrnoException): Error {
  return code === "EPIPE" ? new OutputClosed(path) : fileError(path, code, message, "write");
}

/** Throws what the system says. */
export function writeWhole(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      // A pipe or terminal that somebody made non-blocking is full for a moment.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}

/** What takes text while a stack runs, so that nobody waits for a slow reader. */
export interface TextQueue {
  /** The code of the error that ended it; "": none did. */
  readonly error: string;
  put(text: string): void;
  /** Resolves when all is written, or its time is over. */
  drain(): Promise<void>;
}

const queues = new Map<number, TextQueue>();

/** From now on the descriptor's text goes through the queue. */
export function queueText(fd: number, queue: TextQueue): void {
  queues.set(fd, queue);
}

/** Whole lines for whoever reads the descriptor. Throws what the system says, unless they go through a queue. */
export function put(fd: number, text: string): void {
  const queue = queues.get(fd);
  if (queue === undefined) writeWhole(fd, text);
  else queue.put(text);
}

/** Lines on standard error: where nobody reads it, or the disk is full, the exit code says as much. */
export function tell(text: string): void {
  try {
    put(STDERR, text);
  } catch {
    // Nothing is left to say it with.
  }
}

/** Waits for the queues to be written, but not for ever. Answers why standard output took no more, or null. */
export async function drainText(): Promise<Error | null> {
  await Promise.all([...queues.values()].map((queue) => queue.drain()));
  const code = queues.get(STDOUT)?.error ?? "";
  return code === "" ? null : outputFailure("standard output", Object.assign(new Error(code), { code }));
}
