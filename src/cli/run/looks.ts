/** Looks for what no event tells: often at first, then seldom, so that what takes long costs little. */

/** The distance between two looks, ms: a part of the time since `begin`, which is by how much the answer may be late. */
const LEAST_MS = 1;
const PART = 1 / 64;
const MOST_MS = 20;

export class Looks {
  readonly #look: () => boolean;
  #timer: NodeJS.Timeout | null = null;
  #since = 0;

  /** @param look returns whether there is still something to look for */
  constructor(look: () => boolean) {
    this.#look = look;
  }

  /** There is something new to look for. */
  begin(): void {
    this.#since = performance.now();
    this.end();
    this.#next();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #next(): void {
    const distance = Math.min(MOST_MS, Math.max(LEAST_MS, (performance.now() - this.#since) * PART));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#look() && this.#timer === null) this.#next();
    }, distance);
  }
}
