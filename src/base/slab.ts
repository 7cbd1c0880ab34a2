import { assert } from "./assert.ts";

export const PAGE_SHIFT = 14;
/** Bytes of a page. Four pages hold a 64 KiB super-segment, and a connection with little data holds little memory. */
export const PAGE_SIZE = 1 << PAGE_SHIFT;
export const PAGE_MASK = PAGE_SIZE - 1;

/** Result of `Slab.alloc` if no page is left. */
export const NO_PAGE = -1;

/**
 * One block of memory for all packets and all queued data. A packet is two integers `(o, n)` into it, so
 * the packet path makes no object per packet. Untouched pages cost no memory (the system zero-fills lazily).
 *
 * The front holds fixed regions (`reserve`): receive slots, scratch for headers. The rest is pages.
 */
export class Slab {
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly view: DataView;
  readonly size: number;
  /** Number of pages. */
  readonly pages: number;
  #reserved = 0;
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Pages from this index on were never allocated, so a new slab touches no memory. */
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

  /** Reserves a fixed region of `n` bytes (rounded up to whole pages). Only before the first `alloc`. */
  reserve(n: number): number {
    assert(!this.#sealed, "regions must be reserved before the first page is allocated");
    const o = this.#reserved;
    const pages = (n + PAGE_MASK) >> PAGE_SHIFT;
    this.#reserved = o + (pages << PAGE_SHIFT);
    assert(this.#reserved <= this.size, "the slab is too small for its fixed regions");
    this.#fresh = this.#reserved >> PAGE_SHIFT;
    return o;
  }

  /** Allocates a page, without clearing it; returns its offset or NO_PAGE. */
  alloc(): number {
    this.#sealed = true;
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]! << PAGE_SHIFT;
    if (this.#fresh < this.pages) return this.#fresh++ << PAGE_SHIFT;
    return NO_PAGE;
  }

  /** Frees a page. */
  free(o: number): void {
    assert((o & PAGE_MASK) === 0 && o >= this.#reserved && o < this.#fresh << PAGE_SHIFT, "not a page of this slab");
    assert(this.#freeCount < this.pages, "a page was freed twice");
    this.#free[this.#freeCount++] = o >> PAGE_SHIFT;
  }

  /** Number of allocated pages. */
  get used(): number {
    return this.#fresh - (this.#reserved >> PAGE_SHIFT) - this.#freeCount;
  }

  /** Number of pages that can still be allocated. */
  get available(): number {
    return this.pages - this.#fresh + this.#freeCount;
  }
}
