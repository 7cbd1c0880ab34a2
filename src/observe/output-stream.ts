import { closeSync, ftruncateSync } from "node:fs";
import { Writer } from "./writer.ts";

/** Bytes of each of the two buffers: one is filled while the other is written. */
const BUFFER = 4 << 20;
/** Bytes after which a write begins. */
const ENOUGH = 256 << 10;
/** ms after which fewer bytes are written, too: somebody may be watching. */
const FLUSH_AFTER = 100;

/** The format of the units (blocks, lines). */
export interface Units {
  /** The end of the unit that begins at `o`. */
  endOf(batch: Batch, o: number): number;
  /** Whether the unit is counted: a packet is, the file's header is not. */
  isCounted(batch: Batch, o: number): boolean;
}

/** A buffer of consecutive whole units. */
export class Batch {
  readonly u8: Uint8Array = new Uint8Array(BUFFER);
  readonly view: DataView = new DataView(this.u8.buffer);
  end = 0;
}

/**
 * Writes units to an open descriptor without blocking: of two buffers one is filled while the other is written. If both are full,
 * the caller must omit units. If a write fails, the file is truncated to its last whole unit.
 */
export class OutputStream {
  /** Units that were put but not written: a write failed, or the reader was too slow at the end. */
  lost = 0;
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #units: Units;
  readonly #onError: (code: string) => void;
  readonly #writer: Writer;
  #filling = new Batch();
  #writing = new Batch();
  #isOpen = true;
  /** A unit is being put into the buffer, which must not be given away before it is there. */
  #isReserved = false;
  #flushes = false;
  /** Bytes in the file before those in `#writing`. */
  #written = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves the promise of `drain`. */
  #drained: (() => void) | null = null;
  #closing: Promise<void> | undefined;

  /**
   * @param owned whether to close the descriptor at the end
   * @param onError called once with the error's code when writing fails
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

  /** The buffer for units, written from `end` on. `room` may replace it. */
  get u8(): Uint8Array {
    return this.#filling.u8;
  }

  get view(): DataView {
    return this.#filling.view;
  }

  get end(): number {
    return this.#filling.end;
  }

  /** Whether `n` bytes fit after `end`. */
  room(n: number): boolean {
    if (!this.#isOpen) return false;
    if (this.#filling.end + n <= BUFFER) return true;
    this.#writer.nudge();
    this.flush();
    return this.#isOpen && this.#filling.end + n <= BUFFER;
  }

  /** The same, and the buffer stays where it is until `commit`, even if other work of the program comes in between. */
  reserve(n: number): boolean {
    return (this.#isReserved = this.room(n));
  }

  /** Adds the unit in the buffer; the next one begins at `end`. */
  commit(end: number): void {
    this.#isReserved = false;
    this.#filling.end = end;
    if (this.#flushes || (end >= ENOUGH && !this.#writer.busy)) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
  }

  /** Begins to write everything so far, after the current write if there is one. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushes = this.#isReserved;
    if (!this.#isOpen || this.#writer.busy || this.#isReserved) return;
    if (this.#filling.end === 0) {
      this.#drained?.();
      return;
    }
    [this.#filling, this.#writing] = [this.#writing, this.#filling];
    this.#writer.write(this.#writing.u8.subarray(0, this.#writing.end), (code) => this.#wrote(code));
  }

  /** Writes everything so far, with a time limit for a slow reader. */
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

  /** The same, then closes: units that a slow reader has not read by then are lost. */
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
      // Units put meanwhile are written at once if there are enough of them, or if `drain` or `close` is waiting.
      if (this.#drained !== null || this.#filling.end >= ENOUGH) this.flush();
      return;
    }
    const end = this.#abandon();
    this.#cutBack(this.#written + end);
    this.#release();
    this.#onError(code);
    this.#drained?.();
  }

  /** Counts the units that will not be written. Returns how many bytes of the current batch are whole units in the file. */
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

  /** Truncates the file to whole units: readers cannot parse a partial one. */
  #cutBack(length: number): void {
    if (!this.#owned) return;
    try {
      ftruncateSync(this.#fd, length);
    } catch {
      // Not a regular file, such as a pipe.
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
