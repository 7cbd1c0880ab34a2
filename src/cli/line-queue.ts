import { Fifo } from "#base/fifo";
import { PIPE_BUF } from "#ffi/descriptor";
import { Writer } from "#observe/writer";

/** Bytes that may wait for a slow reader. */
const ROOM = 256 << 10;
/** How long to wait for a slow reader at the end, ms. */
const DRAIN_MS = 2_000;
/** Errors that mean that the reader or the terminal has gone. */
const GONE = new Set(["EPIPE", "EIO", "EBADF"]);

const encoder = new TextEncoder();
const NEWLINE = 10;

/**
 * A queue of output lines, so that a running stack never waits for their reader. If a slow reader leaves no room, the oldest
 * lines are dropped, since the newest show how it ended; a line in their place gives their number.
 */
export class LineQueue {
  /** Lines that were not written because of a slow reader or a full disk. */
  lost = 0;
  /** The last write error; "" if there was none. */
  error = "";
  readonly #room: number;
  readonly #writer: Writer;
  readonly #note: (lines: number) => string;
  readonly #waiting = new Fifo<Uint8Array>();
  #size = 0;
  /** Dropped lines before the waiting ones that no note has reported yet. */
  #gap = 0;
  #isGone = false;
  /** Whether the last written octet is in the middle of a line. */
  #torn = false;
  readonly #together = new Uint8Array(PIPE_BUF);
  #drained: (() => void) | null = null;

  /** @param note makes the line that reports how many are missing @param room bytes that may wait for a slow reader */
  constructor(fd: number, note: (lines: number) => string, room: number = ROOM) {
    this.#room = room;
    this.#writer = new Writer(fd);
    this.#note = note;
  }

  /** Whether lines are waiting. If so, a progress line should be omitted. */
  get isBehind(): boolean {
    return this.#writer.busy;
  }

  /** Queues whole lines. */
  put(text: string): void {
    if (this.#isGone || text === "") return;
    const bytes = encoder.encode(text);
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    while (this.#size > this.#room) {
      const oldest = this.#waiting.shift()!;
      this.#size -= oldest.length;
      this.#miss(linesIn(oldest));
    }
    if (!this.#writer.busy) this.#next();
  }

  /** Waits until all is written, with a time limit. */
  async drain(limitMs = DRAIN_MS): Promise<void> {
    // A full disk may have room by now.
    if (!this.#writer.busy && !this.#isGone) this.#next();
    if (!this.#writer.busy) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, limitMs);
      this.#drained = () => {
        clearTimeout(limit);
        resolve();
      };
    });
  }

  /** Counts lines that will not be written, for the next note. */
  #miss(lines: number): void {
    this.lost += lines;
    this.#gap += lines;
  }

  #next(): void {
    if (this.#gap > 0) {
      const missing = this.#gap;
      this.#gap = 0;
      this.#write(encoder.encode(`${this.#torn ? "\n" : ""}${this.#note(missing)}`), () => {
        this.#gap += missing;
      });
      return;
    }
    const piece = this.#piece();
    if (piece === null) this.#drained?.();
    else this.#write(piece, () => this.#miss(linesIn(piece)));
  }

  #write(piece: Uint8Array, refused: () => void): void {
    this.#writer.write(piece, (code) => {
      const { taken } = this.#writer;
      if (taken > 0) this.#torn = piece[taken - 1] !== NEWLINE;
      if (code === "") {
        this.#next();
        return;
      }
      this.error = code;
      this.#isGone = GONE.has(code);
      refused();
      // A full disk may have room when the next line comes.
      this.#drained?.();
    });
  }

  /** The next lines to write: as many as a pipe takes atomically, so that no other program's output splits a line. */
  #piece(): Uint8Array | null {
    const first = this.#waiting.shift();
    if (first === undefined) return null;
    this.#size -= first.length;
    let n = first.length;
    let next = this.#waiting.peek();
    if (next === undefined || n + next.length > PIPE_BUF) return first;
    this.#together.set(first);
    while (next !== undefined && n + next.length <= PIPE_BUF) {
      this.#together.set(next, n);
      n += next.length;
      this.#size -= next.length;
      this.#waiting.shift();
      next = this.#waiting.peek();
    }
    return this.#together.subarray(0, n);
  }
}

function linesIn(bytes: Uint8Array): number {
  let n = 0;
  for (const byte of bytes) if (byte === NEWLINE) n++;
  return n;
}
