/**
 * The microtasks that run before the driver waits in the device: whoever was told something by a promise has answered by then. Each costs
 * a request and its response some 1 % of their time, and most programs answer at once or after one or two. So their number is learnt:
 * as many as somebody needed lately. An answer that comes later still is sent after the wait, once; from then on all HOPS run for a while.
 */

/** The most microtasks. */
export const HOPS = 8;

/** For so many pauses their number stands before it is taken anew. */
export const ROUND = 64;

/** For so many rounds all HOPS run after an answer came too late. */
const ROUNDS_AFTER_LATE = 64;

export class Hops {
  /** How many more run; 0: none is waited for. */
  #left = 0;
  #depth = HOPS;
  /** The most microtasks of this round, and of the one before, after which somebody answered. */
  #deepest = HOPS - 1;
  #deepestBefore = HOPS - 1;
  /** Pauses of this round. */
  #pauses = 0;
  /** The rounds before the number may fall. */
  #rounds = 0;
  /** Since the turn began, there was a pause of less than HOPS. */
  #shortened = false;
  /** Microtasks after the turn within which an answer comes too late. */
  #late = 0;
  readonly #then: () => void;
  readonly #hop = () => {
    if (--this.#left > 0) queueMicrotask(this.#hop);
    else this.#end();
  };
  readonly #lateHop = () => {
    if (--this.#late > 0) queueMicrotask(this.#lateHop);
  };

  /** @param then runs after the microtasks of each pause */
  constructor(then: () => void) {
    this.#then = then;
  }

  /** How many microtasks a pause takes now. */
  get depth(): number {
    return this.#depth;
  }

  /** Lets microtasks run, then calls `then`. */
  pause(): void {
    this.#left = this.#depth;
    queueMicrotask(this.#hop);
  }

  /** The program asked for something to be sent. */
  answered(): void {
    if (this.#left > 0) this.#deepest = Math.max(this.#deepest, this.#depth - this.#left);
    else if (this.#late > 0) this.#tooLate();
  }

  /** The turn is over: all microtasks run now. */
  turnEnds(): void {
    if (!this.#shortened) return;
    this.#shortened = false;
    this.#late = HOPS - this.#depth;
    queueMicrotask(this.#lateHop);
  }

  #end(): void {
    this.#shortened ||= this.#depth < HOPS;
    if (++this.#pauses === ROUND) this.#endRound();
    this.#then();
  }

  #endRound(): void {
    this.#pauses = 0;
    if (this.#rounds > 0) this.#rounds--;
    else this.#depth = Math.min(HOPS, 1 + Math.max(this.#deepest, this.#deepestBefore));
    this.#deepestBefore = this.#deepest;
    this.#deepest = 0;
  }

  #tooLate(): void {
    this.#late = 0;
    this.#depth = HOPS;
    this.#rounds = ROUNDS_AFTER_LATE;
  }
}
