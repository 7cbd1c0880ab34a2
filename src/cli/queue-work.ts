/** What the first thread and those of the queues tell each other (queue-session.ts, queue-worker.ts). */
import type { Role } from "./endpoint.ts";

/** What each thread is given. */
export interface QueueWork {
  readonly role: Role;
  /** The command line, from which each thread makes the same options. */
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
  /** When the command began, ms since 1970. */
  readonly began: number;
  /** Of the capture and of the events, by queue. */
  readonly write: readonly QueueFile[];
  readonly events: readonly QueueFile[];
  readonly tally: SharedArrayBuffer;
}

/** A file that is open. */
export interface QueueFile {
  readonly path: string;
  readonly fd: number;
}

/** To a thread. */
export type QueueOrder =
  | { readonly order: "close" | "figures" | "reopen" }
  | { readonly order: "abort"; readonly code: number };

/** From a thread: lines to print, or its end, after which it has no connections. */
export type QueueNews =
  | { readonly say: string }
  | { readonly served: number; readonly failed: number }
  | { readonly isComplete: boolean };

/** "x.pcapng" is "x.0.pcapng" for queue 0. */
export function pathOfQueue(path: string, queue: number): string {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") + 1 ? `${path.slice(0, dot)}.${queue}${path.slice(dot)}` : `${path}.${queue}`;
}

/** How many connections each thread has and has had; each writes its own words. */
export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #active: Int32Array;
  readonly #served: Int32Array;
  /** How many had been served when it was last told that nobody is connected. */
  readonly #told: Int32Array;

  constructor(queues: number, memory = new SharedArrayBuffer(8 * queues + 4)) {
    this.memory = memory;
    this.#active = new Int32Array(memory, 0, queues);
    this.#served = new Int32Array(memory, 4 * queues, queues);
    this.#told = new Int32Array(memory, 8 * queues, 1);
  }

  /** Atomic, so that of two threads whose last connections end at the same time one sees that nobody is connected. */
  set(queue: number, active: number, served: number): void {
    Atomics.store(this.#served, queue, served);
    Atomics.store(this.#active, queue, active);
  }

  get active(): number {
    return sumOf(this.#active);
  }

  get served(): number {
    return sumOf(this.#served);
  }

  /** Whether it is for this thread to tell that nobody is connected: after as many connections it is told once. */
  isFirstToTell(served: number): boolean {
    return Atomics.exchange(this.#told, 0, served) !== served;
  }
}

function sumOf(counts: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += Atomics.load(counts, i);
  return sum;
}
