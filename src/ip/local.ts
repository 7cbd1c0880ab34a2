import { type Address, isLimitedBroadcast } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/**
 * Which addresses are ours: a few of our own, and perhaps a whole prefix minus the addresses that the kernel (or
 * another host) has in it. Asked for every packet, so the answers allocate nothing.
 */
export class LocalAddresses {
  /** The first of a family is its default source. */
  readonly own: readonly Address[];
  readonly #broadcasts: readonly Address[];
  readonly #owned: Prefix | null;
  /** Addresses of the owned prefix that are not ours: the kernel's, and the network's own where it is no host's. */
  readonly #except: readonly Address[];

  /**
   * @param own our addresses
   * @param links the prefixes of our links: they say what is a directed broadcast
   * @param owned a prefix of which every address that a host may have is ours ("promiscuous"), but for `except`
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

  /** True where the address is ours as a host: never of a broadcast. */
  owns(a: number, b: number, c: number, d: number): boolean {
    if (isAmong(this.own, a, b, c, d)) return true;
    const owned = this.#owned;
    if (owned === null || !owned.containsWords(a, b, c, d)) return false;
    return !isAmong(this.#except, a, b, c, d) && !this.isBroadcast(a, b, c, d);
  }

  /** True of 255.255.255.255 and of the all-ones address of an IPv4 prefix of ours. */
  isBroadcast(a: number, b: number, c: number, d: number): boolean {
    return isLimitedBroadcast(a, b, c, d) || isAmong(this.#broadcasts, a, b, c, d);
  }
}

function isAmong(set: readonly Address[], a: number, b: number, c: number, d: number): boolean {
  for (let i = 0; i < set.length; i++) if (set[i]!.equalsWords(a, b, c, d)) return true;
  return false;
}
