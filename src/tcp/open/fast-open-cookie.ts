/**
 * The cookies of a server (RFC 7413 §4.1.2), which prove that a client was reachable at its address before. SipHash-2-4 of the client's and
 * the server's address, 8 octets, as in Linux, so that hosts with a common key accept each other's cookies.
 */
import { SipHash24 } from "#base/siphash24";
import type { Address } from "#ip/address";

/** Octets of a key, and of the cookies made with it. */
export const KEY = 16;
export const COOKIE = 8;

// Results of `check`.
export const WRONG = 0;
export const RIGHT = 1;
/** Valid with the backup key: the client should get a new cookie. */
export const OLD = 2;

/**
 * The key that cookies are made with, and the previous key, whose cookies stay valid for a while: RFC 7413 §4.1.2 tells servers to change
 * their key periodically.
 */
export class CookieKeys {
  /** The result of `make`. */
  readonly cookie = new Uint8Array(COOKIE);
  readonly #primary: SipHash24;
  readonly #backup: SipHash24 | null;

  /** @param primary 16 octets, as is `backup` */
  constructor(primary: Uint8Array, backup: Uint8Array | null = null) {
    this.#primary = hashOf(primary);
    this.#backup = backup === null ? null : hashOf(backup);
  }

  /** Computes the cookie of a client at `remote` for our address `local`. */
  make(remote: Address, local: Address): void {
    this.#make(this.#primary, remote, local);
  }

  /** Whether the first `n` octets of `cookie` are the cookie of that client. */
  check(remote: Address, local: Address, cookie: Uint8Array, n: number): number {
    if (n !== COOKIE) return WRONG;
    this.make(remote, local);
    if (this.#isMade(cookie)) return RIGHT;
    if (this.#backup === null) return WRONG;
    this.#make(this.#backup, remote, local);
    return this.#isMade(cookie) ? OLD : WRONG;
  }

  #make(hash: SipHash24, remote: Address, local: Address): void {
    hash.begin();
    if (remote.family === 4) hash.block(swap(remote.d), swap(local.d));
    else {
      hash.block(swap(remote.a), swap(remote.b)).block(swap(remote.c), swap(remote.d));
      hash.block(swap(local.a), swap(local.b)).block(swap(local.c), swap(local.d));
    }
    hash.end();
    const { cookie } = this;
    for (let i = 0; i < 4; i++) {
      cookie[i] = hash.low >>> (8 * i);
      cookie[4 + i] = hash.high >>> (8 * i);
    }
  }

  /** Compares in constant time. */
  #isMade(cookie: Uint8Array): boolean {
    let differences = 0;
    for (let i = 0; i < COOKIE; i++) differences |= this.cookie[i]! ^ cookie[i]!;
    return differences === 0;
  }
}

function hashOf(key: Uint8Array): SipHash24 {
  const word = (i: number) => key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24);
  return new SipHash24(word(0), word(4), word(8), word(12));
}

/** Converts a word from network order to SipHash's order. */
function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
