import { DueQueue } from "#device/due-queue";

/** A call that an application asked for. */
export interface SimTimer {
  /** Forgets it; nothing happens if it has run already. */
  cancel(): void;
}

/** The applications' timers of a simulation: first by time, then in the order in which they were asked for. */
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

  /** Runs the first that is due; false if none is. A cancelled one counts. */
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
