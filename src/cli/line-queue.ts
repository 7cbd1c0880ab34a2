import { Fifo } from "#base/fifo";
import { PIPE_BUF } from "#ffi/descriptor";
import { Writer } from "#observe/writer";

/** Bytes that may wait for a slow reader. */
const ROOM = 256 << 10;
/** How long the end waits for a slow reader, ms. */
const DRAIN_MS = 2_000;
/** Nobody will read any more: the reader has gone, or the terminal has. */
const GONE = new Set(["EPIPE", "EIO", "EBADF"]);

const encoder = new TextEncoder();
const NEWLINE = 10;

/**
 * Lines on their way to a person or a program, while a stack runs that must not wait for them. When a slow reader leaves no room the oldest
 * lines are dropped, since the newest tell how it ended; a line in their place says how many.
 */
export class LineQueue {
  /** Lines that were not written: a slow reader left no room for them, or the disk was full. */
  lost = 0;
  /** Why the descriptor last took no more; "": it took all. */
  error = "";
  readonly #writer: Writer;
  readonly #note: (lines: number) => string;
  readonly #waiting = new Fifo<Uint8Array>();
  #size = 0;
  /** Lines that are missing before those that wait, and that no note tells of yet. */
  #gap = 0;
  #isGone = false;
  /** The last octet that was written is in the middle of a line. */
  #torn = false;
  readonly #together = new Uint8Array(PIPE_BUF);
  #drained: (() => void) | null = null;

  /** @param note the line that tells how many are not there. */
  constructor(fd: number, note: (lines: number) => string) {
    this.#writer = new Writer(fd);
    this.#note = note;
  }

  /** Something waits for its reader: what is of use only now had better be left out. */
  get isBehind(): boolean {
    return this.#writer.busy;
  }

  /** Takes whole lines. */
  put(text: string): void {
    if (this.#isGone || text === "") return;
    const bytes = encoder.encode(text);
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    while (this.#size > ROOM) {
      const oldest = this.#waiting.shift()!;
      this.#size -= oldest.length;
      this.#miss(linesIn(oldest));
    }
    if (!this.#writer.busy) this.#next();
  }

  /** Waits until all is written, but not for ever. */
  async drain(limitMs = DRAIN_MS): Promise<void> {
    // What a full disk refused may find room by now.
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

  /** These lines will not be written: the next note counts them. */
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
      // A full disk may have room when more is said.
      this.#drained?.();
    });
  }

  /** What is written next: as many lines as a pipe takes whole, so that no other program's line comes between two halves. */
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
