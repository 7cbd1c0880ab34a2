import type { RunEvent, RunStarted } from "#observe/events";

/** Between two runs in one file, µs. */
const PAUSE = 100_000;

/**
 * One clock for all events of a report or an export: µs since the first `run:started`. Further files of the same run are on the same clock.
 * Where virtual time begins anew, as with each script of `drill`, what follows comes after what was before.
 */
export class RunClock {
  /** The first line; null before it. */
  started: RunStarted | null = null;
  /** The latest time so far. */
  last = 0;
  #start = 0;

  begin(event: RunStarted): void {
    if (this.started === null) {
      this.started = event;
      this.#start = event.time;
    } else if (event.epoch === null && this.started.epoch === null) this.#start = event.time - this.last - PAUSE;
  }

  at(event: RunEvent): number {
    // The file has whole µs, too.
    const time = Math.round(event.time - this.#start);
    if (time > this.last) this.last = time;
    return time;
  }
}
