/** Timers of the layers above, by the stack's clock: they run in virtual time as well. */
import { Deadlines } from "#base/deadlines";
import { Fifo } from "#base/fifo";
import { IdTable } from "#base/id-table";
import { NEVER } from "#base/time";

/** One timer. It fires once each time it is set. */
export class Alarm {
  /** Called after the turn in which it was due. */
  readonly ring: () => void;
  /** When it is due, µs; NEVER: it is not set. */
  at = NEVER;
  /** Its number while it is set or has yet to ring; else -1. */
  id = -1;

  constructor(ring: () => void) {
    this.ring = ring;
  }
}

/** The alarms of a stack. */
export class Alarms {
  readonly #deadlines = new Deadlines();
  readonly #byId = new IdTable<Alarm>(0);
  readonly #due = new Fifo<Alarm>();
  readonly #arm: (at: number) => void;
  /** The time of the last `advance`. */
  #now = 0;

  /** @param arm makes sure that `advance` is called at that time, or before */
  constructor(arm: (at: number) => void) {
    this.#arm = arm;
  }

  /** Sets the alarm, or moves it. The host must be woken afterwards. */
  set(alarm: Alarm, at: number): void {
    if (alarm.id < 0) {
      alarm.id = this.#byId.add();
      this.#byId.set(alarm.id, alarm);
    }
    alarm.at = at;
    this.#deadlines.arm(alarm.id, at);
    this.#arm(at);
  }

  /** It does not ring any more. */
  clear(alarm: Alarm): void {
    alarm.at = NEVER;
    if (alarm.id < 0) return;
    this.#deadlines.cancel(alarm.id);
    this.#byId.delete(alarm.id);
    alarm.id = -1;
  }

  hasEvents(): boolean {
    return this.#due.size > 0;
  }

  /** The next alarm that is to ring, or undefined. */
  nextEvent(): Alarm | undefined {
    for (let alarm = this.#due.shift(); alarm !== undefined; alarm = this.#due.shift()) {
      // It was cleared, or set anew, after it was due.
      if (alarm.id < 0 || alarm.at > this.#now) continue;
      this.clear(alarm);
      return alarm;
    }
    return undefined;
  }

  // --- For the stack -----------------------------------------------------------------------------------------------

  advance(now: number): void {
    this.#now = now;
    for (let id = this.#deadlines.pop(now); id >= 0; id = this.#deadlines.pop(now)) {
      const alarm = this.#byId.get(id);
      if (alarm === null) continue;
      if (alarm.at > now) this.#deadlines.arm(id, alarm.at);
      else this.#due.push(alarm);
    }
  }

  nextDeadline(): number {
    return this.#deadlines.next();
  }
}
