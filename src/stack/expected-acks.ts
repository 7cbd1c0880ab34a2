import { SECOND } from "#base/time";

/** For how long the ACK of a cookie is expected at least, µs; and how often the old ones are removed. */
const LIFE = 3 * SECOND;
const STEP = SECOND;
const STEPS = LIFE / STEP + 1;
/** At the default rate of answers, the cookies of three seconds. */
const MOST = 32_768;

/** The hashes of the flows to which cookies were sent lately: the ACK may come, although there is no connection yet. */
export class ExpectedAcks {
  readonly #add: (hash: number) => void;
  readonly #remove: (hash: number) => void;
  /** In a circle: from `#first` to `#next`, which only grow. */
  #hashes = new Int32Array(0);
  #first = 0;
  #next = 0;
  /** `#next` at each of the last steps. */
  readonly #ends = new Float64Array(STEPS);
  #stepAt = Number.NEGATIVE_INFINITY;

  constructor(add: (hash: number) => void, remove: (hash: number) => void) {
    this.#add = add;
    this.#remove = remove;
  }

  expect(hash: number): void {
    if (this.#hashes.length === 0) this.#hashes = new Int32Array(MOST);
    if (this.#next - this.#first === MOST) this.#forget();
    this.#hashes[this.#next++ % MOST] = hash;
    this.#add(hash);
  }

  /** Forgets those that are too old. */
  advance(now: number): void {
    if (now < this.#stepAt || this.#first === this.#next) return;
    this.#stepAt = now + STEP;
    this.#ends.copyWithin(0, 1);
    this.#ends[STEPS - 1] = this.#next;
    while (this.#first < this.#ends[0]!) this.#forget();
  }

  #forget(): void {
    this.#remove(this.#hashes[this.#first++ % MOST]!);
  }
}
