import { DueQueue } from "#device/due-queue";

/** A scheduled call of an application. */
export interface SimTimer {
  /** Cancels it; does nothing if it has already run. */
  cancel(): void;
}

/** The applications' timers of a simulation, ordered by time, then by the order in which they were set. */
export class Timers {
  readonly #due = new DueQueue();
  readonly #calls: ((() => void) | undefined)[] = [];
  readonly #free: number[] = [];

  add(time: number, call: () => void): SimTimer {
    const slot = this.#free.pop() ?? this.#calls.length;
    this.#calls[slot] = call;
    this.#due.add(time, slot);
    return {
      cancel: () => {
        if (this.#calls[slot] === call) this.#calls[slot] = undefined;
      },
    };
  }

  next(): number {
    return this.#due.next();
  }

  /** Runs the first timer that is due; false if none is. A cancelled one counts as due. */
  run(now: number): boolean {
    const slot = this.#due.take(now);
    if (slot < 0) return false;
    const call = this.#calls[slot];
    this.#calls[slot] = undefined;
    this.#free.push(slot);
    call?.();
    return true;
  }
}
