/** Shorter rings are kept. */
const SHRINK_MIN = 1024;

/** A queue of objects as a ring that grows by doubling and shrinks when it is nearly empty; nothing is allocated per entry. */
export class Fifo<T> {
  #ring: (T | undefined)[] = new Array(16).fill(undefined);
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#ring[(this.#first + this.#size++) & (this.#ring.length - 1)] = item;
  }

  /** Removes and returns the oldest, or undefined. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.#size--;
    if (this.#ring.length >= SHRINK_MIN && this.#size * 8 < this.#ring.length) this.#resize(this.#ring.length / 2);
    return item;
  }

  /** Returns the oldest without removing it, or undefined. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#first];
  }

  #resize(length: number): void {
    const ring = new Array<T | undefined>(length).fill(undefined);
    for (let i = 0; i < this.#size; i++) ring[i] = this.#ring[(this.#first + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#first = 0;
  }
}
