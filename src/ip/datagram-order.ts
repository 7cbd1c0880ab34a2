/** No entry. */
const NONE = -1;
/** Sources are told apart by so many values of a hash. */
const BUCKETS = 64;

/**
 * Incomplete datagrams by age, and how many each source has: where there is no room, the source that has most gives way, so that one
 * sender of fragments does not take the place of all others.
 */
export class DatagramOrder {
  count = 0;
  /** Entries, oldest first. */
  readonly #byAge: Int32Array;
  /** The source of each entry, as its bucket; and how many entries each has. */
  readonly #bucket: Uint8Array;
  readonly #each = new Int32Array(BUCKETS);

  constructor(datagrams: number) {
    this.#byAge = new Int32Array(datagrams);
    this.#bucket = new Uint8Array(datagrams);
  }

  /** The i-th oldest entry. */
  at(i: number): number {
    return this.#byAge[i]!;
  }

  /** @param source a word of the source's address */
  push(entry: number, source: number): void {
    const mixed = Math.imul(source, 0x9e3779b1);
    const bucket = (mixed ^ (mixed >>> 15)) & (BUCKETS - 1);
    this.#byAge[this.count++] = entry;
    this.#bucket[entry] = bucket;
    this.#each[bucket]!++;
  }

  remove(entry: number): void {
    const at = this.#byAge.indexOf(entry);
    this.#byAge.copyWithin(at, at + 1, this.count--);
    this.#each[this.#bucket[entry]!]!--;
  }

  /** The oldest entry of the source that has most; another one than `except`. NONE if there is no other. */
  victim(except: number): number {
    let fullest = 0;
    for (let b = 1; b < BUCKETS; b++) if (this.#each[b]! > this.#each[fullest]!) fullest = b;
    let oldest = NONE;
    for (let i = 0; i < this.count; i++) {
      const entry = this.#byAge[i]!;
      if (entry === except) continue;
      if (this.#bucket[entry] === fullest) return entry;
      if (oldest === NONE) oldest = entry;
    }
    return oldest;
  }
}
