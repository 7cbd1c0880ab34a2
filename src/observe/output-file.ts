import { closeSync, fstatSync, openSync } from "node:fs";
import { hasFfi } from "#ffi/bun-ffi";
import { OutputStream, type Units } from "./output-stream.ts";

/** Time limit for a slow reader at the end, ms. */
const DRAIN_MS = 5_000;
const STDOUT = 1;

/** A capture or event file cannot be written. The message says what failed and why. EPIPE: the reader has gone. */
export class OutputError extends Error {
  /** "OutputError". */
  override readonly name = "OutputError";
  /** The error's name: "ENOSPC". */
  readonly code: string;
  /** The reason alone: "the disk is full (ENOSPC)". */
  readonly reason: string;

  constructor(code: string, what: string, message = code) {
    const words = REASONS[code];
    const reason = words === undefined ? message : `${words} (${code})`;
    super(`${what}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** Where to write, and whom to tell when that fails. */
export interface OutputOptions {
  /** The path of a file, which is overwritten, or "-" for standard output. */
  readonly path: string;
  /** Opens the file for writing and empties it. Default: open(2). */
  readonly open?: ((path: string) => number) | undefined;
  /** Called once when writing fails. Recording ends, the program goes on. */
  readonly onEnd?: ((error: OutputError) => void) | undefined;
}

/**
 * A file of whole units (blocks, lines), or standard output. The stack never waits for it: if a slow reader or disk leaves no
 * room, the caller omits units and counts them.
 */
export class OutputFile {
  /** Why writing failed; null if it did not. */
  error: OutputError | null = null;
  readonly #what: string;
  readonly #units: Units;
  readonly #options: OutputOptions;
  #stream: OutputStream;
  /** Whether it is a file on a disk. Opening a pipe may block until it has a reader. */
  #isFile = false;
  /** Files that were moved away and are still being written. */
  readonly #moved: OutputStream[] = [];
  /** Remaining time limit of `drain` and `close`, ms. */
  #patienceMs = DRAIN_MS;

  /** @param what "the capture". @throws OutputError if the file cannot be made */
  constructor(what: string, units: Units, options: OutputOptions) {
    this.#what = what;
    this.#units = units;
    this.#options = options;
    this.#stream = this.#begin();
  }

  get isOpen(): boolean {
    return this.#stream.isOpen;
  }

  /** The buffer for units, written from `end` on. `room` may replace it. */
  get u8(): Uint8Array {
    return this.#stream.u8;
  }

  get view(): DataView {
    return this.#stream.view;
  }

  get end(): number {
    return this.#stream.end;
  }

  /** Units that were put but not written: a write failed, or the reader was too slow at the end. */
  get lost(): number {
    return this.#moved.reduce((sum, { lost }) => sum + lost, this.#stream.lost);
  }

  /** Whether `n` bytes fit after `end`. */
  room(n: number): boolean {
    return this.#stream.room(n);
  }

  /** The same, and the buffer stays where it is until `commit`. */
  reserve(n: number): boolean {
    return this.#stream.reserve(n);
  }

  /** Adds the unit in the buffer; the next one begins at `end`. */
  commit(end: number): void {
    this.#stream.commit(end);
  }

  /** Begins to write everything so far. */
  flush(): void {
    this.#stream.flush();
  }

  /**
   * Makes a new file under the same name, after a log rotator has moved the old one away. Earlier units are still written to the old one.
   * False if it is not a file on a disk, or has ended. Throws OutputError if the file cannot be made; then the old one stays in use.
   */
  reopen(): boolean {
    if (!this.isOpen || !this.#isFile) return false;
    const stream = this.#begin();
    void this.#stream.close(DRAIN_MS);
    this.#moved.push(this.#stream);
    this.#stream = stream;
    return true;
  }

  /** Waits until everything so far is written. All waits share one time limit. */
  async drain(): Promise<void> {
    const began = performance.now();
    await this.#stream.drain(this.#patienceMs);
    this.#patienceMs = Math.max(0, this.#patienceMs - (performance.now() - began));
  }

  /** Writes the rest, within the time limit, and closes the file. Then `lost` is final. */
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
    if (!this.#isFile && !hasFfi) {
      if (path !== "-") closeSync(fd);
      const why = "in this runtime it must be a file on a disk, since only Bun can write to others without waiting";
      throw new OutputError("ENOTSUP", `cannot write ${this.#what} ${path}`, why);
    }
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
