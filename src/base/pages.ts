import { assert } from "./assert.ts";
import { copyBytes } from "./copy.ts";
import type { Packet } from "./packet.ts";
import { SLICES_MAX } from "./packet.ts";
import { BLOCK_MASK, BLOCK_SHIFT, BLOCK_SIZE, NO_PAGE, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, type Slab } from "./slab.ts";

/** Blocks of a page, as bits of their number. */
const NUMBER_BITS = PAGE_SHIFT - BLOCK_SHIFT;
const NUMBER_MASK = (1 << NUMBER_BITS) - 1;

/**
 * A part of a byte stream, stored in pages of the slab: the send queue (append at the end, drop at the front) and the
 * receive queue (write anywhere ahead, so out-of-order data goes to its final place at once; read and drop at the front).
 * Positions count from the first byte kept. Pages are allocated when first written and freed as soon as they are empty, so
 * an idle connection holds none. Of a page that holds only a few bytes there is only the block around them.
 */
export class Pages {
  readonly #slab: Slab;
  /**
   * Offsets of the pages in stream order, or of shared octets; NO_PAGE if nothing was written there yet. Below that, a page of which there is only one block:
   * the block's index in the slab and its number in the page (`toBlock`).
   */
  readonly #pages: number[] = [];
  #memory = 0;
  /** The offset of position 0 in the first page. */
  #start = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Bytes of the slab held. */
  get memory(): number {
    return this.#memory;
  }

  /**
   * Copies `n` bytes of `source` (from `from`) to position `at`. Returns how many were written: fewer when the slab has no page left.
   */
  write(at: number, source: Uint8Array, from: number, n: number): number {
    const u8 = this.#slab.u8;
    let done = 0;
    while (done < n) {
      const position = this.#start + at + done;
      const within = position & PAGE_MASK;
      const piece = Math.min(PAGE_SIZE - within, n - done);
      // What goes on from a full page will fill this one too.
      const page = this.#page(position >> PAGE_SHIFT, within, done === 0 ? piece : PAGE_SIZE);
      if (page === NO_PAGE) break;
      copyBytes(source, from + done, u8, page + within, piece);
      done += piece;
    }
    return done;
  }

  /**
   * Views, in order, of the room for `n` bytes at position `at`, where what was written ends; fewer when the slab has no page left. Whoever fills
   * them calls `truncate` afterwards, with the end of what was filled.
   */
  room(at: number, n: number): Uint8Array[] {
    const { u8 } = this.#slab;
    const views: Uint8Array[] = [];
    for (let done = 0; done < n; ) {
      const position = this.#start + at + done;
      const within = position & PAGE_MASK;
      const piece = Math.min(PAGE_SIZE - within, n - done);
      const page = this.#page(position >> PAGE_SHIFT, within, PAGE_SIZE);
      if (page === NO_PAGE) break;
      views.push(u8.subarray(page + within, page + within + piece));
      done += piece;
    }
    return views;
  }

