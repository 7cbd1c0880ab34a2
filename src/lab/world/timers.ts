/** `setTimeout` and its family in virtual time. */
import type { SimTimer } from "../sim/timers.ts";
import { places } from "./place.ts";

const MS = 1_000;
/** Node.js: longer and invalid delays are 1 ms. */
const DELAY_MAX = 2 ** 31 - 1;

type Call = (...args: readonly unknown[]) => void;

/** What timers need of a simulation. Times are virtual µs. */
export interface TimerClock {
  readonly now: number;
  at(time: number, call: () => void): SimTimer;
}

/** What `setTimeout`, `setInterval` and `setImmediate` return. It keeps nothing alive: a world ends when its `run` does. */
export class VirtualTimer {
  readonly id: number;
  readonly #clock: TimerClock;
  readonly #fire: () => void;
  readonly #delay: number;
  readonly #repeats: boolean;
  #timer: SimTimer | null = null;
  #isReferenced = true;

  /** @param delay virtual µs */
  constructor(id: number, clock: TimerClock, fire: () => void, delay: number, repeats: boolean) {
    this.id = id;
    this.#clock = clock;
    this.#fire = fire;
    this.#delay = delay;
    this.#repeats = repeats;
    this.refresh();
  }

  refresh(): this {
    this.#timer?.cancel();
    this.#timer = this.#clock.at(this.#clock.now + this.#delay, () => this.#run());
    return this;
  }

  close(): this {
    this.#timer?.cancel();
    this.#timer = null;
    return this;
  }

  ref(): this {
    this.#isReferenced = true;
    return this;
  }

  unref(): this {
    this.#isReferenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.#isReferenced;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run(): void {
    this.#timer = null;
    if (this.#repeats) this.refresh();
    this.#fire();
  }
}

/** The timers of a world: the functions of the global scope, with Node's arguments. */
export class VirtualTimers {
  readonly #clock: TimerClock;
  /** By the number that a timer converts to. */
  readonly #timers = new Map<number, VirtualTimer>();
  #ids = 0;

  constructor(clock: TimerClock) {
    this.#clock = clock;
  }

  readonly setTimeout = (call: Call, ms?: number, ...args: readonly unknown[]): VirtualTimer =>
    this.#set(call, delayOf(ms), false, args);

  readonly setInterval = (call: Call, ms?: number, ...args: readonly unknown[]): VirtualTimer =>
    this.#set(call, delayOf(ms), true, args);

  readonly setImmediate = (call: Call, ...args: readonly unknown[]): VirtualTimer => this.#set(call, 0, false, args);

  /** Also of intervals and immediates. */
  readonly clear = (timer: unknown): void => {
    const found = timer instanceof VirtualTimer ? timer : this.#timers.get(Number(timer));
    if (found === undefined) return;
    this.#timers.delete(found.id);
    found.close();
  };

  readonly sleep = <T>(ms?: number, value?: T, options: { readonly signal?: AbortSignal } = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const aborted = () => {
        this.clear(timer);
        reject(signal?.reason);
      };
      const timer = this.setTimeout(() => {
        signal?.removeEventListener("abort", aborted);
        resolve(value as T);
      }, ms);
      signal?.addEventListener("abort", aborted, { once: true });
    });

  #set(call: Call, delay: number, repeats: boolean, args: readonly unknown[]): VirtualTimer {
    if (typeof call !== "function") throw new TypeError("The callback of a timer must be a function");
    const id = ++this.#ids;
    const place = places.getStore();
    const fire = () => {
      if (!repeats) this.#timers.delete(id);
      if (place === undefined) call(...args);
      else if (place.isAlive) places.run(place, () => call(...args));
      // The host has crashed, and its program with it: an interval must not go on for ever.
      else this.clear(timer);
    };
    const timer = new VirtualTimer(id, this.#clock, fire, delay, repeats);
    this.#timers.set(id, timer);
    return timer;
  }
}

/** In µs: whole milliseconds, at least one, as Node.js. */
function delayOf(ms: number | undefined): number {
  const whole = Math.trunc(Number(ms));
  return (whole >= 1 && whole <= DELAY_MAX ? whole : 1) * MS;
}
