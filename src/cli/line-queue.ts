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
  /** Lines that were dropped. */
  lost = 0;
  /** Why the descriptor took no more; "": it took all. */
  error = "";
  readonly #writer: Writer;
  readonly #note: (lines: number) => string;
  readonly #waiting = new Fifo<Uint8Array>();
  #size = 0;
  /** Lines dropped before those that wait, which no line tells of yet. */
  #gap = 0;
  #isGone = false;
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
    while (this.#size > ROOM) this.#drop(this.#waiting.shift()!);
    if (!this.#writer.busy) this.#next();
  }

  /** Waits until all is written, but not for ever. */
  async drain(limitMs = DRAIN_MS): Promise<void> {
    if (!this.#writer.busy) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, limitMs);
      this.#drained = () => {
        clearTimeout(limit);
        resolve();
      };
    });
  }

  #drop(bytes: Uint8Array): void {
    this.#size -= bytes.length;
    this.#gap += linesIn(bytes);
  }

  #next(): void {
    const piece = this.#piece();
    if (piece === null) this.#drained?.();
    else this.#writer.write(piece, (code) => this.#wrote(code, piece));
  }

  #wrote(code: string, piece: Uint8Array): void {
    if (code !== "") this.error = code;
    if (GONE.has(code)) {
      this.#isGone = true;
      this.#drained?.();
      return;
    }
    // The disk is full: there may be room for what comes later.
    if (code !== "") this.lost += linesIn(piece);
    this.#next();
  }

  /** What is written next: as many lines as a pipe takes whole, so that no other program's line comes between two halves. */
  #piece(): Uint8Array | null {
    if (this.#gap > 0) {
      this.lost += this.#gap;
      const note = encoder.encode(this.#note(this.#gap));
      this.#gap = 0;
      return note;
    }
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
