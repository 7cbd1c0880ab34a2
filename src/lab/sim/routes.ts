import { V4_MAPPED } from "#ip/address";
import { type Prefix, parsePrefix } from "#ip/prefix";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";

/** Routes by destination: the longest prefix wins; among equals, the one added first. */
export class Routes<T> {
  readonly #entries: { readonly prefix: Prefix; readonly to: T }[] = [];
  /** The route of packets that no prefix matches. */
  default: T | undefined;

  get size(): number {
    return this.#entries.length + (this.default === undefined ? 0 : 1);
  }

  clear(): void {
    this.#entries.length = 0;
    this.default = undefined;
  }

  /** @param prefix "10.0.0.0/24" or "fd00::/64". @throws Error if invalid */
  add(prefix: string, to: T): void {
    const parsed = parsePrefix(prefix);
    if ("reason" in parsed) throw new Error(`${parsed.reason}: use ${parsed.hint}`);
    const at = this.#entries.findIndex((entry) => entry.prefix.bits < parsed.bits);
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, { prefix: parsed, to });
  }

  /** The route of the packet of `n` bytes at `o`, which may have any content. */
  lookup(v: DataView, o: number, n: number): T | undefined {
    if (this.#entries.length === 0) return this.default;
    const version = n < ipv4.HEADER_MIN ? 0 : v.getUint8(o) >> 4;
    if (version === 4) return this.#find(0, 0, V4_MAPPED, ipv4.destination(v, o));
    if (version !== 6 || n < ipv6.HEADER) return undefined;
    return this.#find(
      ipv6.destination(v, o, 0),
      ipv6.destination(v, o, 1),
      ipv6.destination(v, o, 2),
      ipv6.destination(v, o, 3),
    );
  }

  #find(a: number, b: number, c: number, d: number): T | undefined {
    for (const { prefix, to } of this.#entries) if (prefix.containsWords(a, b, c, d)) return to;
    return this.default;
  }
}
