import { type Address, formatWords } from "#ip/address";
import { addressOf } from "./endpoint.ts";

/** Slots for texts; a power of two. */
const SLOTS = 256;

/** Addresses and their texts, so that neither is made for each datagram. Bounded: an address takes the place of another. */
export class AddressCache {
  readonly #texts: string[] = new Array(SLOTS).fill("");
  readonly #words = new Int32Array(SLOTS * 4);
  readonly #parsed = new Map<string, Address>();

  /** The text of an address given as words. */
  text(a: number, b: number, c: number, d: number): string {
    const slot = (Math.imul(a ^ Math.imul(b ^ Math.imul(c, 31), 31) ^ d, 0x9e3779b1) >>> 24) & (SLOTS - 1);
    const words = this.#words;
    const o = slot * 4;
    const known = this.#texts[slot]!;
    if (known !== "" && words[o + 3] === d && words[o + 2] === c && words[o + 1] === b && words[o] === a) return known;
    words[o] = a;
    words[o + 1] = b;
    words[o + 2] = c;
    words[o + 3] = d;
    return (this.#texts[slot] = formatWords(a, b, c, d));
  }

  /** Parses an address. @throws CallError EINVAL. */
  address(text: string): Address {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const address = addressOf(text);
    if (this.#parsed.size === SLOTS) this.#parsed.clear();
    this.#parsed.set(text, address);
    return address;
  }
}
