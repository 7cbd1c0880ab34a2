import { closeSync, fstatSync, ftruncateSync, statSync, unlinkSync } from "node:fs";
import { keepEmptyFile } from "./afterwards.ts";
import { openToWrite } from "./named-files.ts";
import { outputFailure, STDERR, STDOUT } from "./print.ts";
import { FileSink, isFile, type Sink } from "./pump.ts";

/** Descriptors that we have already. Opened anew by their path, they would forget that the shell said `>>`. */
const INHERITED: Readonly<Record<string, number>> = {
  "/dev/stdout": STDOUT,
  "/dev/fd/1": STDOUT,
  "/proc/self/fd/1": STDOUT,
  "/dev/stderr": STDERR,
  "/dev/fd/2": STDERR,
  "/proc/self/fd/2": STDERR,
};

/**
 * The file of `--recv`. It is opened before the connection, but emptied only when the first octet arrives or the peer has closed
 * without sending any: a connection that never opens destroys nothing. It stays the same file, so its links, owner and
 * permissions are kept (ADR 31).
 */
export class ReceivedFile implements Sink {
  readonly #path: string;
  readonly #fd: number;
  readonly #isNew: boolean;
  readonly #isInherited: boolean;
  readonly #sink: FileSink;
  /** What it held before is gone. */
  #begun = false;

  /** Throws CliError where it cannot be written. */
  constructor(path: string) {
    const inherited = INHERITED[path];
    const { fd, isNew } = inherited === undefined ? openToWrite(path) : { fd: inherited, isNew: false };
    this.#path = path;
    this.#fd = fd;
    this.#isNew = isNew;
    this.#isInherited = inherited !== undefined;
    this.#sink = new FileSink(fd, path);
  }

  write(from: Uint8Array, n: number): void | Promise<void> {
    this.#begin();
    return this.#sink.write(from, n);
  }

  end(): void {
    if (!this.#begun) keepEmptyFile();
    this.#begin();
  }

  /** Throws CliError: some file systems report only now that the disk is full. */
  close(): void {
    // A thread may still be writing where the connection was given up: the descriptor goes with the program.
    if (this.#isInherited || this.#sink.isBusy) return;
    if (this.#isNew && !this.#begun) this.#remove();
    this.#attempt(() => closeSync(this.#fd));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (!this.#isInherited && isFile(this.#fd)) this.#attempt(() => ftruncateSync(this.#fd));
  }

  /** We made the file, and nothing came. Where its folder may not be written, an empty file stays. */
  #remove(): void {
    try {
      const [ours, there] = [fstatSync(this.#fd), statSync(this.#path)];
      if (ours.ino === there.ino && ours.dev === there.dev && there.size === 0) unlinkSync(this.#path);
    } catch {
      // Somebody else removed it, or we may not.
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw outputFailure(this.#path, error as NodeJS.ErrnoException);
    }
  }
}
