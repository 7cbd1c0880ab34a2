/** `setTimeout` and its family in virtual time. */
import type { SimTimer } from "../sim/timers.ts";
import type { ClockTimer, HostClock } from "./clock.ts";
import { places } from "./place.ts";

const MS = 1_000;
/** Node.js: longer and invalid delays are 1 ms. */
const DELAY_MAX = 2 ** 31 - 1;

type Call = (...args: readonly unknown[]) => void;

/** What timers need of a simulation. */
export interface TimerClock {
  /** Calls at a true virtual time, µs. */
  at(time: number, call: () => void): SimTimer;
  /** The clock of the host where the code runs. */
  clock(): HostClock;
}

/** What `setTimeout`, `setInterval` and `setImmediate` return. It keeps nothing alive: a world ends when its `run` does. */
export class VirtualTimer implements ClockTimer {
  readonly id: number;
  readonly #source: TimerClock;
  readonly #clock: HostClock;
  readonly #fire: () => void;
  readonly #delay: number;
  readonly #repeats: boolean;
  /** When it is due, by its host's clock. */
  #due = 0;
  #timer: SimTimer | null = null;
  #isReferenced = true;

  /** @param delay µs of the host's clock */
  constructor(id: number, source: TimerClock, fire: () => void, delay: number, repeats: boolean) {
    this.id = id;
    this.#source = source;
    this.#clock = source.clock();
    this.#fire = fire;
    this.#delay = delay;
    this.#repeats = repeats;
    this.refresh();
  }

  refresh(): this {
    this.#due = this.#clock.now + this.#delay;
    this.rearm();
    return this;
  }

  rearm(): void {
    this.close();
    this.#clock.timers.add(this);
    this.#timer = this.#source.at(this.#clock.trueTime(this.#due), () => this.#run());
  }

  close(): this {
    this.#timer?.cancel();
    this.#timer = null;
    this.#clock.timers.delete(this);
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
    this.close();
    if (this.#repeats) {
      // From when it was due: what the true time was rounded by does not add up.
      this.#due += this.#delay;
      this.rearm();
    }
    this.#fire();
  }
}

/** The timers of a world: the functions of the global scope, with Node's arguments. */
export class VirtualTimers {
  readonly #source: TimerClock;
  /** By the number that a timer converts to. */
  readonly #timers = new Map<number, VirtualTimer>();
  #ids = 0;

  constructor(source: TimerClock) {
    this.#source = source;
  }

  readonly setTimeout = (call: Call, ms?: number, ...args: readonly unknown[]): VirtualTimer =>
    this.#set(call, delayOf(ms), false, args);

  readonly setInterval = (call: Call, ms?: number, ...args: readonly unknown[]): VirtualTimer =>
    this.#set(call, delayOf(ms), true, args);

  readonly setImmediate = (call: Call, ...args: readonly unknown[]): VirtualTimer => this.#set(call, 0, false, args);

  /** Also of intervals and immediates. False: it is none of ours, but one that was set before the world ran. */
  readonly clear = (timer: unknown): boolean => {
    const isNumber = typeof timer === "number" || typeof timer === "string";
    const found = timer instanceof VirtualTimer ? timer : isNumber ? this.#timers.get(Number(timer)) : undefined;
    if (found === undefined) return timer instanceof VirtualTimer;
    this.#timers.delete(found.id);
    found.close();
    return true;
  };

  /** `setInterval` of `node:timers/promises`: a value for each time that it was due, also if they are taken later. */
  async *ticks<T>(ms?: number, value?: T, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<T> {
    const { signal } = options;
    let due = 0;
    let wake = () => {};
    const timer = this.setInterval(() => {
      due++;
      wake();
    }, ms);
    const aborted = () => wake();
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (due === 0) await new Promise<void>((resolve) => (wake = resolve));
        else {
          due--;
          yield value as T;
        }
      }
    } finally {
      this.clear(timer);
      signal?.removeEventListener("abort", aborted);
    }
  }

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
    const timer = new VirtualTimer(id, this.#source, fire, delay, repeats);
    this.#timers.set(id, timer);
    return timer;
  }
}

/** In µs: whole milliseconds, at least one, as Node.js. */
function delayOf(ms: number | undefined): number {
  const whole = Math.trunc(Number(ms));
  return (whole >= 1 && whole <= DELAY_MAX ? whole : 1) * MS;
}
