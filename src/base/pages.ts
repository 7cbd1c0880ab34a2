import { assert } from "./assert.ts";
import { copyBytes } from "./copy.ts";
import type { Packet } from "./packet.ts";
import { SLICES_MAX } from "./packet.ts";
import { NO_PAGE, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, type Slab } from "./slab.ts";

/**
 * A part of a byte stream, stored in pages of the slab: the send queue (append at the end, drop at the front) and the
 * receive queue (write anywhere ahead, so out-of-order data goes to its final place at once; read and drop at the front).
 * Positions count from the first byte kept. Pages are allocated when first written and freed as soon as they are empty, so
 * an idle connection holds none.
 */
export class Pages {
  readonly #slab: Slab;
  /** Offsets of the pages in stream order; NO_PAGE if nothing was written there yet. */
  readonly #pages: number[] = [];
  /** The offset of position 0 in the first page. */
  #start = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Number of pages held. */
  get held(): number {
    let n = 0;
    for (const page of this.#pages) if (page !== NO_PAGE) n++;
    return n;
  }

  /**
   * Copies `n` bytes of `source` (from `from`) to position `at`. Returns how many were written: fewer when the slab has no page left.
   */
  write(at: number, source: Uint8Array, from: number, n: number): number {
    const u8 = this.#slab.u8;
    let done = 0;
    while (done < n) {
      const position = this.#start + at + done;
      const page = this.#page(position >> PAGE_SHIFT);
      if (page === NO_PAGE) break;
      const within = position & PAGE_MASK;
      const piece = Math.min(PAGE_SIZE - within, n - done);
      copyBytes(source, from + done, u8, page + within, piece);
      done += piece;
    }
    return done;
  }

  /** Like `write`, from another place in the same slab, without making an object. */
  writeFromSlab(at: number, o: number, n: number): number {
    return this.write(at, this.#slab.u8, o, n);
  }

  /** Copies `n` bytes from position `at` into `target` (from `to`). They must have been written. */
  read(at: number, target: Uint8Array, to: number, n: number): void {
    const u8 = this.#slab.u8;
    let done = 0;
    while (done < n) {
      const position = this.#start + at + done;
      const page = this.#pages[position >> PAGE_SHIFT]!;
      assert(page !== undefined && page !== NO_PAGE, "read where nothing was written");
      const within = position & PAGE_MASK;
      const piece = Math.min(PAGE_SIZE - within, n - done);
      copyBytes(u8, page + within, target, to + done, piece);
      done += piece;
    }
  }

  /** A view of the first `n` bytes, or as many of them as lie in one piece. They must have been written. */
  first(n: number): Uint8Array {
    const page = this.#pages[0]!;
    assert(page !== undefined && page !== NO_PAGE, "looked at where nothing was written");
    const o = page + this.#start;
    return this.#slab.u8.subarray(o, o + Math.min(n, PAGE_SIZE - this.#start));
  }

  /**
   * Adds `n` bytes from position `at` to `packet` as slices, without copying. Returns how many were added: fewer when the packet has no room for more slices.
   */
  slices(at: number, n: number, packet: Packet): number {
    let done = 0;
    while (done < n && packet.slices < SLICES_MAX) {
      const position = this.#start + at + done;
      const page = this.#pages[position >> PAGE_SHIFT]!;
      assert(page !== undefined && page !== NO_PAGE, "sliced where nothing was written");
      const within = position & PAGE_MASK;
      const piece = Math.min(PAGE_SIZE - within, n - done);
      packet.addSlice(page + within, piece);
      done += piece;
    }
    return done;
  }

  /** Drops the first `n` bytes: position n becomes position 0. */
  drop(n: number): void {
    this.#start += n;
    let whole = this.#start >> PAGE_SHIFT;
    this.#start &= PAGE_MASK;
    while (whole-- > 0 && this.#pages.length > 0) {
      const page = this.#pages.shift()!;
      if (page !== NO_PAGE) this.#slab.free(page);
    }
  }

  /** Drops everything from position `n` on, and frees whole pages there. */
  truncate(n: number): void {
    const keep = (this.#start + n + PAGE_MASK) >> PAGE_SHIFT;
    while (this.#pages.length > keep) {
      const page = this.#pages.pop()!;
      if (page !== NO_PAGE) this.#slab.free(page);
    }
  }

  /** Frees every page. The next byte written is position 0 again. */
  clear(): void {
    for (const page of this.#pages) if (page !== NO_PAGE) this.#slab.free(page);
    this.#pages.length = 0;
    this.#start = 0;
  }

  #page(index: number): number {
    const pages = this.#pages;
    while (pages.length <= index) pages.push(NO_PAGE);
    let page = pages[index]!;
    if (page === NO_PAGE) {
      page = this.#slab.alloc();
      pages[index] = page;
    }
    return page;
  }
}
