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

  /**
   * Takes a token; false if there is none. `now` never goes backwards.
   * @param parts how many buckets share the rate and the burst at the moment
   */
  take(now: number, parts = 1): boolean {
    if (!this.has(now, parts)) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes so many at once; false if there are less: then none is left. */
  takeSeveral(n: number, now: number): boolean {
    this.has(now);
    this.#tokens -= n;
    if (this.#tokens >= 0) return true;
    this.#tokens = 0;
    return false;
  }

  /** Whether there is a token. */
  has(now: number, parts = 1): boolean {
    const earned = ((now - this.#last) * this.#rate) / SECOND;
    this.#tokens = Math.min(this.#burst / parts, this.#tokens + earned / parts);
    this.#last = now;
    return this.#tokens >= 1;
  }

  /** Makes it full, as after a pause. */
  fill(now: number): void {
    this.#tokens = this.#burst;
    this.#last = now;
  }
}
