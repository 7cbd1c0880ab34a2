/** Replaces time and randomness of the program while a world runs. */
import type { Prng } from "#base/prng";
import type { HostClock } from "./clock.ts";
import { type TimerClock, VirtualTimers } from "./timers.ts";

/** What the program's clock and random numbers are taken from. */
export interface Source extends TimerClock {
  /** The clock where the code runs. */
  clock(): HostClock;
  /** What the time of day is when a clock shows 0, ms since 1970. */
  readonly epoch: number;
  /** The random numbers where the code runs. */
  prng(): Prng;
  /** Something was thrown that nobody catches. */
  uncaught(error: unknown): void;
}

export type Bag = Record<PropertyKey, unknown>;

/** A property that was replaced, and what it was. */
class Patches {
  readonly #undo: (() => void)[] = [];

  set(target: object, key: PropertyKey, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, key);
    if (before?.configurable === false && before.writable !== true) return;
    if (before?.configurable === false) (target as Bag)[key] = value;
    else Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: true });
    this.#undo.push(() => {
      if (before === undefined) delete (target as Bag)[key];
      else Object.defineProperty(target, key, before);
    });
  }

  undo(): void {
    for (const each of this.#undo.reverse()) each();
    this.#undo.length = 0;
  }
}

/** A builtin module as `require` gives it; undefined where there is none. */
export function builtin(name: string): Bag | undefined {
  return (process as unknown as { getBuiltinModule?: (name: string) => Bag | undefined }).getBuiltinModule?.(name);
}

/** Brings `import { setTimeout } from "node:timers"` in step with the module object. Only Node.js has it. */
export function syncImports(): void {
  (builtin("node:module") as { syncBuiltinESMExports?: () => void } | undefined)?.syncBuiltinESMExports?.();
}

/** What `util.promisify` returns of a function that has it. */
export const PROMISIFY = Symbol.for("nodejs.util.promisify.custom");

let installed = false;

/** Whether a world runs. */
export const isInstalled = () => installed;

/** Installs them; the result puts everything back. */
export function installGlobals(source: Source): () => void {
  installed = true;
  const patches = new Patches();
  const timers = new VirtualTimers(source);
  const setTimeout = Object.assign((...args: Parameters<typeof timers.setTimeout>) => timers.setTimeout(...args), {
    [PROMISIFY]: timers.sleep,
  });
  const setImmediate = Object.assign(
    (...args: Parameters<typeof timers.setImmediate>) => timers.setImmediate(...args),
    {
      [PROMISIFY]: <T>(value?: T) => new Promise((resolve) => timers.setImmediate(() => resolve(value))),
    },
  );
  const { setInterval } = timers;
  // A timer from before the world is a real one.
  const clearing = (was: (timer: never) => void) => (timer: unknown) => {
    if (!timers.clear(timer)) was(timer as never);
  };
  const functions = {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout: clearing(globalThis.clearTimeout),
    clearInterval: clearing(globalThis.clearInterval),
    clearImmediate: clearing(globalThis.clearImmediate),
  };
  for (const target of [globalThis, builtin("node:timers")]) {
    if (target !== undefined) for (const [name, value] of Object.entries(functions)) patches.set(target, name, value);
  }
  const promises = builtin("node:timers/promises");
  if (promises !== undefined) {
    patches.set(promises, "setTimeout", timers.sleep);
    patches.set(promises, "setImmediate", setImmediate[PROMISIFY]);
    patches.set(promises, "setInterval", (...args: Parameters<typeof timers.ticks>) => timers.ticks(...args));
    const { scheduler } = promises as { scheduler?: object };
    if (scheduler !== undefined) {
      patches.set(scheduler, "wait", (ms: number, options?: object) => timers.sleep(ms, undefined, options));
      patches.set(scheduler, "yield", () => setImmediate[PROMISIFY]());
    }
  }
  const { Bun: bun } = globalThis as { Bun?: object };
  if (bun !== undefined) patches.set(bun, "sleep", (ms: number) => timers.sleep(ms));
  patches.set(globalThis, "Date", virtualDate(source));
  clocks(patches, source);
  randomness(patches, source);
  patches.set(AbortSignal, "timeout", (ms: number) => {
    const controller = new AbortController();
    timers.setTimeout(() => controller.abort(new DOMException("The operation timed out.", "TimeoutError")), ms);
    return controller.signal;
  });
  uncaught(patches, source);
  syncImports();
  return () => {
    installed = false;
    patches.undo();
    syncImports();
  };
}

