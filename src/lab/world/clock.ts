/** The clock of a host: true (virtual) time, seen by an oscillator that may be fast or slow. */
import { invalid } from "./world-error.ts";

const MILLION = 1_000_000;
/** Beyond this it is no clock: a tenth. */
const DRIFT_MAX = 100_000;

/** Something that is due at a time of this clock. */
export interface ClockTimer {
  /** The clock runs at another rate from now on. */
  rearm(): void;
}

/** In µs. Monotonic; the time of day is that much later than the world's epoch, plus the skew. */
export class HostClock {
  /** Added to the time of day, ms. */
  skew = 0;
  /** What is due at a time of this clock. */
  readonly timers = new Set<ClockTimer>();
  /** Parts in a million by which it is fast. */
  #drift = 0;
  /** True time and that of this clock when the drift was changed last. */
  #since = 0;
  #read = 0;
  readonly #now: () => number;

  /** @param now true time, µs */
  constructor(now: () => number) {
    this.#now = now;
  }

  get drift(): number {
    return this.#drift;
  }

  set drift(ppm: number) {
    const now = this.#now();
    this.#read = this.#exact(now);
    this.#since = now;
    this.#drift = ppm;
    for (const timer of [...this.timers]) timer.rearm();
  }

  /** What it shows, in whole µs. */
  get now(): number {
    return Math.floor(this.#exact(this.#now()));
  }

  /** The true time, in whole µs, at which it shows at least `time`; not before now. */
  trueTime(time: number): number {
    if (this.#drift === 0) return Math.max(this.#now(), Math.ceil(time - this.#read + this.#since));
    let at = this.#since + Math.floor((time - this.#read) / (1 + this.#drift / MILLION));
    while (Math.floor(this.#exact(at)) < time) at++;
    return Math.max(this.#now(), at);
  }

  #exact(now: number): number {
    const passed = now - this.#since;
    return this.#read + passed + (passed * this.#drift) / MILLION;
  }
}

/** Parts in a million: 50, "50ppm", "-0.2%". @throws WorldError EINVAL */
export function readDrift(what: string, drift: unknown): number {
  const [, digits, unit] = typeof drift === "string" ? (/^([+-]?\d+(?:\.\d+)?)(ppm|%)$/.exec(drift) ?? []) : [];
  const ppm = typeof drift === "number" ? drift : Number(digits ?? Number.NaN) * (unit === "%" ? 10_000 : 1);
  if (Math.abs(ppm) <= DRIFT_MAX) return ppm;
  const said = typeof drift === "string" ? JSON.stringify(drift) : String(drift);
  throw invalid(`${what} must be parts in a million, such as 50, "50ppm" or "-0.2%", and at most a tenth, not ${said}`);
}
