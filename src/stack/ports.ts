import type { Prng } from "#base/prng";
import type { SipHash } from "#base/siphash";
import type { Address } from "#ip/address";
import { EPHEMERAL_FIRST, EPHEMERAL_LAST } from "./limits.ts";

const RANGE = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
/** Counters: destinations share one only by chance, and nobody outside knows which of them do. */
const COUNTERS = 4_096;
/** A counter moves on by 1 to so many: what one destination sees of its own ports does not tell how many others were opened. */
const STEP_MAX = 8;

/**
 * Ephemeral ports by double hash (RFC 6056 §3.3.4): those for one destination go round the range, as TIME-WAIT likes, from a place
 * that cannot be guessed, and at a pace that has nothing to do with other destinations. The steps are random (§3.3.5).
 */
export class Ports {
  readonly #hash: SipHash;
  readonly #prng: Prng;
  readonly #next = new Uint16Array(COUNTERS);

  constructor(hash: SipHash, prng: Prng) {
    this.#hash = hash;
    this.#prng = prng;
  }

  /** A port for which `free` says yes, or -1 if there is none. */
  choose(local: Address, remote: Address, remotePort: number, free: (port: number) => boolean): number {
    const offset = this.#hashed(0x6056, local, remote, remotePort);
    const counter = this.#hashed(0x60562, local, remote, remotePort) % COUNTERS;
    const first = this.#next[counter]! + 1 + (this.#prng.int32() & (STEP_MAX - 1));
    for (let i = 0; i < RANGE; i++) {
      const port = EPHEMERAL_FIRST + ((offset + first + i) % RANGE);
      if (!free(port)) continue;
      this.#next[counter] = (first + i) % RANGE;
      return port;
    }
    return -1;
  }

  #hashed(label: number, local: Address, remote: Address, port: number): number {
    const h = this.#hash.begin().word(label).word(local.d).word(local.c).word(local.b).word(local.a);
    return h.word(remote.d).word(remote.c).word(remote.b).word(remote.a).word(port).end() >>> 0;
  }
}
