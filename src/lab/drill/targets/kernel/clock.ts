/** CLOCK_MONOTONIC as the script's clock: integer microseconds since it was first asked. */
export class Clock {
  #origin: number | undefined;

  now(): number {
    const nanoseconds = Bun.nanoseconds();
    this.#origin ??= nanoseconds;
    return Math.floor((nanoseconds - this.#origin) / 1_000);
  }
}
