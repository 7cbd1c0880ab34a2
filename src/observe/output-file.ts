import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** Bytes that wait for one write. */
const BUFFER = 1 << 20;
/** ms until what was put is in the file although the buffer is not full: someone may be watching. */
const FLUSH_AFTER = 100;
const STDOUT = 1;

/** What we record cannot be written. The message says what failed and why; EPIPE: whoever was reading has gone. */
export class OutputError extends Error {
  override readonly name = "OutputError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface OutputOptions {
  /** A file, which is overwritten, or "-": standard output. */
  readonly path: string;
  /** Called once, when the file takes no more: recording ends, the program goes on. */
  readonly onEnd?: ((error: OutputError) => void) | undefined;
}

/**
 * A file that grows by whole units (blocks, lines) through one buffer. Nobody waits for it: what a slow reader of a pipe
 * leaves no room for is for the caller to leave out. When a write fails the file is cut back to its last whole unit.
 */
export class OutputFile {
  readonly u8 = new Uint8Array(BUFFER);
  readonly view = new DataView(this.u8.buffer);
  /** Where the next unit begins in the buffer. */
  end = 0;
  readonly #what: string;
  readonly #options: OutputOptions;
  #fd: number;
  /** Bytes in the file. */
  #written = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param what "the capture". @throws OutputError where the file cannot be made. */
  constructor(what: string, options: OutputOptions) {
    this.#what = what;
    this.#options = options;
    this.#fd = this.#open();
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** Whether `n` bytes fit behind `end`, once what waits is written. */
  room(n: number): boolean {
    if (this.end + n > BUFFER) this.flush();
    return this.#fd >= 0 && this.end + n <= BUFFER;
  }

  /** A unit has been put into the buffer; the next one begins at `end`. */
  commit(end: number): void {
    this.end = end;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
  }

  /** Everything so far into the file. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let done = 0;
    try {
      while (done < this.end && this.#fd >= 0) done += writeSync(this.#fd, this.u8, done, this.end - done);
      this.#written += this.end;
      this.end = 0;
    } catch (error) {
      this.#refused(error as NodeJS.ErrnoException, done);
    }
  }

  /** Makes the file anew under its name: a log rotator has moved the old one away. False where that is not possible. */
  reopen(): boolean {
    if (this.#fd < 0 || this.#fd === STDOUT) return false;
    this.flush();
    if (this.#fd < 0) return false;
    closeSync(this.#fd);
    this.#fd = -1;
    try {
      this.#fd = this.#open();
      return true;
    } catch (error) {
      this.#options.onEnd?.(error as OutputError);
      return false;
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    this.flush();
    if (this.#fd >= 0) this.#release();
  }

  #open(): number {
    const { path } = this.#options;
    this.#written = 0;
    this.end = 0;
    if (path === "-") return STDOUT;
    try {
      return openSync(path, "w");
    } catch (error) {
      throw outputError(error as NodeJS.ErrnoException, `cannot write ${this.#what} ${path}`);
    }
  }

  /** A write went wrong after `done` bytes of the buffer. */
  #refused(error: NodeJS.ErrnoException, done: number): void {
    if (error.code === "EAGAIN" || error.code === "EINTR") {
      // The reader of the pipe is slow: the rest stays for the next time.
      this.u8.copyWithin(0, done, this.end);
      this.commit(this.end - done);
      return;
    }
    const { path, onEnd } = this.#options;
    this.#cutBack();
    this.#release();
    const what = path === "-" ? `${this.#what} to standard output ends` : `${this.#what} ${path} ends here`;
    onEnd?.(outputError(error, what));
  }

  /** Half a unit at the end would make the file unreadable from there on. */
  #cutBack(): void {
    if (this.#fd === STDOUT) return;
    try {
      ftruncateSync(this.#fd, this.#written);
    } catch {
      // Not a file that has an end, such as a device.
    }
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#fd !== STDOUT) closeSync(this.#fd);
    this.#fd = -1;
    this.end = 0;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EPIPE: "its reader has gone",
  EACCES: "no permission",
  ENOENT: "there is no such directory",
  EISDIR: "that is a directory",
  EROFS: "the file system is read-only",
};

function outputError(error: NodeJS.ErrnoException, what: string): OutputError {
  const code = error.code ?? "EIO";
  return new OutputError(code, `${what}: ${REASONS[code] ?? error.message} (${code})`);
}
