import type { Prng } from "#base/prng";
import type { SipHash } from "#base/siphash";
import { Address } from "#ip/address";
import { CallError } from "./call-error.ts";
import { EPHEMERAL_FIRST, EPHEMERAL_LAST } from "./limits.ts";
import type { Siblings } from "./siblings.ts";

const RANGE = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
/** Number of counters. Two destinations share one only by chance, and an outsider cannot know which do. */
const COUNTERS = 4_096;
/** A counter advances by 1 to this many: the ports that one destination sees do not reveal how many others were opened. */
const STEP_MAX = 8;

/** Whether a connection may have this local port. The ends are arguments, so that one function serves every connection. */
export type IsFree = (port: number, local: Address, remote: Address, remotePort: number) => boolean;

/**
 * Ephemeral ports by double hash (RFC 6056 §3.3.4): the ports for one destination cycle through the range, so that a port in TIME-WAIT is
 * not reused soon. The starting point cannot be guessed, and the pace does not depend on other destinations. The increments are random
 * (§3.3.5).
 */
export class Ports {
  readonly #hash: SipHash;
  readonly #prng: Prng;
  readonly #next = new Uint16Array(COUNTERS);

  readonly #siblings: Siblings | undefined;

  /** @param siblings each chooses other ports */
  constructor(hash: SipHash, prng: Prng, siblings?: Siblings) {
    this.#hash = hash;
    this.#prng = prng;
    this.#siblings = siblings;
  }

  /** A port that `isFree` accepts, or -1 if there is none. */
  choose(local: Address, remote: Address, remotePort: number, isFree: IsFree): number {
    const offset = this.#hashed(0x6056, local, remote, remotePort);
    const counter = this.#hashed(0x60562, local, remote, remotePort) % COUNTERS;
    const first = this.#next[counter]! + 1 + (this.#prng.int32() & (STEP_MAX - 1));
    for (let i = 0; i < RANGE; i++) {
      const port = EPHEMERAL_FIRST + ((offset + first + i) % RANGE);
      if (this.#siblings?.mayChoose(port) === false || !isFree(port, local, remote, remotePort)) continue;
      this.#next[counter] = (first + i) % RANGE;
      return port;
    }
    return -1;
  }

  /** A port that has no remote yet: of a listener or a UDP socket at `local`, or at every address (null). -1: none is free. */
  chooseLocal(local: Address | null, isFree: (port: number) => boolean): number {
    return this.choose(local ?? ANY, ANY, 0, isFree);
  }

  #hashed(label: number, local: Address, remote: Address, port: number): number {
    const h = this.#hash.begin().word(label).word(local.d).word(local.c).word(local.b).word(local.a);
    return h.word(remote.d).word(remote.c).word(remote.b).word(remote.a).word(port).end() >>> 0;
  }
}

const ANY = new Address(0, 0, 0, 0);

/** @throws CallError EINVAL. */
export function checkPort(port: number, first: number): void {
  if (!Number.isInteger(port) || port < first || port > 0xffff) {
    throw new CallError("EINVAL", `port ${port} is not a number from ${first} to 65535`);
  }
}
