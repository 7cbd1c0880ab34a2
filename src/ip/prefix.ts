import { Address, type Family, isV4, parseAddress } from "./address.ts";

/** An address with the length of its network prefix: `10.0.0.1/24`, `fd00:a::1/64`. Immutable. */
export class Prefix {
  /** The address as given, host bits included. */
  readonly address: Address;
  /** 0..32 or 0..128. */
  readonly bits: number;
  /** The mask as words; for IPv4 the mapped part is part of it. */
  readonly #m0: number;
  readonly #m1: number;
  readonly #m2: number;
  readonly #m3: number;

  constructor(address: Address, bits: number) {
    this.address = address;
    this.bits = bits;
    const bits6 = address.family === 4 ? bits + 96 : bits;
    this.#m0 = maskWord(bits6);
    this.#m1 = maskWord(bits6 - 32);
    this.#m2 = maskWord(bits6 - 64);
    this.#m3 = maskWord(bits6 - 96);
  }

  get family(): Family {
    return this.address.family;
  }

  contains(address: Address): boolean {
    return this.containsWords(address.a, address.b, address.c, address.d);
  }

  /** Whether the address is in the network. An IPv4 address is in no IPv6 prefix, not even in `::/0`. */
  containsWords(a: number, b: number, c: number, d: number): boolean {
    const own = this.address;
    return (
      ((a ^ own.a) & this.#m0) === 0 &&
      ((b ^ own.b) & this.#m1) === 0 &&
      ((c ^ own.c) & this.#m2) === 0 &&
      ((d ^ own.d) & this.#m3) === 0 &&
      isV4(a, b, c) === (own.family === 4)
    );
  }

  /** Whether the two have an address in common. */
  overlaps(other: Prefix): boolean {
    return this.contains(other.network) || other.contains(this.network);
  }

  /** All host bits zero. */
  get network(): Address {
    const { a, b, c, d } = this.address;
    return new Address(a & this.#m0, b & this.#m1, c & this.#m2, d & this.#m3);
  }

  /** The network with its length: `10.0.0.0/24` of `10.0.0.1/24`. */
  get subnet(): Prefix {
    return new Prefix(this.network, this.bits);
  }

  /** All host bits one: the directed broadcast of an IPv4 prefix up to /30; else null (RFC 3021: a /31 has none). */
  get broadcast(): Address | null {
    return this.family === 4 && this.bits <= 30 ? this.last : null;
  }

  /** All host bits one. */
  get last(): Address {
    const { a, b, c, d } = this.address;
    return new Address(a | ~this.#m0, b | ~this.#m1, c | ~this.#m2, d | ~this.#m3);
  }

  /** Network plus `offset` (0..2^31-1), or null if that is outside the prefix. */
  hostAt(offset: number): Address | null {
    const { a, b, c, d } = this.network;
    const host = new Address(a, b, c, d + offset);
    // The host bits of IPv4 and of a /96 or longer end within the last word; a carry out of it leaves the prefix or wraps.
    return (host.d >>> 0) - (d >>> 0) === offset && this.contains(host) ? host : null;
  }

  /** Whether a host may have the address: it is not the network address (in IPv6 the subnet-router anycast) or the broadcast. */
  isUsable(address: Address): boolean {
    if (!this.contains(address)) return false;
    if (this.bits >= (this.family === 4 ? 31 : 127)) return true;
    return !address.equals(this.network) && !(this.family === 4 && address.equals(this.last));
  }

  /** The highest address that a host may have: below the broadcast in IPv4, the very last in IPv6. */
  lastUsable(): Address {
    const { a, b, c, d } = this.last;
    return this.broadcast === null ? this.last : new Address(a, b, c, d - 1);
  }

  /**
   * A host address of the prefix other than `address`: network plus `offset` if a host may have that, else the highest host
   * address. For prefixes with at least two host addresses.
   */
  neighbour(offset: number): Address {
    const wanted = this.hostAt(offset);
    if (wanted !== null && this.isUsable(wanted) && !wanted.equals(this.address)) return wanted;
    const last = this.lastUsable();
    if (!last.equals(this.address)) return last;
    return new Address(last.a, last.b, last.c, last.d - 1);
  }

  toString(): string {
    return `${this.address}/${this.bits}`;
  }
}

function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** Why a text is not a prefix, and what to type instead: parts of a sentence for people. */
export interface PrefixProblem {
  /** "10.0.0.1/33 has a prefix length that IPv4 does not have". */
  readonly reason: string;
  /** "a prefix length from 0 to 32, such as 10.0.0.1/24". */
  readonly hint: string;
}

/** Parses `ADDRESS/BITS`, as strictly as `parseAddress`; else returns the reason for people. */
export function parsePrefix(text: string): Prefix | PrefixProblem {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const address = parseAddress(addressText);
  if (address === null) {
    return {
      reason: `"${text}" ${addressReason(addressText)}`,
      hint: prefixHint(addressText, text.slice(addressText.length)),
    };
  }
  const most = address.family === 4 ? 32 : 128;
  const usual = `${address}/${address.family === 4 ? 24 : 64}`;
  if (slash < 0) return { reason: `"${text}" has no prefix length`, hint: usual };
  const bitsText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bitsText)) {
    const dotted = parseAddress(bitsText) !== null;
    const what = dotted ? "a netmask" : bitsText === "" ? "nothing" : `"${bitsText}"`;
    return {
      reason: `"${text}" has ${what} where the prefix length belongs`,
      hint: `a number from 0 to ${most}, as in ${usual}`,
    };
  }
  const bits = Number(bitsText);
  if (bits > most) {
    return { reason: `"${text}": IPv${address.family} prefixes go up to /${most}`, hint: usual };
  }
  return new Prefix(address, bits);
}

/** @param length "/24", or "" if it was missing */
function prefixHint(addressText: string, length: string): string {
  const address = parseAddress(addressHint(addressText));
  if (address === null) return "an address and its prefix length, such as 10.0.0.1/24 or fd00:a::1/64";
  return `${address}${length || (address.family === 4 ? "/24" : "/64")}`;
}

/** Why a text is not an address, as the end of a sentence: `has a number with a leading zero …`. */
export function addressReason(text: string): string {
  if (text.includes("%")) return "names a zone (the part after %), which has no meaning here";
  if (/(^|\.)0[0-9]/.test(text) && /^[0-9.]+$/.test(text)) {
    return "has a number with a leading zero, which some programs read as octal";
  }
  if (/^[0-9]+(\.[0-9]+){0,2}$/.test(text)) return "is a short form: an IPv4 address has four numbers";
  if (/^[0-9]+(\.[0-9]+){3}$/.test(text)) return "has a number above 255";
  return "is not an IPv4 or IPv6 address";
}

/** What to type instead of a text that is not an address. */
export function addressHint(text: string): string {
  if (text.includes("%")) return text.slice(0, text.indexOf("%"));
  if (/^[0-9]+(\.[0-9]+){3}$/.test(text)) {
    const plain = text.split(".").map(Number).join(".");
    if (parseAddress(plain) !== null) return plain;
  }
  return "an address such as 10.0.0.1 or fd00:a::1";
}
