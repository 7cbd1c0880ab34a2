import { formatIPv4, formatIPv6 } from "#wire/address-text";

export type Family = 4 | 6;

/** Word `c` of an IPv4 address: addresses are kept as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so one compare serves both. */
export const V4_MAPPED = 0x0000ffff;

/**
 * An IP address of either family as four int32 words, `a` first. IPv4 is `0, 0, 0xffff, v4`. Immutable. For calls and
 * configuration; the packet path passes only the words.
 */
export class Address {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;

  /** The words as int32. */
  constructor(a: number, b: number, c: number, d: number) {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.d = d | 0;
  }

  /** An IPv4 address from its 32 bits, signed or not. */
  static v4(word: number): Address {
    return new Address(0, 0, V4_MAPPED, word);
  }

  get family(): Family {
    return isV4(this.a, this.b, this.c) ? 4 : 6;
  }

  equals(other: Address): boolean {
    return this.equalsWords(other.a, other.b, other.c, other.d);
  }

  equalsWords(a: number, b: number, c: number, d: number): boolean {
    return this.d === d && this.c === c && this.b === b && this.a === a;
  }

  /** 0.0.0.0 or `::`. */
  get isUnspecified(): boolean {
    return isUnspecified(this.a, this.b, this.c, this.d);
  }

  /** 127.0.0.0/8 or `::1`. */
  get isLoopback(): boolean {
    return isLoopback(this.a, this.b, this.c, this.d);
  }

  /** 224.0.0.0/4 or ff00::/8. */
  get isMulticast(): boolean {
    return isMulticast(this.a, this.b, this.c, this.d);
  }

  /** 255.255.255.255. */
  get isLimitedBroadcast(): boolean {
    return isLimitedBroadcast(this.a, this.b, this.c, this.d);
  }

  /** A unicast address of a host on a link: not in 0.0.0.0/8, not `::`, loopback, multicast or limited broadcast. */
  get isUnicast(): boolean {
    const thisNetwork = this.family === 4 && this.d >>> 24 === 0;
    return !thisNetwork && !this.isUnspecified && !this.isLoopback && !this.isMulticast && !this.isLimitedBroadcast;
  }

  /** 169.254.0.0/16 or fe80::/10. */
  get isLinkLocal(): boolean {
    return isLinkLocal(this.a, this.b, this.c, this.d);
  }

  /** Dotted quad, or RFC 5952. */
  toString(): string {
    return formatWords(this.a, this.b, this.c, this.d);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Four or sixteen bytes in network order. */
export function addressBytes({ family, a, b, c, d }: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  [a, b, c, d].forEach((word, i) => {
    view.setInt32(i * 4, word);
  });
  return new Uint8Array(view.buffer).slice(family === 4 ? 12 : 0);
}

/** Whether the words are an IPv4 address. */
export function isV4(a: number, b: number, c: number): boolean {
  return c === V4_MAPPED && a === 0 && b === 0;
}

export function isUnspecified(a: number, b: number, c: number, d: number): boolean {
  return d === 0 && a === 0 && b === 0 && (c === 0 || c === V4_MAPPED);
}

export function isLoopback(a: number, b: number, c: number, d: number): boolean {
  return isV4(a, b, c) ? d >>> 24 === 127 : d === 1 && c === 0 && b === 0 && a === 0;
}

export function isMulticast(a: number, b: number, c: number, d: number): boolean {
  return isV4(a, b, c) ? d >>> 28 === 0xe : a >>> 24 === 0xff;
}

export function isLimitedBroadcast(a: number, b: number, c: number, d: number): boolean {
  return d === -1 && isV4(a, b, c);
}

export function isLinkLocal(a: number, b: number, c: number, d: number): boolean {
  return isV4(a, b, c) ? d >>> 16 === 0xa9fe : a >>> 22 === 0xfe80 >>> 6;
}

/** The text of an address given as words. Allocates. */
export function formatWords(a: number, b: number, c: number, d: number): string {
  return isV4(a, b, c) ? formatIPv4(d) : formatIPv6(a, b, c, d);
}

/**
 * Parses a dotted quad or an IPv6 address, strictly: four decimal parts without leading zeros (programs disagree about
 * `010.0.0.1`), no short forms (`10.1`), no zone (`fe80::1%eth0`), no blanks. Null if it is not an address.
 */
export function parseAddress(text: string): Address | null {
  if (text.includes(":")) return parseIPv6(text);
  const word = parseIPv4(text);
  return word === null ? null : Address.v4(word);
}

/** The 32 bits of four decimal octets without leading zeros, or null. */
function parseIPv4(text: string): number | null {
  let word = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === DOT) {
      if (digits === 0 || ++dots > 3) return null;
      word = (word << 8) | octet;
      octet = digits = 0;
      continue;
    }
    if (c < ZERO || c > NINE || (digits > 0 && octet === 0)) return null;
    octet = octet * 10 + c - ZERO;
    digits++;
    if (octet > 255) return null;
  }
  return dots === 3 && digits > 0 ? (word << 8) | octet : null;
}

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

function parseIPv6(text: string): Address | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group of zeros (RFC 4291 §2.2).
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const g = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (i: number) => (g[i]! << 16) | g[i + 1]!;
  return new Address(word(0), word(2), word(4), word(6));
}

/** Parses groups between colons. The end of the address may be a dotted quad, which counts as two groups. */
function parseGroups(text: string, quadAllowed: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (quadAllowed && i === parts.length - 1 && part.includes(".")) {
      const word = parseIPv4(part);
      if (word === null) return null;
      groups.push(word >>> 16, word & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}
