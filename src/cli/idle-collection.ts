/** Gives memory back to the system after a crowd has gone: the engine collects garbage only when it needs room, which an idle service never does. */

/** So many connections have left enough garbage to be worth a pause of some tens of milliseconds. */
const ENOUGH = 1_000;
/** How long nobody must have come or gone before, ms. */
const QUIET_MS = 2_000;

export class IdleCollection {
  readonly #collect: () => void;
  readonly #clock: () => number;
  /** Connections that ended since the last collection. */
  #ended = 0;
  #isEmpty = true;
  /** When somebody last came or went. */
  #at = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param clock ms. */
  constructor(collect: () => void = () => Bun.gc(true), clock: () => number = () => performance.now()) {
    this.#collect = collect;
    this.#clock = clock;
  }

  /** A connection was opened. */
  opened(): void {
    this.#isEmpty = false;
    this.#at = this.#clock();
  }

  /** A connection has ended. @param isLast nobody is connected any more */
  ended(isLast: boolean): void {
    this.#ended++;
    this.#isEmpty = isLast;
    this.#at = this.#clock();
    if (isLast && this.#ended >= ENOUGH) this.#timer ??= this.#later(QUIET_MS);
  }

  /** The service ends: nothing is collected any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #later(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#due(), ms).unref();
  }

  #due(): void {
    this.#timer = undefined;
    if (!this.#isEmpty) return;
    const left = this.#at + QUIET_MS - this.#clock();
    if (left > 0) {
      this.#timer = this.#later(left);
      return;
    }
    this.#ended = 0;
    this.#collect();
  }
}
