/** Values per power of two: a percentile is at most 1/128 (0.8 %) above the true value. */
const BITS = 7;
const SUB = 1 << BITS;
/** Values are counted in steps of 1/16 µs, so the largest that has a bucket of its own is 134 s. */
const STEPS_PER_MICROSECOND = 16;
const LARGEST = 0x7fff_ffff;
const BUCKETS = (32 - BITS) * SUB;

/** What is shown of a distribution, in µs. */
export interface Percentiles {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly max: number;
}

/** Times in µs, counted in a bounded number of buckets (as HdrHistogram does): no sample is stored, and nothing is sorted. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  record(us: number): void {
    this.count++;
    this.#sum += us;
    if (us < this.#min) this.#min = us;
    if (us > this.#max) this.#max = us;
    const i = bucketOf(us);
    this.#counts[i] = this.#counts[i]! + 1;
  }

  add(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] = this.#counts[i]! + other.#counts[i]!;
    this.count += other.count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  clear(): void {
    this.#counts.fill(0);
    this.count = 0;
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
  }

  /** The smallest value that at least this share of all samples does not exceed, µs. @param share above 0, at most 1 */
  percentile(share: number): number {
    const wanted = Math.ceil(this.count * share);
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!;
      if (seen >= wanted && seen > 0) return Math.min(topOf(i), this.#max);
    }
    return this.#max;
  }

  percentiles(): Percentiles {
    const { count } = this;
    return {
      count,
      min: count === 0 ? 0 : this.#min,
      mean: count === 0 ? 0 : this.#sum / count,
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p99_9: this.percentile(0.999),
      max: this.#max,
    };
  }
}

/** Values below 128 steps have a bucket each; above, each power of two has 128. */
function bucketOf(us: number): number {
  const steps = Math.min(LARGEST, Math.max(0, Math.round(us * STEPS_PER_MICROSECOND)));
  if (steps < SUB) return steps;
  const shift = 31 - BITS - Math.clz32(steps);
  return shift * SUB + (steps >>> shift);
}

/** The largest value of a bucket, µs. */
function topOf(bucket: number): number {
  const shift = bucket < SUB ? 0 : (bucket >>> BITS) - 1;
  const steps = bucket - shift * SUB;
  return ((steps + 1) * 2 ** shift - 1) / STEPS_PER_MICROSECOND;
}
