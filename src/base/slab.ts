import { assert } from "./assert.ts";

export const PAGE_SHIFT = 14;
/** Bytes of a page. Four hold a 64 KiB super-segment; small enough that a connection with little data holds little. */
export const PAGE_SIZE = 1 << PAGE_SHIFT;
export const PAGE_MASK = PAGE_SIZE - 1;

/** What `Slab.alloc` answers when no page is left. */
export const NO_PAGE = -1;

/**
 * One block of memory for everything that is a packet or waits to be one. A packet is two integers `(o, n)` into it, so
 * the packet path makes no object per packet. Untouched pages cost no memory (the system zero-fills lazily).
 *
 * The front holds fixed regions (`reserve`): receive slots, scratch for headers. The rest is pages.
 */
export class Slab {
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly view: DataView;
  readonly size: number;
  /** Pages that exist. */
  readonly pages: number;
  #reserved = 0;
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Pages never handed out yet lie at and above this index, so a fresh slab touches nothing. */
  #fresh: number;
  #sealed = false;

  /** @param size bytes, rounded up to whole pages; at most 1 GiB so that every offset is an int32. */
  constructor(size: number) {
    assert(size > 0 && size <= 1 << 30, "a slab is 1 byte to 1 GiB");
    this.pages = (size + PAGE_MASK) >> PAGE_SHIFT;
    this.size = this.pages << PAGE_SHIFT;
    this.buffer = new ArrayBuffer(this.size);
    this.u8 = new Uint8Array(this.buffer);
    this.view = new DataView(this.buffer);
    this.#free = new Int32Array(this.pages);
    this.#fresh = 0;
  }

  /** A fixed region of `n` bytes (rounded up to whole pages), for ever. Only before the first `alloc`. */
  reserve(n: number): number {
    assert(!this.#sealed, "regions are reserved before the first page is taken");
    const o = this.#reserved;
    const pages = (n + PAGE_MASK) >> PAGE_SHIFT;
    this.#reserved = o + (pages << PAGE_SHIFT);
    assert(this.#reserved <= this.size, "the slab is too small for its fixed regions");
    this.#fresh = this.#reserved >> PAGE_SHIFT;
    return o;
  }

  /** The offset of a page (its content is whatever was there), or NO_PAGE. */
  alloc(): number {
    this.#sealed = true;
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]! << PAGE_SHIFT;
    if (this.#fresh < this.pages) return this.#fresh++ << PAGE_SHIFT;
    return NO_PAGE;
  }

  /** Gives a page back. */
  free(o: number): void {
    assert((o & PAGE_MASK) === 0 && o >= this.#reserved && o < this.#fresh << PAGE_SHIFT, "not a page of this slab");
    assert(this.#freeCount < this.pages, "a page was freed twice");
    this.#free[this.#freeCount++] = o >> PAGE_SHIFT;
  }

  /** Pages in use. */
  get used(): number {
    return this.#fresh - (this.#reserved >> PAGE_SHIFT) - this.#freeCount;
  }

  /** Pages that can still be had. */
  get available(): number {
    return this.pages - this.#fresh + this.#freeCount;
  }
}
