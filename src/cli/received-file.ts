import { closeSync, fstatSync, ftruncateSync, statSync, unlinkSync } from "node:fs";
import { keepEmptyFile } from "./afterwards.ts";
import { openToWrite } from "./named-files.ts";
import { outputFailure, STDERR, STDOUT } from "./print.ts";
import { FileSink, isFile, type Sink } from "./pump.ts";

/** Paths of descriptors that are open already. Opening them again would lose the shell's `>>`. */
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
  /** Whether the old content was dropped. */
  #begun = false;

  /** Throws CliError if it cannot be written. */
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
    // If the connection was given up, a thread may still be writing: leave the descriptor open.
    if (this.#isInherited || this.#sink.isBusy) return;
    if (this.#isNew && !this.#begun) this.#remove();
    this.#attempt(() => closeSync(this.#fd));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (!this.#isInherited && isFile(this.#fd)) this.#attempt(() => ftruncateSync(this.#fd));
  }

  /** Removes a file that we made if no data came. If the folder is not writable, the empty file stays. */
  #remove(): void {
    try {
      const [ours, there] = [fstatSync(this.#fd), statSync(this.#path)];
      if (ours.ino === there.ino && ours.dev === there.dev && there.size === 0) unlinkSync(this.#path);
    } catch {
      // Somebody else removed it, or we have no permission.
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
