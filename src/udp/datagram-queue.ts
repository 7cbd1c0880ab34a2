import { Pages } from "#base/pages";
import type { Slab } from "#base/slab";

/** Limit of queued datagrams. */
const ENTRIES = 256;
const WORDS = 6;

/** A FIFO queue of datagrams, each with an address and a port: octets in pages of the slab, the rest in a ring. Both are bounded. */
export class DatagramQueue {
  readonly pages: Pages;
  readonly #entries = new Int32Array(ENTRIES * WORDS);
  readonly #octetsMax: number;
  #first = 0;
  #octets = 0;
  count = 0;

  constructor(slab: Slab, octetsMax: number) {
    this.pages = new Pages(slab);
    this.#octetsMax = octetsMax;
  }

  /** Appends a datagram of `n` octets of `source`; false if the queue is full or no page is free. */
  push(source: Uint8Array, from: number, n: number, a: number, b: number, c: number, d: number, port: number): boolean {
    if (this.count === ENTRIES || this.#octets + n > this.#octetsMax) return false;
    if (this.pages.write(this.#octets, source, from, n) < n) {
      this.pages.truncate(this.#octets);
      return false;
    }
    const o = ((this.#first + this.count++) % ENTRIES) * WORDS;
    const entries = this.#entries;
    entries[o] = n;
    entries[o + 1] = a;
    entries[o + 2] = b;
    entries[o + 3] = c;
    entries[o + 4] = d;
    entries[o + 5] = port;
    this.#octets += n;
    return true;
  }

  /** The oldest datagram's length; the words of its address (0 to 3); its port. */
  get length(): number {
    return this.#entries[this.#first * WORDS]!;
  }

  word(i: number): number {
    return this.#entries[this.#first * WORDS + 1 + i]!;
  }

  get port(): number {
    return this.#entries[this.#first * WORDS + 5]!;
  }

  /** Removes the oldest. */
  shift(): void {
    const n = this.length;
    this.#octets -= n;
    this.count--;
    this.#first = (this.#first + 1) % ENTRIES;
    if (this.#octets === 0) this.pages.clear();
    else this.pages.drop(n);
  }

  clear(): void {
    this.pages.clear();
    this.#octets = 0;
    this.count = 0;
  }
}
