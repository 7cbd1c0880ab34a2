import { writeSync } from "node:fs";
import { fileError } from "./cli-error.ts";

export const STDOUT = 1;
export const STDERR = 2;

/** Nobody reads standard output any more (`| head`): no failure, but the end of what can be done. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/**
 * Text on its way to a person or to the next program: whole, in order, and before the program ends. (`process.stdout`
 * keeps in memory what a pipe has no room for, and loses it at the end.) Throws OutputClosed, or CliError.
 */
export function print(text: string): void {
  try {
    writeWhole(STDOUT, text);
  } catch (error) {
    throw outputFailure("standard output", error as NodeJS.ErrnoException);
  }
}

/** What it means that a file or pipe takes no more. */
export function outputFailure(path: string, { code = "", message }: NodeJS.ErrnoException): Error {
  return code === "EPIPE" ? new OutputClosed() : fileError(path, code, message, "write");
}

/** Throws what the system says. */
export function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text);
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
