import { NEVER } from "./time.ts";

const SIZE_MIN = 64;

/**
 * The earliest deadline of many owners: a binary heap in typed arrays, one entry per owner (a small integer id), exact to
 * the microsecond. Owners that expire at the same time come out in the order of their ids, so a run is a function of its
 * seed. Moving a deadline later is free: the entry stays where it is, and the owner, popped too early, arms again.
 * Why a heap and not a wheel: docs/adr/0002-deadline-heap.md.
 */
export class Deadlines {
  #heap = new Int32Array(SIZE_MIN);
  #size = 0;
  /** By id: the armed deadline, and the place in the heap (-1: not in it). */
  #key = new Float64Array(SIZE_MIN);
  #place = new Int32Array(SIZE_MIN).fill(-1);

  get size(): number {
    return this.#size;
  }

  /** Makes sure that `id` is popped at `deadline` or before. NEVER changes nothing. */
  arm(id: number, deadline: number): void {
    if (deadline === NEVER) return;
    if (id >= this.#key.length) this.#grow(id);
    const place = this.#place[id]!;
    if (place < 0) {
      if (this.#size === this.#heap.length) this.#heap = grown(this.#heap);
      this.#key[id] = deadline;
      this.#up(this.#size++, id);
    } else if (deadline < this.#key[id]!) {
      this.#key[id] = deadline;
      this.#up(place, id);
    }
  }

  /** When `id` is popped, at its deadline or before; NEVER: it is not armed. */
  of(id: number): number {
    return id < this.#place.length && this.#place[id]! >= 0 ? this.#key[id]! : NEVER;
  }

  /** Removes `id`. */
  cancel(id: number): void {
    const place = id < this.#place.length ? this.#place[id]! : -1;
    if (place < 0) return;
    this.#place[id] = -1;
    const last = this.#heap[--this.#size]!;
    if (last === id) return;
    this.#up(place, last);
    this.#down(this.#place[last]!, last);
  }

  /** When the next owner is due (perhaps too early, never too late), or NEVER. */
  next(): number {
    return this.#size === 0 ? NEVER : this.#key[this.#heap[0]!]!;
  }

  /** Removes and returns an owner whose entry is due at `now`, or -1. The owner arms again if its real deadline is later. */
  pop(now: number): number {
    if (this.#size === 0) return -1;
    const id = this.#heap[0]!;
    if (this.#key[id]! > now) return -1;
    this.cancel(id);
    return id;
  }

  /** From now on all ids are smaller than `length`, until a larger one is armed: frees memory. */
  trim(length: number): void {
    let n = SIZE_MIN;
    while (n < length) n *= 2;
    if (n >= this.#key.length) return;
    this.#key = this.#key.slice(0, n);
    this.#place = this.#place.slice(0, n);
    if (this.#heap.length > n) this.#heap = this.#heap.slice(0, n);
  }

  #before(a: number, b: number): boolean {
    const x = this.#key[a]!;
    const y = this.#key[b]!;
    return x < y || (x === y && a < b);
  }

  #up(place: number, id: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = this.#heap[parent]!;
      if (!this.#before(id, other)) break;
      this.#heap[place] = other;
      this.#place[other] = place;
      place = parent;
    }
    this.#heap[place] = id;
    this.#place[id] = place;
  }

  #down(place: number, id: number): void {
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const other = this.#heap[child]!;
      if (!this.#before(other, id)) break;
      this.#heap[place] = other;
      this.#place[other] = place;
      place = child;
    }
    this.#heap[place] = id;
    this.#place[id] = place;
  }

  #grow(id: number): void {
    let n = this.#key.length;
    while (n <= id) n *= 2;
    const key = new Float64Array(n);
    key.set(this.#key);
    const place = new Int32Array(n).fill(-1);
    place.set(this.#place);
    this.#key = key;
    this.#place = place;
  }
}

function grown(old: Int32Array): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(old.length * 2);
  bigger.set(old);
  return bigger;
}
