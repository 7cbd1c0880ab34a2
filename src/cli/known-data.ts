/** Pseudo-random data that both sides can compute: one sends it, the other compares, and nothing is stored. */
import { type Cipheriv, createCipheriv } from "node:crypto";
import { CliError } from "./cli-error.ts";
import type { Role } from "./endpoint.ts";
import { EXIT_FAILURE } from "./exit-codes.ts";
import type { Sink, Source } from "./pump.ts";

/** Octets computed at once. */
const BLOCK = 256 * 1024;
const ZEROS = new Uint8Array(BLOCK);

/** The key stream of AES-128 in counter mode: 2 GB/s, without repetitions. */
class KeyStream {
  readonly #cipher: Cipheriv;

  /** @param from the sender. The two directions differ, so that an echo is not taken for the other side's data */
  constructor(from: Role) {
    this.#cipher = createCipheriv("aes-128-ctr", `tcpnet from ${from}`, new Uint8Array(16));
  }

  /** The next `n` octets, at most `BLOCK`. */
  next(n: number): Uint8Array {
    return this.#cipher.update(ZEROS.subarray(0, n));
  }
}

/** `total` octets of one side's data. */
export class KnownSource implements Source {
  readonly #stream: KeyStream;
  #left: number;

  constructor(from: Role, total: number) {
    this.#stream = new KeyStream(from);
    this.#left = total;
  }

  read(into: Uint8Array): number {
    const n = Math.min(into.length, this.#left, BLOCK);
    this.#left -= n;
    into.set(this.#stream.next(n));
    return n;
  }
}

/**
 * Compares the other side's data, and fails at the first wrong octet; at the end, if octets are missing or surplus. As much again as was expected is taken
 * first, so that the other side is not reset before it sees that our data is less than it expects.
 */
export class KnownSink implements Sink {
  readonly #stream: KeyStream;
  readonly #total: number;
  /** The other side has closed its direction. */
  hasEnded = false;
  #taken = 0;

  constructor(from: Role, total: number) {
    this.#stream = new KeyStream(from);
    this.#total = total;
  }

  /** Throws CliError. */
  write(from: Uint8Array, n: number): void {
    for (let at = 0; at < n; ) {
      const expected = this.#stream.next(Math.min(BLOCK, n - at));
      const came = from.subarray(at, at + expected.length);
      if (!Buffer.from(came.buffer, came.byteOffset, came.length).equals(expected)) {
        const first = came.findIndex((octet, i) => octet !== expected[i]);
        throw this.#failure(`byte ${this.#taken + at + first} received differs from the one that was sent`);
      }
      at += expected.length;
    }
    this.#taken += n;
    if (this.#taken > 2 * this.#total) throw this.#surplus();
  }

  /** Throws CliError. */
  end(): void {
    this.hasEnded = true;
    if (this.#taken > this.#total) throw this.#surplus();
    if (this.#taken < this.#total) throw this.#failure(`${this.#taken} of ${this.#total} bytes came`);
  }

  #surplus(): CliError {
    return this.#failure(`more than ${this.#total} bytes came`);
  }

  #failure(what: string): CliError {
    return new CliError(
      EXIT_FAILURE,
      what,
      "",
      "both sides need --verify with the same size, one as host and one as peer",
    );
  }
}