/** What would end the program fails the run, also in a test runner that lets no listener of `uncaughtException` know. */
function uncaught(patches: Patches, source: Source): void {
  const caught =
    (call: (...args: unknown[]) => void) =>
    (...args: unknown[]) => {
      try {
        call(...args);
      } catch (error) {
        source.uncaught(error);
      }
    };
  const { nextTick } = process;
  const { queueMicrotask } = globalThis;
  patches.set(globalThis, "queueMicrotask", (call: () => void) => queueMicrotask(caught(call)));
  patches.set(process, "nextTick", (call: () => void, ...args: []) => nextTick(caught(call), ...args));
  const events = builtin("node:events");
  if (events === undefined) return;
  const { prototype } = events as unknown as typeof import("node:events");
  const { emit } = prototype;
  patches.set(prototype, "emit", function (this: typeof prototype, ...args: Parameters<typeof emit>) {
    const isUnheard = args[0] === "error" && this.listenerCount("error") === 0;
    if (!isUnheard) return Reflect.apply(emit, this, args);
    source.uncaught(args[1]);
    return false;
  });
}

function virtualDate(source: Source): DateConstructor {
  const now = () => {
    const clock = source.clock();
    return Math.floor(source.epoch + clock.now / 1_000 + clock.skew);
  };
  const virtual: DateConstructor = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget === virtual ? target : newTarget),
    apply: (target) => new target(now()).toString(),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
  return virtual;
}

/** Monotonic clocks: they have a host's drift, and know nothing of its skew. */
function clocks(patches: Patches, source: Source): void {
  patches.set(performance, "now", () => source.clock().now / 1_000);
  const hrtime = (before: readonly [number, number] = [0, 0]): [number, number] => {
    const ns = source.clock().now * 1_000 - before[0] * 1e9 - before[1];
    return [Math.floor(ns / 1e9), ns % 1e9];
  };
  patches.set(process, "hrtime", Object.assign(hrtime, { bigint: () => BigInt(source.clock().now) * 1_000n }));
  patches.set(process, "uptime", () => source.clock().now / 1e6);
}

function randomness(patches: Patches, source: Source): void {
  const fill = <T extends ArrayBufferView>(array: T): T => {
    const prng = source.prng();
    const octets = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < octets.length; i++) octets[i] = prng.int32() & 0xff;
    return array;
  };
  const randomUUID = () => {
    const octets = fill(new Uint8Array(16));
    octets[6] = (octets[6]! & 0x0f) | 0x40;
    octets[8] = (octets[8]! & 0x3f) | 0x80;
    const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
  patches.set(Math, "random", () => source.prng().unit());
  patches.set(crypto, "getRandomValues", fill);
  patches.set(crypto, "randomUUID", randomUUID);
  const module = builtin("node:crypto");
  if (module === undefined) return;
  const randomBytes = (n: number, done?: (error: null, octets: Buffer) => void) => {
    const octets = fill(Buffer.alloc(n));
    if (done === undefined) return octets;
    process.nextTick(done, null, octets);
    return undefined;
  };
  // Offset and size count elements, as the array does.
  const randomFillSync = (buffer: ArrayBufferView | ArrayBuffer, offset = 0, size?: number) => {
    const array = ArrayBuffer.isView(buffer) ? buffer : new Uint8Array(buffer);
    const { BYTES_PER_ELEMENT: each = 1 } = array as { readonly BYTES_PER_ELEMENT?: number };
    const octets = size === undefined ? array.byteLength - offset * each : size * each;
    fill(new Uint8Array(array.buffer, array.byteOffset + offset * each, octets));
    return buffer;
  };
  const randomFill = (buffer: ArrayBufferView | ArrayBuffer, ...args: unknown[]) => {
    const done = args.pop() as (error: null, buffer: unknown) => void;
    process.nextTick(done, null, randomFillSync(buffer, ...(args as number[])));
  };
  const randomInt = (...args: (number | ((error: null, n: number) => void))[]) => {
    const done = typeof args.at(-1) === "function" ? (args.pop() as (error: null, n: number) => void) : null;
    const [a, b] = args as number[];
    const [low, high] = b === undefined ? [0, a!] : [a!, b];
    const n = low + Math.floor(source.prng().unit() * (high - low));
    if (done === null) return n;
    process.nextTick(done, null, n);
    return undefined;
  };
  for (const [name, value] of Object.entries({ randomUUID, randomBytes, randomFill, randomFillSync, randomInt }))
    patches.set(module, name, value);
}
