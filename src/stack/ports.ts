import type { SipHash } from "#base/siphash";
import type { Address } from "#ip/address";
import { EPHEMERAL_FIRST, EPHEMERAL_LAST } from "./limits.ts";

const RANGE = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;

/**
 * RFC 6056 §3.3.3 (algorithm 3): ephemeral ports that follow one another for one destination, as TIME-WAIT likes, and
 * cannot be guessed from another destination's.
 */
export class Ports {
  readonly #hash: SipHash;
  #next = 0;

  constructor(hash: SipHash) {
    this.#hash = hash;
  }

  /** A port for which `free` says yes, or -1 if there is none. */
  choose(local: Address, remote: Address, remotePort: number, free: (port: number) => boolean): number {
    const h = this.#hash.begin().word(0x6056).word(local.d).word(local.c).word(local.b).word(local.a);
    const offset = h.word(remote.d).word(remote.c).word(remote.b).word(remote.a).word(remotePort).end() >>> 0;
    for (let i = 0; i < RANGE; i++) {
      const port = EPHEMERAL_FIRST + ((offset + this.#next++) % RANGE);
      if (free(port)) return port;
    }
    return -1;
  }
}
