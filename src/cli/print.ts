import { readFileSync, writeSync } from "node:fs";
import { CliError, fileError } from "./cli-error.ts";
import { EXIT_FAILURE } from "./exit-codes.ts";

export const STDOUT = 1;
export const STDERR = 2;

/** The reader of our output has gone (`| head`). The program ends without an error message. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";

  constructor(path: string) {
    super(`the reader of ${path} has gone`);
  }
}

/**
 * Writes text completely, in order, and before the program ends. (`process.stdout`
 * buffers data that a pipe has no room for, and loses it at the end.) Throws OutputClosed, or CliError.
 */
export function print(text: string): void {
  refuseClosedOutput();
  try {
    writeWhole(STDOUT, text);
  } catch (error) {
    throw outputFailure("standard output", error as NodeJS.ErrnoException);
  }
}

/** O_CLOEXEC as shown in /proc. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Whether the program was started with standard output closed (`>&-`). Bun then opens /dev/null in its place, so that writing
 * works and everything is lost. Bun's descriptor is close-on-exec; a descriptor inherited from a shell never is.
 */
function wasClosed(): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${STDOUT}`, "utf8"))?.[1] ?? "0";
  return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
}

/** Throws CliError if everything written to standard output would be lost. */
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

/** Converts a write error. */
export function outputFailure(path: string, { code = "", message }: NodeJS.ErrnoException): Error {
  return code === "EPIPE" ? new OutputClosed(path) : fileError(path, code, message, "write");
}

/** Throws the system's error. */
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

/** A queue for output while a stack runs, so that nothing waits for a slow reader. */
export interface TextQueue {
  /** The code of the error that ended it; "" if there was none. */
  readonly error: string;
  put(text: string): void;
  /** Resolves when all is written, or the time limit is over. */
  drain(): Promise<void>;
}

const queues = new Map<number, TextQueue>();

/** Output to the descriptor goes through the queue from now on. */
export function queueText(fd: number, queue: TextQueue): void {
  queues.set(fd, queue);
}

/** Writes whole lines to the descriptor. Throws the system's error, unless there is a queue. */
export function put(fd: number, text: string): void {
  const queue = queues.get(fd);
  if (queue === undefined) writeWhole(fd, text);
  else queue.put(text);
}

/** Writes lines to standard error. Errors are ignored: the exit code shows the result. */
export function tell(text: string): void {
  try {
    put(STDERR, text);
  } catch {
    // There is no other place to report the error.
  }
}

/** Waits for the queues, with a time limit. Returns the write error of standard output, or null. */
export async function drainText(): Promise<Error | null> {
  await Promise.all([...queues.values()].map((queue) => queue.drain()));
  const code = queues.get(STDOUT)?.error ?? "";
  return code === "" ? null : outputFailure("standard output", Object.assign(new Error(code), { code }));
}
