import { closeSync, ftruncateSync } from "node:fs";
import { Writer } from "./writer.ts";

/** Bytes of each of the two buffers: one is filled while the other is written. */
const BUFFER = 4 << 20;
/** Bytes that are worth a write of their own. */
const ENOUGH = 256 << 10;
/** ms until what was put is written although it is not enough: someone may be watching. */
const FLUSH_AFTER = 100;

/** What is known of the units (blocks, lines) that are put. */
export interface Units {
  /** Where the unit that begins at `o` ends. */
  endOf(batch: Batch, o: number): number;
  /** Whether it is one of those that are counted: a packet, and not the head of the file. */
  isCounted(batch: Batch, o: number): boolean;
}

/** Whole units, one behind the other. */
export class Batch {
  readonly u8: Uint8Array = new Uint8Array(BUFFER);
  readonly view: DataView = new DataView(this.u8.buffer);
  end = 0;
}

/**
 * Units on their way into an open descriptor. Nobody waits for it: of two buffers one is filled while the other is written, and
 * what finds no room is for the caller to leave out. When a write fails the file is cut back to its last whole unit.
 */
export class OutputStream {
  /** Units that were put and not written: a write failed, or the reader was too slow at the end. */
  lost = 0;
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #units: Units;
  readonly #onError: (code: string) => void;
  readonly #writer: Writer;
  #filling = new Batch();
  #writing = new Batch();
  #isOpen = true;
  /** Bytes in the file before those of `#writing`. */
  #written = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Ends the wait of `drain`. */
  #drained: (() => void) | null = null;
  #closing: Promise<void> | undefined;

  /**
   * @param owned whether the descriptor is closed at the end.
   * @param onError called once, with the error's code, when the file takes no more.
   */
  constructor(fd: number, owned: boolean, units: Units, onError: (code: string) => void) {
    this.#fd = fd;
    this.#owned = owned;
    this.#units = units;
    this.#onError = onError;
    this.#writer = new Writer(fd);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Where units are put, from `end` on. It may be another buffer after `room`. */
  get u8(): Uint8Array {
    return this.#filling.u8;
  }

  get view(): DataView {
    return this.#filling.view;
  }

  get end(): number {
    return this.#filling.end;
  }

  /** Whether `n` bytes fit behind `end`. */
  room(n: number): boolean {
    if (!this.#isOpen) return false;
    if (this.#filling.end + n <= BUFFER) return true;
    this.#writer.nudge();
    this.flush();
    return this.#isOpen && this.#filling.end + n <= BUFFER;
  }

  /** A unit has been put into the buffer; the next one begins at `end`. */
  commit(end: number): void {
    this.#filling.end = end;
    if (end >= ENOUGH && !this.#writer.busy) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
  }

  /** Begins to write everything so far; where a write is under way, this one follows it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isOpen || this.#writer.busy) return;
    if (this.#filling.end === 0) {
      this.#drained?.();
      return;
    }
    [this.#filling, this.#writing] = [this.#writing, this.#filling];
    this.#writer.write(this.#writing.u8.subarray(0, this.#writing.end), (code) => this.#wrote(code));
  }

  /** Writes everything so far, but waits no longer than this for a slow reader. */
  drain(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#drained?.(), limitMs);
      const before = this.#drained;
      this.#drained = () => {
        clearTimeout(limit);
        this.#drained = null;
        before?.();
        resolve();
      };
      if (this.#isOpen) this.flush();
      else this.#drained();
    });
  }

  /** The same, then the end: what a slow reader has not taken by then is lost. */
  close(limitMs: number): Promise<void> {
    return (this.#closing ??= this.#close(limitMs));
  }

  async #close(limitMs: number): Promise<void> {
    await this.drain(limitMs);
    if (!this.#isOpen) return;
    if (this.#writer.busy || this.#filling.end > 0) this.#abandon();
    this.#release();
  }

  #wrote(code: string): void {
    if (code === "") {
      this.#written += this.#writing.end;
      this.#writing.end = 0;
      // What came meanwhile follows at once where it is enough, or where somebody waits for the end.
      if (this.#drained !== null || this.#filling.end >= ENOUGH) this.flush();
      return;
    }
    const end = this.#abandon();
    this.#cutBack(this.#written + end);
    this.#release();
    this.#onError(code);
    this.#drained?.();
  }

  /** Counts what will not be written. Answers how many bytes of the batch under way are whole units in the file. */
  #abandon(): number {
    const [writing, taken] = [this.#writing, this.#writer.taken];
    let whole = 0;
    while (whole < writing.end) {
      const next = this.#units.endOf(writing, whole);
      if (next > taken) break;
      whole = next;
    }
    this.lost += this.#count(writing, whole) + this.#count(this.#filling, 0);
    return whole;
  }

  #count(batch: Batch, from: number): number {
    let n = 0;
    for (let o = from; o < batch.end; o = this.#units.endOf(batch, o)) if (this.#units.isCounted(batch, o)) n++;
    return n;
  }

  /** Half a unit at the end would make the file unreadable from there on. */
  #cutBack(length: number): void {
    if (!this.#owned) return;
    try {
      ftruncateSync(this.#fd, length);
    } catch {
      // Not a file that has an end, such as a pipe.
    }
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isOpen = false;
    this.#writer.close(() => {
      if (this.#owned) closeSync(this.#fd);
    });
  }
}
