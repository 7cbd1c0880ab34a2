import { SECOND } from "#base/time";

/** A rate limit with bursts (token bucket). */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #last = Number.NEGATIVE_INFINITY;

  /** @param rate permissions per second @param burst permissions at once after a pause */
  constructor(rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token; false if there is none. `now` never goes backwards. */
  take(now: number): boolean {
    if (!this.has(now)) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether there is a token. */
  has(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#last) * this.#rate) / SECOND);
    this.#last = now;
    return this.#tokens >= 1;
  }
}
