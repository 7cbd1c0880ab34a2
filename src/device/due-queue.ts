import { NEVER } from "#base/time";

/**
 * A queue of small integers with due times: a binary heap in typed arrays. Earliest first; at the same time, the one added
 * first. It grows by doubling, and allocates nothing below its largest size so far.
 */
export class DueQueue {
  #time = new Float64Array(16);
  #order = new Float64Array(16);
  #value = new Int32Array(16);
  #size = 0;
  #added = 0;

  get size(): number {
    return this.#size;
  }

  add(time: number, value: number): void {
    if (this.#size === this.#value.length) this.#grow();
    const order = this.#added++;
    let place = this.#size++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#time[parent]! <= time) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, time, order, value);
  }

  /** When the first entry is due, or NEVER. */
  next(): number {
    return this.#size === 0 ? NEVER : this.#time[0]!;
  }

  /** Removes and returns the first value if it is due at `now`; else -1. */
  take(now: number): number {
    if (this.#size === 0 || this.#time[0]! > now) return -1;
    const value = this.#value[0]!;
    const last = --this.#size;
    if (last > 0) this.#sink(this.#time[last]!, this.#order[last]!, this.#value[last]!);
    return value;
  }

  /** Moves everything to another queue. */
  moveTo(other: DueQueue): void {
    for (let time = this.next(); this.#size > 0; time = this.next()) other.add(time, this.take(time));
  }

  /** Replaces the entry at the top and moves it down to its place. */
  #sink(time: number, order: number, value: number): void {
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size && this.#before(right, this.#time[child]!, this.#order[child]!)) child = right;
      if (!this.#before(child, time, order)) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(place, time, order, value);
  }

  #before(place: number, time: number, order: number): boolean {
    const t = this.#time[place]!;
    return t < time || (t === time && this.#order[place]! < order);
  }

  #move(from: number, to: number): void {
    this.#time[to] = this.#time[from]!;
    this.#order[to] = this.#order[from]!;
    this.#value[to] = this.#value[from]!;
  }

  #put(place: number, time: number, order: number, value: number): void {
    this.#time[place] = time;
    this.#order[place] = order;
    this.#value[place] = value;
  }

  #grow(): void {
    const n = this.#value.length * 2;
    const time = new Float64Array(n);
    const order = new Float64Array(n);
    const value = new Int32Array(n);
    time.set(this.#time);
    order.set(this.#order);
    value.set(this.#value);
    this.#time = time;
    this.#order = order;
    this.#value = value;
  }
}
