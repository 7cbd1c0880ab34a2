import type { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { isV4 } from "./address.ts";

/** RFC 1191 §6.3 and RFC 8201 §4: what was learned is forgotten after 10 minutes, and larger packets are tried again. */
export const PATH_MTU_TIMEOUT = 10 * MINUTE;

/** RFC 1191 §7.1: likely MTUs, for routers that do not say theirs. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68] as const;

const WAYS = 4;

/**
 * What ICMP has told of paths with an MTU below the link's: a bounded table by destination, a few places per hash; the
 * oldest gives way. An ICMP message can only lower what is known, and not below what every link carries.
 */
export class PathMtu {
  /**
   * Counts what was learned, about any destination. Who remembers the count that it last looked at knows with one comparison that no
   * path has changed since.
   */
  version = 0;
  /** The MTU of the link, and so of every path nothing is known about. */
  #linkMtu: number;
  readonly #hash: SipHash;
  readonly #sets: number;
  /** Four words each. */
  readonly #destination: Int32Array;
  /** 0: this place is free. */
  readonly #mtu: Int32Array;
  readonly #learned: Float64Array;
  #size = 0;

  /** @param entries destinations remembered, a power of two, at least 4 */
  constructor(linkMtu: number, hash: SipHash, entries = 1024) {
    this.#linkMtu = linkMtu;
    this.#hash = hash;
    this.#sets = entries / WAYS;
    this.#destination = new Int32Array(entries * 4);
    this.#mtu = new Int32Array(entries);
    this.#learned = new Float64Array(entries);
  }

  set linkMtu(mtu: number) {
    this.#linkMtu = mtu;
    this.version++;
  }

  /** The largest packet, in bytes, that is thought to reach the destination whole. */
  get(a: number, b: number, c: number, d: number, now: number): number {
    if (this.#size === 0) return this.#linkMtu;
    const i = this.#find(a, b, c, d);
    if (i < 0) return this.#linkMtu;
    if (now - this.#learned[i]! < PATH_MTU_TIMEOUT) return this.#mtu[i]!;
    this.#mtu[i] = 0;
    this.#size--;
    return this.#linkMtu;
  }

  /**
   * Learns from an ICMP "fragmentation needed" or "packet too big" that the caller believes. True where the path's MTU
   * went down.
   *
   * @param mtu the next hop's, or 0 where the router did not say
   * @param sent bytes of the packet that was too big
   */
  lower(a: number, b: number, c: number, d: number, mtu: number, sent: number, now: number): boolean {
    // RFC 8201 §4: such a message is discarded. RFC 1191 §3: the estimate goes no lower than 68.
    if (!isV4(a, b, c) && mtu < ipv6.MTU_MIN) return false;
    const next = Math.max(ipv4.MTU_MIN, mtu === 0 ? plateauBelow(sent) : mtu);
    if (next >= this.get(a, b, c, d, now)) return false;
    let i = this.#find(a, b, c, d);
    if (i < 0) {
      i = this.#place(a, b, c, d);
      if (this.#mtu[i] === 0) this.#size++;
    }
    this.#destination[i * 4] = a;
    this.#destination[i * 4 + 1] = b;
    this.#destination[i * 4 + 2] = c;
    this.#destination[i * 4 + 3] = d;
    this.#mtu[i] = next;
    this.#learned[i] = now;
    this.version++;
    return true;
  }

  #set(a: number, b: number, c: number, d: number): number {
    const hash = this.#hash.begin().word(0x307).word(a).word(b).word(c).word(d).end();
    return (hash & (this.#sets - 1)) * WAYS;
  }

  #find(a: number, b: number, c: number, d: number): number {
    const set = this.#set(a, b, c, d);
    const words = this.#destination;
    for (let i = set; i < set + WAYS; i++) {
      const k = i * 4;
      if (this.#mtu[i] !== 0 && words[k + 3] === d && words[k + 2] === c && words[k + 1] === b && words[k] === a)
        return i;
    }
    return -1;
  }

  /** A free place of the destination's set, or the one whose news is oldest. */
  #place(a: number, b: number, c: number, d: number): number {
    const set = this.#set(a, b, c, d);
    let best = set;
    for (let i = set; i < set + WAYS; i++) {
      if (this.#mtu[i] === 0) return i;
      if (this.#learned[i]! < this.#learned[best]!) best = i;
    }
    return best;
  }
}

/** The greatest plateau below `bytes`. */
function plateauBelow(bytes: number): number {
  for (const plateau of PLATEAUS) if (plateau < bytes) return plateau;
  return ipv4.MTU_MIN;
}
