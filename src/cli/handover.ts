/** What this program hands on to itself when it executes itself again: open descriptors by name, and words. */
import { closeOnExec } from "#ffi/exec";

/** Set for the second life of the program. Whoever else sets it can only name descriptors that he opened himself. */
export const HANDOVER = "TCPNET_HANDOVER";

/** The word that names the user whom the program runs as since it gave root up. */
export const RUNS_AS = "user";

interface Table {
  readonly words: Readonly<Record<string, string>>;
  readonly descriptors: readonly (readonly [string, number])[];
}

const NOTHING: Table = { words: {}, descriptors: [] };

export class Handover {
  /** Whether this is the second life. */
  readonly isReceived: boolean;
  /** Whether there will be a second life: only then is anything kept for it. */
  isPending = false;
  readonly #received: [string, number][];
  readonly #words: Record<string, string>;
  readonly #kept: [string, number][] = [];

  constructor(text: string | undefined) {
    const table = text === undefined ? null : read(text);
    const { words, descriptors } = table ?? NOTHING;
    this.isReceived = table !== null;
    this.#received = descriptors.map(([name, fd]) => [name, fd]);
    this.#words = { ...words };
    for (const [, fd] of descriptors) closeOnExec(fd, true);
  }

  /** The descriptor that the first life kept under that name; undefined if there is none (any more). */
  take(name: string): number | undefined {
    const i = this.#received.findIndex(([each]) => each === name);
    return i < 0 ? undefined : this.#received.splice(i, 1)[0]![1];
  }

  /** Keeps a descriptor for the second life. Several may have one name: they are taken in the order in which they were kept. */
  keep(name: string, fd: number): void {
    if (this.isPending) this.#kept.push([name, fd]);
  }

  word(name: string): string | undefined {
    return this.#words[name];
  }

  say(name: string, word: string): void {
    this.#words[name] = word;
  }

  /** The table for the environment of the second life; the descriptors stay open from now on. */
  handOver(): string {
    for (const [, fd] of this.#kept) closeOnExec(fd, false);
    return JSON.stringify({ words: this.#words, descriptors: this.#kept } satisfies Table);
  }
}

/** Null for what is no table of ours. */
function read(text: string): Table | null {
  try {
    const { words, descriptors } = JSON.parse(text) as Table;
    const named = descriptors.every(([name, fd]) => typeof name === "string" && Number.isInteger(fd) && fd >= 0);
    const spoken = Object.values(words).every((word) => typeof word === "string");
    return named && spoken ? { words, descriptors } : null;
  } catch {
    return null;
  }
}

export const handover: Handover = new Handover(process.env[HANDOVER]);
// It is for this program, not for those that it starts.
delete process.env[HANDOVER];
