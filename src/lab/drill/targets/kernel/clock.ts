/** CLOCK_MONOTONIC as the script's clock: integer microseconds since the first reading. */
export class Clock {
  #origin: number | undefined;

  now(): number {
    const nanoseconds = Bun.nanoseconds();
    this.#origin ??= nanoseconds;
    return Math.floor((nanoseconds - this.#origin) / 1_000);
  }
}
