import type { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { isV4 } from "./address.ts";

/** RFC 1191 §6.3 and RFC 8201 §4: a learned MTU expires after 10 minutes, and larger packets are tried again. */
export const PATH_MTU_TIMEOUT = 10 * MINUTE;

/** Linux' net.ipv4.route.min_pmtu: 512 octets of payload and the usual headers. */
export const PATH_MTU_FLOOR = 552;

/** RFC 1191 §7.1: common MTUs, for routers that do not report theirs. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68] as const;

const WAYS = 4;

/**
 * The path MTUs below the link's that ICMP reported: a bounded table by destination, set-associative; the oldest entry of
 * a set is replaced. An ICMP message can only lower an MTU, and for IPv4 not below a floor.
 */
export class PathMtu {
  /**
   * Counts the changes to all paths. By comparing it with the last count seen, a caller finds out in one step whether any path
   * has changed.
   */
  version = 0;
  /** The MTU of the link, and the default for all paths. */
  #linkMtu: number;
  readonly #hash: SipHash;
  readonly #sets: number;
  /** Smaller MTUs are not accepted for an IPv4 path. It then gets packets of this size, without DF, so that routers may fragment them. */
  floor: number;
  /** Four words each. */
  readonly #destination: Int32Array;
  /** 0: the entry is free. */
  readonly #mtu: Int32Array;
  readonly #learned: Float64Array;
  /** 1: an ICMP error claimed less than the floor. */
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

  /** Removes all learned MTUs. */
  clear(): void {
    this.#mtu.fill(0);
    this.#size = 0;
    this.version++;
  }

  /** The known path MTU to the destination, in bytes. */
  get(a: number, b: number, c: number, d: number, now: number): number {
    if (this.#size === 0) return this.#linkMtu;
    const i = this.#find(a, b, c, d);
    if (i < 0) return this.#linkMtu;
    if (now - this.#learned[i]! < PATH_MTU_TIMEOUT) return this.#mtu[i]!;
    this.#mtu[i] = 0;
    this.#size--;
    return this.#linkMtu;
  }

  /** Whether the path may carry less than the floor, so that packets must be sent without DF (IPv4). */
  isBelowFloor(a: number, b: number, c: number, d: number, now: number): boolean {
    // Look it up first, since the entry may have expired.
    if (this.get(a, b, c, d, now) > this.floor || this.#size === 0) return false;
    const i = this.#find(a, b, c, d);
    return i >= 0 && this.#belowFloor[i] === 1;
  }

  /**
   * Learns the MTU of an ICMP "fragmentation needed" or "packet too big" that the caller has validated; `mtu` is from `claimedMtu`.
   * Returns whether it changed anything.
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

  /** A free entry of the destination's set, or the oldest one. */
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
 * The MTU that an ICMP error claims; 0 for an invalid one (RFC 8201 §4: less than 1280 is discarded).
 * @param mtu the next hop's, or 0 from routers that do not report it (RFC 1191 §5)
 * @param sent bytes of the packet that was too big
 */
export function claimedMtu(family: 4 | 6, mtu: number, sent: number): number {
  if (family === 6) return mtu < ipv6.MTU_MIN ? 0 : mtu;
  return Math.max(ipv4.MTU_MIN, mtu === 0 ? plateauBelow(sent) : mtu);
}

/** The largest plateau below `bytes`. */
function plateauBelow(bytes: number): number {
  for (const plateau of PLATEAUS) if (plateau < bytes) return plateau;
  return ipv4.MTU_MIN;
}
