import { readFileSync } from "node:fs";
import { ETIMEDOUT } from "./errno.ts";
import { closing, type Prepared, WAITING } from "./sockets.ts";
import { SystemError } from "./system-error.ts";

/**
 * A thread that makes one system call at a time, so that the thread that needs its result is not blocked. The two threads share memory:
 * one word says whose turn it is, others which call to make and its result, and the rest holds the call's arguments.
 */

/** Indices of words in the shared memory. */
export const TURN = 0;
export const CALL = 1;
export const ANSWER = 2;
export const COUNT = 3;
/** The thread's id, and whether it is about to make the call. */
export const THREAD_ID = 4;
export const CALLING = 5;
const WORDS = 6;
/** The byte offset of the arguments: addresses do not fit into 32-bit words. */
export const ARGUMENTS = 4 * WORDS;
const ARGUMENTS_MAX = 6;
/** Values of the word TURN. */
export const STARTING = 0;
export const ASKER = 1;
export const THREAD = 2;

const START_MS = 20_000;
/** How often to look at the thread, which may not run for a while on a busy machine. */
const LOOKS_MAX = 2_000;
const LOOK_MS = 0.2;
/** No descriptor. */
const NOBODY = -1;
/** The thread's code: in the compiled file, or beside this file when running from source. */
const CODE = import.meta.path.startsWith("/$bunfs/")
  ? "/$bunfs/root/ffi/call-thread-worker.js"
  : new URL("./call-thread-worker.ts", import.meta.url).href;

export class CallThread {
  readonly #memory = new SharedArrayBuffer(ARGUMENTS + 8 * ARGUMENTS_MAX);
  readonly #words = new Int32Array(this.#memory, 0, WORDS);
  readonly #arguments = new Float64Array(this.#memory, ARGUMENTS);
  readonly #worker: Worker;
  #busy = false;

  /** Throws SystemError if the thread does not start. */
  constructor() {
    this.#worker = new Worker(CODE);
    this.#worker.postMessage(this.#memory);
    Atomics.wait(this.#words, TURN, STARTING, START_MS);
    if (Atomics.load(this.#words, TURN) === STARTING)
      throw new SystemError({ call: "clone", target: "a thread for blocking calls", errno: ETIMEDOUT });
    this.#warmUp();
  }

  /** Makes one call in advance, because the first one is slow. */
  #warmUp(): void {
    this.begin(closing(NOBODY));
    for (let looks = 0; looks < LOOKS_MAX && this.answer() === undefined; looks++)
      Atomics.wait(this.#words, TURN, THREAD, LOOK_MS);
  }

  /** Begins a call. Only one at a time. */
  begin({ name, args }: Prepared<unknown>): void {
    if (this.#busy) throw new Error(`${name} begins while another call is under way`);
    this.#busy = true;
    this.#words[CALL] = Object.keys(WAITING).indexOf(name);
    this.#words[COUNT] = args.length;
    this.#words[CALLING] = 0;
    this.#arguments.set(args);
    Atomics.store(this.#words, TURN, THREAD);
    Atomics.notify(this.#words, TURN);
    this.#awaitSleep();
  }

  /** Returns when the call is over or the thread sleeps in the kernel, so that whatever follows happens while the call is blocked. */
  #awaitSleep(): void {
    for (let looks = 0; looks < LOOKS_MAX && Atomics.load(this.#words, TURN) === THREAD; looks++) {
      if (Atomics.load(this.#words, CALLING) === 1 && this.#sleeps()) return;
      Atomics.wait(this.#words, TURN, THREAD, LOOK_MS);
    }
  }

  /** The state is the third field of the thread's stat, after its name in parentheses. */
  #sleeps(): boolean {
    const stat = readFileSync(`/proc/self/task/${this.#words[THREAD_ID]}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("S");
  }

  /** The call's result, or undefined while it still waits. */
  answer(): number | undefined {
    if (Atomics.load(this.#words, TURN) === THREAD) return undefined;
    this.#busy = false;
    return this.#words[ANSWER]!;
  }

  /** Ends the thread when its call returns; the end of the process ends it too. */
  end(): void {
    this.#worker.unref();
    this.#worker.terminate();
  }
}
