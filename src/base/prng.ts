/**
 * xoshiro128** (Blackman and Vigna, 2018): small, fast, equidistributed in all bits. A run of the stack or of the
 * simulator is a function of its seed, so everything random below the driver is drawn from one of these.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any 32-bit integer; splitmix32 spreads it over the 128 bits of state. */
  constructor(seed: number) {
    let s = seed | 0;
    const next = () => {
      s = (s + 0x9e3779b9) | 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** 32 random bits as an int32. */
  int32(): number {
    const b = this.#b;
    const m = Math.imul(b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9);
    const t = b << 9;
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    const d = this.#d;
    this.#d = (d << 11) | (d >>> 21);
    return result | 0;
  }

  /** A number in [0, 1) with 32 bits of randomness. */
  unit(): number {
    return (this.int32() >>> 0) / 4294967296;
  }

  /** An integer in [0, bound), 0 < bound <= 2^32. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** True with the given probability (0..1). Draws even if the result is certain, so that a run stays comparable with others. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** An independent generator, so that one consumer's draws do not shift another's. */
  fork(): Prng {
    return new Prng(this.int32());
  }
}
