/** Echo requests to foreign addresses, held until the user answers them (`Interception`). Bounded; more are dropped. */
import { Fifo } from "#base/fifo";
import type { Slab } from "#base/slab";
import { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import * as icmpv4 from "#wire/icmpv4";

/** The most requests that wait to be looked at, and the most octets of their data. */
const COUNT_MAX = 64;
const OCTETS_MAX = 256 * 1024;

/** An echo request, and what its reply needs. */
export interface HeldEcho {
  readonly source: Address;
  readonly destination: Address;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly tos: number;
}

export class HeldEchoes {
  /** Foreign addresses are intercepted, so requests to them are not for us to answer. */
  isForeign = false;
  /** The user wants to see them. */
  isWanted = false;
  readonly #waiting = new Fifo<HeldEcho>();
  #octets = 0;
  readonly #slab: Slab;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Holds the request in `header`, whose checksum is good; false if there is no room. */
  hold({ s0, s1, s2, s3, d0, d1, d2, d3, o, n, tos }: IpHeader): boolean {
    const octets = n - icmpv4.HEADER;
    if (this.#waiting.size >= COUNT_MAX || this.#octets + octets > OCTETS_MAX) return false;
    const { u8, view } = this.#slab;
    this.#octets += octets;
    this.#waiting.push({
      source: new Address(s0, s1, s2, s3),
      destination: new Address(d0, d1, d2, d3),
      identifier: icmpv4.identifier(view, o),
      sequence: icmpv4.sequence(view, o),
      data: u8.slice(o + icmpv4.HEADER, o + n),
      tos,
    });
    return true;
  }

  take(): HeldEcho | undefined {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#octets -= next.data.length;
    return next;
  }
}
