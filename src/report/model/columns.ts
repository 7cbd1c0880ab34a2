/** Columns of numbers that grow, without an object per row. */

type Numbers = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;
type Kind<T extends Numbers> = new (length: number) => T;

const FIRST = 1024;

/** One column. Rows are added at its end and may be changed afterwards. */
export class Column<T extends Numbers> {
  length = 0;
  #data: T;
  readonly #kind: Kind<T>;

  constructor(kind: Kind<T>) {
    this.#kind = kind;
    this.#data = new kind(FIRST);
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = new this.#kind(this.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  get(row: number): number {
    return this.#data[row]!;
  }

  set(row: number, value: number): void {
    this.#data[row] = value;
  }

  /** All rows. It shares the column's memory. */
  all(): T {
    return this.#data.subarray(0, this.length) as T;
  }
}
