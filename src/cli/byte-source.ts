import { closeSync, readSync } from "node:fs";
import { fileError } from "./cli-error.ts";
import { openToRead } from "./named-files.ts";

/** Octets per read. */
const CHUNK = 1 << 20;
const STDIN = 0;
const NOTHING = new Uint8Array();

/** A file of the command line, or standard input, read in order. */
export class ByteSource {
  readonly #path: string;
  readonly #fd: number;
  #waiting: Uint8Array = NOTHING;

  /** @param path "-": standard input. Throws CliError */
  constructor(path: string) {
    this.#path = path;
    this.#fd = path === "-" ? STDIN : openToRead(path);
  }

  /** The octets that come next, without taking them; none at the end. Throws CliError. */
  peek(): Uint8Array {
    if (this.#waiting.length === 0) this.#waiting = this.#read();
    return this.#waiting;
  }

  /** The next octets, as many as there are at once; none at the end. Throws CliError. */
  chunk(): Uint8Array {
    const chunk = this.peek();
    this.#waiting = NOTHING;
    return chunk;
  }

  /** Exactly `n` octets, or fewer at the end. Throws CliError. */
  exactly(n: number): Uint8Array {
    const out = new Uint8Array(n);
    let have = 0;
    while (have < n) {
      const part = this.peek().subarray(0, n - have);
      if (part.length === 0) return out.subarray(0, have);
      out.set(part, have);
      have += part.length;
      this.#waiting = this.#waiting.subarray(part.length);
    }
    return out;
  }

  close(): void {
    if (this.#fd !== STDIN) closeSync(this.#fd);
  }

  #read(): Uint8Array {
    const buffer = new Uint8Array(CHUNK);
    try {
      return buffer.subarray(0, readSync(this.#fd, buffer));
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      if (code === "EOF") return NOTHING;
      throw fileError(this.#path, code, message, "read");
    }
  }
}
