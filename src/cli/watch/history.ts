/** The last values of a quantity, taken at equal intervals. */
export class History {
  readonly #values: Float64Array;
  #count = 0;

  /** @param room values that are kept */
  constructor(room: number) {
    this.#values = new Float64Array(room);
  }

  push(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  get size(): number {
    return Math.min(this.#count, this.#values.length);
  }

  /** The value `back` intervals ago; the oldest one if it is not kept any more; 0 if there is none. */
  at(back: number): number {
    if (this.#count === 0) return 0;
    const i = this.#count - 1 - Math.min(back, this.size - 1);
    return this.#values[i % this.#values.length]!;
  }

  /** How much the value grew in the last `back` intervals, and in how many it was measured. */
  growth(back: number): { readonly by: number; readonly intervals: number } {
    const intervals = Math.min(back, this.size - 1);
    return intervals <= 0 ? { by: 0, intervals: 0 } : { by: this.at(0) - this.at(intervals), intervals };
  }

  /** `n` means of `per` values each, the newest last; fewer if there are fewer values. A mean stays the same while new values come. */
  means(n: number, per: number): number[] {
    const first = Math.max(this.#count - this.size, 0);
    const last = Math.ceil(this.#count / per);
    const means: number[] = [];
    for (let group = Math.max(last - n, Math.ceil(first / per)); group < last; group++) {
      const from = group * per;
      const to = Math.min(from + per, this.#count);
      let sum = 0;
      for (let i = from; i < to; i++) sum += this.#values[i % this.#values.length]!;
      means.push(sum / (to - from));
    }
    return means;
  }
}
