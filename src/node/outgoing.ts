import type { Socket as Connection } from "#socket/types";
import { systemError } from "./errors.ts";

/** What the stream has handed over to be written, and the stack has not yet taken. */
export class Outgoing {
  /** Octets of the calls that are over. */
  done = 0;
  #chunks: readonly Uint8Array[] = [];
  #chunk = 0;
  /** Octets of that chunk that are taken. */
  #from = 0;
  #call: ((error?: Error | null) => void) | null = null;

  /** Begins to write; `done` is called once the stack has taken everything. */
  begin(connection: Connection, chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    this.#chunks = chunks;
    this.#chunk = 0;
    this.#from = 0;
    this.#call = done;
    this.go(connection);
  }

  /** Writes as much as there is room for. */
  go(connection: Connection): void {
    const call = this.#call;
    if (call === null) return;
    try {
      while (this.#chunk < this.#chunks.length) {
        if (!this.#write(connection, this.#chunks[this.#chunk]!)) return;
        this.#chunk++;
        this.#from = 0;
      }
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? "EPIPE";
      this.#finish(call, systemError(code, "write", { cause }));
      return;
    }
    this.#finish(call);
  }

  /** Ends the write that waits for room: its connection takes nothing more. */
  cancel(): void {
    if (this.#call !== null) this.#finish(this.#call, systemError("ECANCELED", "write"));
  }

  /** Writes the rest of a chunk; false if there was no room for all of it. */
  #write(connection: Connection, bytes: Uint8Array): boolean {
    const left = bytes.length - this.#from;
    const isLast = this.#chunk === this.#chunks.length - 1;
    const taken = isLast
      ? connection.write(bytes, this.#from, left)
      : connection.write(bytes, this.#from, left, { more: true });
    this.#from += taken;
    return taken === left;
  }

  #finish(call: (error?: Error | null) => void, error?: Error): void {
    for (const chunk of this.#chunks) this.done += chunk.length;
    this.#chunks = [];
    this.#call = null;
    call(error);
  }
}