  /** Like `write`, from another place in the same slab, without making an object. */
  writeFromSlab(at: number, o: number, n: number): number {
    return this.write(at, this.#slab.u8, o, n);
  }

  /**
   * Appends `n` shared octets of the slab (`Slab.keepShared`) at position `at`, the end of what was written: whole pages are held where they
   * are, and only the rest is copied. Returns how many were written.
   */
  writeShared(at: number, o: number, n: number): number {
    const pages = this.#pages;
    let done = 0;
    while (done < n) {
      const position = this.#start + at + done;
      const within = position & PAGE_MASK;
      if (within === 0 && n - done >= PAGE_SIZE) {
        const index = position >> PAGE_SHIFT;
        while (pages.length <= index) pages.push(NO_PAGE);
        assert(pages[index] === NO_PAGE, "something was written there");
        this.#slab.holdShared(o + done);
        pages[index] = o + done;
        done += PAGE_SIZE;
        continue;
      }
      const piece = Math.min(PAGE_SIZE - within, n - done);
      const taken = this.writeFromSlab(at + done, o + done, piece);
      done += taken;
      if (taken < piece) break;
    }
    return done;
  }

  /** Copies `n` bytes from position `at` into `target` (from `to`). They must have been written. */
  read(at: number, target: Uint8Array, to: number, n: number): void {
    const u8 = this.#slab.u8;
    let done = 0;
    while (done < n) {
      const position = this.#start + at + done;
      const within = position & PAGE_MASK;
      const page = this.#written(position >> PAGE_SHIFT, within);
      const piece = Math.min(PAGE_SIZE - within, n - done);
      copyBytes(u8, page + within, target, to + done, piece);
      done += piece;
    }
  }

  /** A view of the first `n` bytes, or as many of them as lie in one piece. They must have been written. */
  first(n: number): Uint8Array {
    const o = this.#written(0, this.#start) + this.#start;
    return this.#slab.u8.subarray(o, o + Math.min(n, PAGE_SIZE - this.#start));
  }

  /**
   * Adds `n` bytes from position `at` to `packet` as slices, without copying. Returns how many were added: fewer when the packet has no room for more slices.
   */
  slices(at: number, n: number, packet: Packet): number {
    let done = 0;
    while (done < n && packet.slices < SLICES_MAX) {
      const position = this.#start + at + done;
      const within = position & PAGE_MASK;
      const page = this.#written(position >> PAGE_SHIFT, within);
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
    while (whole-- > 0 && this.#pages.length > 0) this.#free(this.#pages.shift()!);
    const first = this.#pages[0] ?? NO_PAGE;
    if (first >= NO_PAGE || numberIn(first) >= this.#start >> BLOCK_SHIFT) return;
    this.#free(first);
    this.#pages[0] = NO_PAGE;
  }

  /** Drops everything from position `n` on, and frees whole pages there. */
  truncate(n: number): void {
    if (n === 0) {
      this.clear();
      return;
    }
    const keep = (this.#start + n + PAGE_MASK) >> PAGE_SHIFT;
    while (this.#pages.length > keep) this.#free(this.#pages.pop()!);
  }

  /** Frees every page. The next byte written is position 0 again. */
  clear(): void {
    for (const page of this.#pages) this.#free(page);
    this.#pages.length = 0;
    this.#start = 0;
  }

  #free(page: number): void {
    if (page > NO_PAGE) {
      if (this.#slab.releaseShared(page)) return;
      this.#memory -= PAGE_SIZE;
      this.#slab.free(page);
    } else if (page < NO_PAGE) {
      this.#memory -= BLOCK_SIZE;
      this.#slab.freeBlock(offsetOf(page));
    }
  }

  /** Where the page would begin whose byte `within` was written. */
  #written(index: number, within: number): number {
    const page = this.#pages[index];
    assert(page !== undefined && page !== NO_PAGE, "nothing was written there");
    if (page >= 0) return page;
    assert(numberIn(page) === within >> BLOCK_SHIFT, "nothing was written there");
    return offsetOf(page) - (within & ~BLOCK_MASK);
  }

  /** The same for `n` bytes to be written; NO_PAGE if there is no memory. */
  #page(index: number, within: number, n: number): number {
    const pages = this.#pages;
    while (pages.length <= index) pages.push(NO_PAGE);
    const page = pages[index]!;
    if (page >= 0) return page;
    const number = within >> BLOCK_SHIFT;
    const fits = (within & BLOCK_MASK) + n <= BLOCK_SIZE;
    if (page === NO_PAGE) return fits ? this.#newBlock(index, number) : this.#newPage(index);
    if (fits && numberIn(page) === number) return offsetOf(page) - (number << BLOCK_SHIFT);
    const block = offsetOf(page);
    const whole = this.#newPage(index);
    if (whole === NO_PAGE) return NO_PAGE;
    copyBytes(this.#slab.u8, block, this.#slab.u8, whole + (numberIn(page) << BLOCK_SHIFT), BLOCK_SIZE);
    this.#free(page);
    return whole;
  }

  #newPage(index: number): number {
    const page = this.#slab.alloc();
    if (page === NO_PAGE) return NO_PAGE;
    this.#memory += PAGE_SIZE;
    this.#pages[index] = page;
    return page;
  }

  #newBlock(index: number, number: number): number {
    const block = this.#slab.allocBlock();
    if (block === NO_PAGE) return NO_PAGE;
    this.#memory += BLOCK_SIZE;
    this.#pages[index] = toBlock(block, number);
    return block - (number << BLOCK_SHIFT);
  }
}

/** Stands for a page of which there is only block `number`, which is at `o`. */
function toBlock(o: number, number: number): number {
  return NO_PAGE - 1 - (((o >> BLOCK_SHIFT) << NUMBER_BITS) | number);
}

function offsetOf(block: number): number {
  return ((NO_PAGE - 1 - block) >> NUMBER_BITS) << BLOCK_SHIFT;
}

function numberIn(block: number): number {
  return (NO_PAGE - 1 - block) & NUMBER_MASK;
}
