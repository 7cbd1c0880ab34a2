import { Alarm, type Alarms } from "#stack/alarms";

/** The timers of one connection above the engine's own. Made when the first of them is set. */
export class SocketTimers {
  readonly #alarms: Alarms;
  readonly #idle: Alarm;
  readonly #closing: Alarm;

  constructor(alarms: Alarms, idle: () => void, closing: () => void) {
    this.#alarms = alarms;
    this.#idle = new Alarm(idle);
    this.#closing = new Alarm(closing);
  }

  /** Looks at `at` whether the connection is idle. */
  watchIdleness(at: number): void {
    this.#alarms.set(this.#idle, at);
  }

  stopWatching(): void {
    this.#alarms.clear(this.#idle);
  }

  /** CLOSE may last until `at`. */
  limitClosing(at: number): void {
    this.#alarms.set(this.#closing, at);
  }

  clear(): void {
    this.#alarms.clear(this.#idle);
    this.#alarms.clear(this.#closing);
  }
}
