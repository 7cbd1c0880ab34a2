import type { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { isV4 } from "./address.ts";

/** RFC 1191 §6.3 and RFC 8201 §4: what was learned is forgotten after 10 minutes, and larger packets are tried again. */
export const PATH_MTU_TIMEOUT = 10 * MINUTE;

/** Linux' net.ipv4.route.min_pmtu: 512 octets of payload and the usual headers. */
export const PATH_MTU_FLOOR = 552;

/** RFC 1191 §7.1: likely MTUs, for routers that do not say theirs. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68] as const;

const WAYS = 4;

/**
 * What ICMP has told of paths with an MTU below the link's: a bounded table by destination, a few places per hash; the
 * oldest gives way. An ICMP message can only lower what is known, and for IPv4 not below a floor.
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
  /** Less is not believed of an IPv4 path. A path that carries less gets packets of this size, which routers may cut. */
  floor: number;
  /** Four words each. */
  readonly #destination: Int32Array;
  /** 0: this place is free. */
  readonly #mtu: Int32Array;
  readonly #learned: Float64Array;
  /** 1: somebody claimed less than the floor. */
  readonly #belowFloor: Uint8Array;
  #size = 0;

  /** @param entries destinations remembered, a power of two, at least 4 */
  constructor(linkMtu: number, hash: SipHash, floor = PATH_MTU_FLOOR, entries = 1024) {
    this.floor = floor;
    this.#linkMtu = linkMtu;
    this.#hash = hash;
    this.#sets = entries / WAYS;
    this.#destination = new Int32Array(entries * 4);
    this.#mtu = new Int32Array(entries);
    this.#learned = new Float64Array(entries);
    this.#belowFloor = new Uint8Array(entries);
  }

  set linkMtu(mtu: number) {
    this.#linkMtu = mtu;
    this.version++;
  }

  /** Forgets what was learned. */
  clear(): void {
    this.#mtu.fill(0);
    this.#size = 0;
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

  /** Whether the path may carry less than the floor, so that routers must be let cut packets: IPv4 without DF. */
  isBelowFloor(a: number, b: number, c: number, d: number, now: number): boolean {
    // Looked up first: what was learned may be forgotten by now.
    if (this.get(a, b, c, d, now) > this.floor || this.#size === 0) return false;
    const i = this.#find(a, b, c, d);
    return i >= 0 && this.#belowFloor[i] === 1;
  }

  /**
   * Learns from an ICMP "fragmentation needed" or "packet too big" that the caller believes: `mtu` as `claimedMtu` read it.
   * True where that was news.
   */
  lower(a: number, b: number, c: number, d: number, mtu: number, now: number): boolean {
    const below = isV4(a, b, c) && mtu < this.floor;
    const next = Math.min(below ? this.floor : mtu, this.#linkMtu);
    const known = this.get(a, b, c, d, now);
    let i = this.#find(a, b, c, d);
    if (next > known || (next === known && (!below || (i >= 0 && this.#belowFloor[i] === 1)))) return false;
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
    this.#belowFloor[i] = below ? 1 : 0;
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

/**
 * The MTU that an ICMP error claims; 0: none that makes sense (RFC 8201 §4: less than 1280 is discarded).
 * @param mtu the next hop's, or 0 where the router did not say (RFC 1191 §5)
 * @param sent bytes of the packet that was too big
 */
export function claimedMtu(family: 4 | 6, mtu: number, sent: number): number {
  if (family === 6) return mtu < ipv6.MTU_MIN ? 0 : mtu;
  return Math.max(ipv4.MTU_MIN, mtu === 0 ? plateauBelow(sent) : mtu);
}

/** The greatest plateau below `bytes`. */
function plateauBelow(bytes: number): number {
  for (const plateau of PLATEAUS) if (plateau < bytes) return plateau;
  return ipv4.MTU_MIN;
}
