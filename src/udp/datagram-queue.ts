import { Pages } from "#base/pages";
import type { Slab } from "#base/slab";

/** Entries for which a queue has room at first; it grows by doubling. */
const ENTRIES_MIN = 16;
const WORDS = 11;

/** The two ends of a datagram: a reused register. Addresses are words as in `Address`. */
export class DatagramEnds {
  /** The remote's address and port. */
  r0 = 0;
  r1 = 0;
  r2 = 0;
  r3 = 0;
  remotePort = 0;
  /** Our own address and port; the address may be a group's if the datagram was received. */
  l0 = 0;
  l1 = 0;
  l2 = 0;
  l3 = 0;
  localPort = 0;

  setRemote(a: number, b: number, c: number, d: number, port: number): void {
    this.r0 = a;
    this.r1 = b;
    this.r2 = c;
    this.r3 = d;
    this.remotePort = port;
  }

  setLocal(a: number, b: number, c: number, d: number, port: number): void {
    this.l0 = a;
    this.l1 = b;
    this.l2 = c;
    this.l3 = d;
    this.localPort = port;
  }
}

/** A FIFO queue of datagrams and their ends: octets in pages of the slab, the rest in a ring. Both are bounded. */
export class DatagramQueue {
  readonly pages: Pages;
  readonly #octetsMax: number;
  readonly #countMax: number;
  #entries: Int32Array = new Int32Array(ENTRIES_MIN * WORDS);
  #first = 0;
  #octets = 0;
  count = 0;

  /** @param octetsMax limit of queued octets @param countMax limit of queued datagrams, a power of two */
  constructor(slab: Slab, octetsMax: number, countMax: number) {
    this.pages = new Pages(slab);
    this.#octetsMax = octetsMax;
    this.#countMax = countMax;
  }

  /** Octets in the queue. */
  get octets(): number {
    return this.#octets;
  }

  /** Whether a datagram of `n` octets is within the limits. */
  hasRoom(n: number): boolean {
    return this.count < this.#countMax && this.#octets + n <= this.#octetsMax;
  }

  /** Appends a datagram of `n` octets of `source`; false if the queue is full or no page is free. */
  push(source: Uint8Array, from: number, n: number, ends: DatagramEnds): boolean {
    if (!this.hasRoom(n)) return false;
    if (this.pages.write(this.#octets, source, from, n) < n) {
      this.pages.truncate(this.#octets);
      return false;
    }
    if (this.count === this.#capacity) this.#grow();
    const o = this.#at(this.count++);
    const entries = this.#entries;
    entries[o] = n;
    entries[o + 1] = ends.r0;
    entries[o + 2] = ends.r1;
    entries[o + 3] = ends.r2;
    entries[o + 4] = ends.r3;
    entries[o + 5] = ends.remotePort;
    entries[o + 6] = ends.l0;
    entries[o + 7] = ends.l1;
    entries[o + 8] = ends.l2;
    entries[o + 9] = ends.l3;
    entries[o + 10] = ends.localPort;
    this.#octets += n;
    return true;
  }

  /** The oldest datagram's length. */
  get length(): number {
    return this.#entries[this.#at(0)]!;
  }

  /** The oldest datagram's ends, into `ends`. */
  ends(ends: DatagramEnds): void {
    const o = this.#at(0);
    const e = this.#entries;
    ends.setRemote(e[o + 1]!, e[o + 2]!, e[o + 3]!, e[o + 4]!, e[o + 5]!);
    ends.setLocal(e[o + 6]!, e[o + 7]!, e[o + 8]!, e[o + 9]!, e[o + 10]!);
  }

  /** Removes the oldest. */
  shift(): void {
    const n = this.length;
    this.#octets -= n;
    this.count--;
    this.#first = (this.#first + 1) & (this.#capacity - 1);
    if (this.#octets === 0) this.pages.clear();
    else this.pages.drop(n);
  }

  clear(): void {
    this.pages.clear();
    this.#octets = 0;
    this.count = 0;
  }

  get #capacity(): number {
    return this.#entries.length / WORDS;
  }

  #at(index: number): number {
    return ((this.#first + index) & (this.#capacity - 1)) * WORDS;
  }

  #grow(): void {
    const from = this.#first * WORDS;
    const bigger = new Int32Array(this.#entries.length * 2);
    bigger.set(this.#entries.subarray(from));
    bigger.set(this.#entries.subarray(0, from), this.#entries.length - from);
    this.#entries = bigger;
    this.#first = 0;
  }
}
