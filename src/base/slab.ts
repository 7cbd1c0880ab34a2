import { assert } from "./assert.ts";
import type { PacketMemory } from "./packet-memory.ts";
import { share } from "./share.ts";

export const PAGE_SHIFT = 14;
/** Bytes of a page. Four pages hold a 64 KiB super-segment, and a connection with little data holds little memory. */
export const PAGE_SIZE = 1 << PAGE_SHIFT;
export const PAGE_MASK = PAGE_SIZE - 1;

export const BLOCK_SHIFT = 10;
/** Bytes of a block, a sixteenth of a page: data that is little and may stay so takes one of these. */
export const BLOCK_SIZE = 1 << BLOCK_SHIFT;
export const BLOCK_MASK = BLOCK_SIZE - 1;

/** What each queue may hold however full the slab is. */
const SHARE_MIN = PAGE_SIZE;
/** The free blocks of a page that has just been cut into blocks, as bits. */
const ALL_BLOCKS = (1 << (1 << (PAGE_SHIFT - BLOCK_SHIFT))) - 1;

/** Octets that several queues hold: how many times a page of them is held, and whether their owner still has them. */
interface Shared {
  readonly o: number;
  readonly pages: number;
  holds: number;
  owned: boolean;
}

/** Result of `Slab.alloc` and `allocBlock` if no page is left. */
export const NO_PAGE = -1;

/**
 * One block of memory for all packets and all queued data. A packet is two integers `(o, n)` into it, so
 * the packet path makes no object per packet. Untouched pages cost no memory (the system zero-fills lazily).
 *
 * The front holds fixed regions (`reserve`): receive slots, scratch for headers. The rest is pages.
 */
export class Slab implements PacketMemory {
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
  /** Per page the blocks that are free, as bits; the pages in which some are, as a stack, and where each page is in it. */
  readonly #freeBlocks: Uint16Array;
  readonly #partial: Int32Array;
  readonly #place: Int32Array;
  #partialCount = 0;
  /** By the index of each of their pages. */
  readonly #shared = new Map<number, Shared>();

  /** @param size bytes, rounded up to whole pages; at most 1 GiB so that every offset is an int32. */
  constructor(size: number) {
    assert(size > 0 && size <= 1 << 30, "a slab is 1 byte to 1 GiB");
    this.pages = (size + PAGE_MASK) >> PAGE_SHIFT;
    this.size = this.pages << PAGE_SHIFT;
    this.buffer = new ArrayBuffer(this.size);
    this.u8 = new Uint8Array(this.buffer);
    this.view = new DataView(this.buffer);
    this.#free = new Int32Array(this.pages);
    this.#freeBlocks = new Uint16Array(this.pages);
    this.#partial = new Int32Array(this.pages);
    this.#place = new Int32Array(this.pages);
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

  /** Allocates a block, without clearing it; returns its offset or NO_PAGE. */
  allocBlock(): number {
    if (this.#partialCount === 0) {
      const o = this.alloc();
      if (o === NO_PAGE) return NO_PAGE;
      this.#freeBlocks[o >> PAGE_SHIFT] = ALL_BLOCKS;
      this.#push(o >> PAGE_SHIFT);
    }
    const page = this.#partial[this.#partialCount - 1]!;
    const bits = this.#freeBlocks[page]!;
    const lowest = bits & -bits;
    this.#freeBlocks[page] = bits ^ lowest;
    if (bits === lowest) this.#partialCount--;
    return (page << PAGE_SHIFT) | ((31 - Math.clz32(lowest)) << BLOCK_SHIFT);
  }

  /** Frees a block, and its page if no other block of it is in use. */
  freeBlock(o: number): void {
    const page = o >> PAGE_SHIFT;
    const bits = this.#freeBlocks[page]!;
    const bit = 1 << ((o & PAGE_MASK) >> BLOCK_SHIFT);
    assert((o & BLOCK_MASK) === 0 && (bits & bit) === 0, "not a block of this slab");
    if (bits === 0) this.#push(page);
    this.#freeBlocks[page] = bits | bit;
    if ((bits | bit) !== ALL_BLOCKS) return;
    const last = this.#partial[--this.#partialCount]!;
    const at = this.#place[page]!;
    this.#partial[at] = last;
    this.#place[last] = at;
    this.#freeBlocks[page] = 0;
    this.free(page << PAGE_SHIFT);
  }

  /**
   * Copies the octets into pages that lie in one piece, for queues that send them and do not copy them again (`holdShared`). Returns
   * their offset; NO_PAGE if no such pages are left, or half of the slab would be taken.
   */
  keepShared(bytes: Uint8Array): number {
    const pages = (bytes.length + PAGE_MASK) >> PAGE_SHIFT;
    if (pages === 0 || this.#fresh + pages > this.pages || this.used + pages > this.pages >> 1) return NO_PAGE;
    this.#sealed = true;
    const first = this.#fresh;
    this.#fresh += pages;
    const shared = { o: first << PAGE_SHIFT, pages, holds: 0, owned: true };
    for (let i = 0; i < pages; i++) this.#shared.set(first + i, shared);
    this.u8.set(bytes, shared.o);
    return shared.o;
  }

  /** The owner of shared octets no longer needs them. They stay until no queue holds them. */
  dropShared(o: number): void {
    const shared = this.#shared.get(o >> PAGE_SHIFT);
    assert(shared?.owned === true, "these octets are not shared");
    shared.owned = false;
    this.#end(shared);
  }

  /** A queue holds a page of shared octets, which begins anywhere in them. */
  holdShared(o: number): void {
    this.#shared.get(o >> PAGE_SHIFT)!.holds++;
  }

  /** If `o` lies in shared octets, the queue no longer holds that page of them; false if it does not. */
  releaseShared(o: number): boolean {
    if (this.#shared.size === 0) return false;
    const shared = this.#shared.get(o >> PAGE_SHIFT);
    if (shared === undefined) return false;
    assert(--shared.holds >= 0, "shared octets were let go twice");
    this.#end(shared);
    return true;
  }

  #end({ o, pages, holds, owned }: Shared): void {
    if (owned || holds > 0) return;
    const first = o >> PAGE_SHIFT;
    for (let page = first; page < first + pages; page++) {
      this.#shared.delete(page);
      this.free(page << PAGE_SHIFT);
    }
  }

  #push(page: number): void {
    this.#place[page] = this.#partialCount;
    this.#partial[this.#partialCount++] = page;
  }

  /** True if more than half of the slab is taken: queues have a share then (docs/adr/0061). */
  get isTight(): boolean {
    return this.used > this.pages >> 1;
  }

  /** Bytes that one queue may hold now: fewer the fuller the slab is. */
  get share(): number {
    return share(this.used << PAGE_SHIFT, this.size, SHARE_MIN);
  }

  /**
   * Bytes that a queue which holds `held` may take now.
   * @param reserve pages that are kept for other uses
   */
  grant(held: number, reserve: number): number {
    const free = this.available - reserve;
    if (free <= 0) return 0;
    // One taker may not cross the line in one stride.
    const easy = (this.pages >> 1) - this.used;
    const share = easy >= 0 ? Math.max(SHARE_MIN, this.size >> 4) : this.share;
    return Math.min(free << PAGE_SHIFT, Math.max(easy << PAGE_SHIFT, share - held));
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
