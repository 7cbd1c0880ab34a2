import { gt } from "./seq.ts";

const SIZE_MIN = 8;

/**
 * Sequence numbers in ascending order, appended at the end and removed from the front (or put back there), each with a flag. An empty ring
 * uses no memory.
 */
export class SequenceRing {
  #ring: Int32Array = NOTHING;
  #flags: Uint8Array = NO_FLAGS;
  #first = 0;
  length = 0;

  /** The i-th from the front, which must exist. */
  at(i: number): number {
    return this.#ring[(this.#first + i) & (this.#ring.length - 1)]!;
  }

  flagAt(i: number): boolean {
    return this.#flags[(this.#first + i) & (this.#ring.length - 1)] === 1;
  }

  set(i: number, seq: number, flag: boolean): void {
    const at = (this.#first + i) & (this.#ring.length - 1);
    this.#ring[at] = seq;
    this.#flags[at] = flag ? 1 : 0;
  }

  push(seq: number, flag: boolean): void {
    if (this.length === this.#ring.length) this.#grow();
    this.set(this.length++, seq, flag);
  }

  unshift(seq: number, flag: boolean): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#first = (this.#first - 1) & (this.#ring.length - 1);
    this.length++;
    this.set(0, seq, flag);
  }

  shift(): void {
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.length--;
  }

  clear(): void {
    this.#ring = NOTHING;
    this.#flags = NO_FLAGS;
    this.#first = 0;
    this.length = 0;
  }

  /** The index of the first one after `seq`; `length` if there is none. */
  after(seq: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (gt(this.at(middle), seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #grow(): void {
    const n = Math.max(SIZE_MIN, this.#ring.length * 2);
    const ring = new Int32Array(n);
    const flags = new Uint8Array(n);
    for (let i = 0; i < this.length; i++) {
      ring[i] = this.at(i);
      flags[i] = this.flagAt(i) ? 1 : 0;
    }
    this.#ring = ring;
    this.#flags = flags;
    this.#first = 0;
  }
}

const NOTHING = new Int32Array(0);
const NO_FLAGS = new Uint8Array(0);

/** Shared by those that need no ring yet: nothing may be added to it. */
export const EMPTY_RING = new SequenceRing();
