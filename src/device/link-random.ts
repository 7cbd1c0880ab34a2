import type { Prng } from "#base/prng";
import type { Chance, Jitter } from "./link-profile.ts";

/**
 * Uniform draws in [0, 1) of which each repeats the one before with probability `correlation`. The lag-one
 * autocorrelation is then the correlation, and the distribution stays uniform: netem mixes the two draws instead, which
 * narrows it, so that its `loss 1% 25%` loses far less than 1 %.
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

  /** Whether something with this chance happens to the next packet. */
  happens(chance: Chance): boolean {
    return chance.probability > 0 && this.next(chance.correlation) < chance.probability;
  }

  /** What the jitter adds to the delay of the next packet: whole microseconds, negative ones too. */
  jitter(jitter: Jitter): number {
    if (jitter.spread === 0) return 0;
    const u = this.next(jitter.correlation);
    const deviation = jitter.distribution === "normal" ? normalQuantile(u) : 2 * u - 1;
    return Math.round(deviation * jitter.spread);
  }
}

/**
 * The standard normal deviation below which a share `u` of all lies: one uniform draw gives one normal draw, so that the
 * correlation above holds for both. The bounds keep it within 4 standard deviations, as netem's table does.
 * Winitzki's approximation of the inverse error function: off by less than 0.005.
 */
export function normalQuantile(u: number): number {
  const x = Math.min(Math.max(2 * u - 1, -0.99993666), 0.99993666);
  const a = 0.147;
  const ln = Math.log(1 - x * x);
  const b = 2 / (Math.PI * a) + ln / 2;
  return Math.SQRT2 * Math.sign(x) * Math.sqrt(Math.sqrt(b * b - ln / a) - b);
}
