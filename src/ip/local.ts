import { type Address, isLimitedBroadcast } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/**
 * The addresses of this stack: a few single ones, and optionally a whole prefix without the addresses that the kernel (or
 * another host) has in it. Used for every packet, so nothing is allocated.
 */
export class LocalAddresses {
  /** The first address of each family is the default source. */
  readonly own: readonly Address[];
  readonly #broadcasts: readonly Address[];
  readonly #owned: Prefix | null;
  /** Addresses of the owned prefix that are not ours: the kernel's, and the network address if no host may have it. */
  readonly #except: readonly Address[];

  /**
   * @param own our addresses
   * @param links the prefixes of our links, to recognize directed broadcasts
   * @param owned a prefix of which all host addresses are ours ("promiscuous"), except those in `except`
   */
  constructor(
    own: readonly Address[],
    links: readonly Prefix[] = [],
    owned: Prefix | null = null,
    except: readonly Address[] = [],
  ) {
    const prefixes = owned === null ? links : [...links, owned];
    this.own = own;
    this.#broadcasts = prefixes.flatMap((prefix) => prefix.broadcast ?? []);
    this.#owned = owned;
    this.#except = owned === null || owned.isUsable(owned.network) ? except : [...except, owned.network];
  }

  /** Whether the address is one of ours. False for broadcasts. */
  owns(a: number, b: number, c: number, d: number): boolean {
    if (isAmong(this.own, a, b, c, d)) return true;
    const owned = this.#owned;
    if (owned === null || !owned.containsWords(a, b, c, d)) return false;
    return !isAmong(this.#except, a, b, c, d) && !this.isBroadcast(a, b, c, d);
  }

  /** Whether the address is 255.255.255.255 or the broadcast address of an IPv4 prefix of ours. */
  isBroadcast(a: number, b: number, c: number, d: number): boolean {
    return isLimitedBroadcast(a, b, c, d) || isAmong(this.#broadcasts, a, b, c, d);
  }
}

function isAmong(set: readonly Address[], a: number, b: number, c: number, d: number): boolean {
  for (let i = 0; i < set.length; i++) if (set[i]!.equalsWords(a, b, c, d)) return true;
  return false;
}
