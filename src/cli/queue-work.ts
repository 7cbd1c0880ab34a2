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

  constructor(queues: number, memory = new SharedArrayBuffer(8 * queues)) {
    this.memory = memory;
    this.#active = new Int32Array(memory, 0, queues);
    this.#served = new Int32Array(memory, 4 * queues, queues);
  }

  set(queue: number, active: number, served: number): void {
    this.#active[queue] = active;
    this.#served[queue] = served;
  }

  get active(): number {
    return this.#active.reduce((sum, n) => sum + n, 0);
  }

  get served(): number {
    return this.#served.reduce((sum, n) => sum + n, 0);
  }
}
