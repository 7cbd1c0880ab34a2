import type { Prng } from "#base/prng";
import type { Chance, Jitter } from "./link-profile.ts";

/**
 * Uniform draws in [0, 1). Each repeats the one before with probability `correlation`, so the lag-one autocorrelation is
 * `correlation` and the distribution stays uniform. netem mixes the two draws instead, which narrows the distribution: its
 * `loss 1% 25%` loses far less than 1 %.
 */
export class CorrelatedDraws {
  readonly #prng: Prng;
  #last: number;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#last = prng.unit();
  }

  next(correlation: number): number {
    if (correlation === 0 || this.#prng.unit() >= correlation) this.#last = this.#prng.unit();
    return this.#last;
  }

  /** Draws whether an event with this probability happens to the next packet. */
  happens(chance: Chance): boolean {
    return chance.probability > 0 && this.next(chance.correlation) < chance.probability;
  }

  /** Draws what the jitter adds to the delay of the next packet: whole microseconds, possibly negative. */
  jitter(jitter: Jitter): number {
    if (jitter.spread === 0) return 0;
    const u = this.next(jitter.correlation);
    const deviation = jitter.distribution === "normal" ? normalQuantile(u) : 2 * u - 1;
    return Math.round(deviation * jitter.spread);
  }
}

/**
 * The inverse of the standard normal distribution function. One uniform draw gives one normal draw, so the correlation
 * above holds for both. The result is limited to 4 standard deviations, as in netem's table.
 * Winitzki's approximation of the inverse error function: off by less than 0.005.
 */
export function normalQuantile(u: number): number {
  const x = Math.min(Math.max(2 * u - 1, -0.99993666), 0.99993666);
  const a = 0.147;
  const ln = Math.log(1 - x * x);
  const b = 2 / (Math.PI * a) + ln / 2;
  return Math.SQRT2 * Math.sign(x) * Math.sqrt(Math.sqrt(b * b - ln / a) - b);
}
