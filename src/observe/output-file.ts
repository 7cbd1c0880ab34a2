import { fstatSync, openSync } from "node:fs";
import { OutputStream, type Units } from "./output-stream.ts";

/** How long the end waits for a slow reader, ms. */
const DRAIN_MS = 5_000;
const STDOUT = 1;

/** What we record cannot be written. The message says what failed and why; EPIPE: whoever was reading has gone. */
export class OutputError extends Error {
  override readonly name = "OutputError";
  readonly code: string;
  /** Why, without what it was: "the disk is full (ENOSPC)". */
  readonly reason: string;

  constructor(code: string, what: string, message = code) {
    const words = REASONS[code];
    const reason = words === undefined ? message : `${words} (${code})`;
    super(`${what}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

export interface OutputOptions {
  /** A file, which is overwritten, or "-": standard output. */
  readonly path: string;
  /** How the file is opened for writing, and emptied. Default: open(2). */
  readonly open?: ((path: string) => number) | undefined;
  /** Called once, when the file takes no more: recording ends, the program goes on. */
  readonly onEnd?: ((error: OutputError) => void) | undefined;
}

/**
 * A file of whole units (blocks, lines) under a name, or standard output. The stack never waits for it: what a slow reader or a
 * slow disk leaves no room for is left out by the caller, and counted.
 */
export class OutputFile {
  /** Why the file took no more. Null: it did not fail. */
  error: OutputError | null = null;
  readonly #what: string;
  readonly #units: Units;
  readonly #options: OutputOptions;
  #stream: OutputStream;
  /** On a disk: to open a pipe may take until it has a reader. */
  #isFile = false;
  /** Files that were moved away: the rest of them is still written. */
  readonly #moved: OutputStream[] = [];
  /** How long `drain` and `close` may still wait, ms. */
  #patienceMs = DRAIN_MS;

  /** @param what "the capture". @throws OutputError where the file cannot be made. */
  constructor(what: string, units: Units, options: OutputOptions) {
    this.#what = what;
    this.#units = units;
    this.#options = options;
    this.#stream = this.#begin();
  }

  get isOpen(): boolean {
    return this.#stream.isOpen;
  }

  /** Where units are put, from `end` on. It may be another buffer after `room`. */
  get u8(): Uint8Array {
    return this.#stream.u8;
  }

  get view(): DataView {
    return this.#stream.view;
  }

  get end(): number {
    return this.#stream.end;
  }

  /** Units that were put and are in no file: a write failed, or the reader was too slow at the end. */
  get lost(): number {
    return this.#moved.reduce((sum, { lost }) => sum + lost, this.#stream.lost);
  }

  /** Whether `n` bytes fit behind `end`. */
  room(n: number): boolean {
    return this.#stream.room(n);
  }

  /** A unit has been put into the buffer; the next one begins at `end`. */
  commit(end: number): void {
    this.#stream.commit(end);
  }

  /** Begins to write everything so far. */
  flush(): void {
    this.#stream.flush();
  }

  /**
   * Makes the file anew under its name, since a log rotator has moved the old one away: what was put before is still written to that one.
   * False where it is not a file on a disk, or ended. Throws OutputError where the file cannot be made: then the old one goes on.
   */
  reopen(): boolean {
    if (!this.isOpen || !this.#isFile) return false;
    const stream = this.#begin();
    void this.#stream.close(DRAIN_MS);
    this.#moved.push(this.#stream);
    this.#stream = stream;
    return true;
  }

  /** Waits until everything so far is written. All waits together are no longer than a slow reader is given at the end. */
  async drain(): Promise<void> {
    const began = performance.now();
    await this.#stream.drain(this.#patienceMs);
    this.#patienceMs = Math.max(0, this.#patienceMs - (performance.now() - began));
  }

  /** Writes what is left, for as long as a reader may take, and completes the file; then `lost` is final. */
  async close(limitMs: number = this.#patienceMs): Promise<void> {
    await Promise.all([...this.#moved, this.#stream].map((stream) => stream.close(limitMs)));
  }

  #begin(): OutputStream {
    const { path, open = openToWrite } = this.#options;
    let fd = STDOUT;
    try {
      if (path !== "-") fd = open(path);
    } catch (error) {
      const { code = "EIO", message } = error as NodeJS.ErrnoException;
      throw new OutputError(code, `cannot write ${this.#what} ${path}`, message);
    }
    this.#isFile = isFile(fd);
    return new OutputStream(fd, path !== "-", this.#units, (code) => this.#refused(code));
  }

  /** A write failed. */
  #refused(code: string): void {
    if (this.error !== null) return;
    const { path, onEnd } = this.#options;
    const what = path === "-" ? `${this.#what} to standard output ends` : `${this.#what} ${path} ends here`;
    this.error = new OutputError(code, what);
    onEnd?.(this.error);
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

function openToWrite(path: string): number {
  return openSync(path, "w");
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is exceeded",
  EFBIG: "the file grew beyond what is allowed",
  EIO: "the disk reported an error",
  EPIPE: "its reader has gone",
  EACCES: "no permission",
  ENOENT: "its folder does not exist",
  EISDIR: "it is a directory",
  EROFS: "the file system is read-only",
};
