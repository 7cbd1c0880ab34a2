/**
 * The cookies of a server (RFC 7413 §4.1.2): what proves that a client was reached at its address before. SipHash-2-4 of the
 * client's and the server's address, 8 octets, as Linux makes them, so that hosts that share a key serve one another's clients.
 */
import { SipHash24 } from "#base/siphash24";
import type { Address } from "#ip/address";

/** Octets of a key, and of the cookies made with it. */
export const KEY = 16;
export const COOKIE = 8;

// What `check` finds.
export const WRONG = 0;
export const RIGHT = 1;
/** Right by the backup key: the client should be given a new one. */
export const OLD = 2;

/**
 * The key under which cookies are made, and the one before it, which stays good for a while: RFC 7413 §4.1.2 has servers change
 * their key now and then.
 */
export class CookieKeys {
  /** What `make` made. */
  readonly cookie = new Uint8Array(COOKIE);
  readonly #primary: SipHash24;
  readonly #backup: SipHash24 | null;

  /** @param primary 16 octets; so has `backup`. */
  constructor(primary: Uint8Array, backup: Uint8Array | null = null) {
    this.#primary = hashOf(primary);
    this.#backup = backup === null ? null : hashOf(backup);
  }

  /** Makes the cookie of a client at `remote` for our address `local`. */
  make(remote: Address, local: Address): void {
    this.#make(this.#primary, remote, local);
  }

  /** Whether the first `n` octets of `cookie` are what we gave that client. */
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

  /** In a time that tells nothing of where they differ. */
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

/** A word in network order as SipHash reads its octets. */
function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
