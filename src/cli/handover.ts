/** Passes open descriptors and texts, by name, to the program when it executes itself again. */
import { closeOnExec } from "#ffi/exec";

/** Set for the second life of the program. If anybody else sets it, it can only name descriptors that they opened themselves. */
export const HANDOVER = "TCPNET_HANDOVER";

/** The name of the text with the user that the program runs as after giving up root. */
export const RUNS_AS = "user";

interface Table {
  readonly words: Readonly<Record<string, string>>;
  readonly descriptors: readonly (readonly [string, number])[];
}

const NOTHING: Table = { words: {}, descriptors: [] };

export class Handover {
  /** Whether this is the second life. */
  readonly isReceived: boolean;
  /** Whether there will be a second life. Only then is anything kept. */
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

  /** Takes the descriptor that the first life kept under that name; undefined if there is none left. */
  take(name: string): number | undefined {
    const i = this.#received.findIndex(([each]) => each === name);
    return i < 0 ? undefined : this.#received.splice(i, 1)[0]![1];
  }

  /** Keeps a descriptor for the second life. Several with the same name are taken in the order in which they were kept. */
  keep(name: string, fd: number): void {
    if (this.isPending) this.#kept.push([name, fd]);
  }

  word(name: string): string | undefined {
    return this.#words[name];
  }

  say(name: string, word: string): void {
    this.#words[name] = word;
  }

  /** The table for the environment of the second life. Makes the descriptors inheritable. */
  handOver(): string {
    for (const [, fd] of this.#kept) closeOnExec(fd, false);
    return JSON.stringify({ words: this.#words, descriptors: this.#kept } satisfies Table);
  }
}

/** Parses the table; null if it is invalid. */
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
// The table is for this program only, not for those that it starts.
delete process.env[HANDOVER];
