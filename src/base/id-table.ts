/** Tables shorter than this are kept. */
const SIZE_MIN = 1024;

/** Objects by small integer ids, which are used again. The table becomes shorter when its last ids are given back. */
export class IdTable<T> {
  /** null: the id is free; undefined: it was given, but not set yet. */
  #items: (T | null | undefined)[];
  /** Ids to be used again. Some are not free any more, or lie beyond the end of the table. */
  #free: number[] = [];
  /** How long the table was when it last became much shorter, or since. */
  #longest = SIZE_MIN;

  /** @param reserved ids from 0 on that are never given */
  constructor(reserved: number) {
    this.#items = new Array(reserved).fill(undefined);
  }

  /** All ids are smaller. */
  get length(): number {
    return this.#items.length;
  }

  /** A new id, for which `set` is to be called. */
  add(): number {
    const items = this.#items;
    for (let id = this.#free.pop(); id !== undefined; id = this.#free.pop()) {
      if (items[id] !== null || id >= items.length) continue;
      items[id] = undefined;
      return id;
    }
    const id = items.push(undefined) - 1;
    if (items.length > this.#longest) this.#longest = items.length;
    return id;
  }

  get(id: number): T | null {
    return this.#items[id] ?? null;
  }

  set(id: number, item: T): void {
    this.#items[id] = item;
  }

  /** Gives the id back. Returns whether the table has become much shorter. */
  delete(id: number): boolean {
    const items = this.#items;
    items[id] = null;
    this.#free.push(id);
    if (id !== items.length - 1) return false;
    while (items.at(-1) === null) items.pop();
    if (items.length * 4 > this.#longest || this.#longest === SIZE_MIN) return false;
    this.#longest = Math.max(items.length, SIZE_MIN);
    // Copies take only as much memory as they need.
    this.#items = items.slice();
    this.#free = this.#free.filter((each) => each < items.length);
    return true;
  }

  *values(): Generator<T> {
    for (const item of this.#items) if (item !== null && item !== undefined) yield item;
  }
}
