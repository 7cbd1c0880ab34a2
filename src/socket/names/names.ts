import { parseAddress } from "#ip/address";
import { CallError } from "#stack/call-error";
import { invalid, shown } from "../checks.ts";
import { ConnectionError } from "../connection-error.ts";
import type { Resolve } from "../types.ts";
import type { DnsClient } from "./dns-client.ts";
import { asciiName, isLocalhost } from "./name-text.ts";

/** A name has at most so many addresses for us; the rest is ignored. */
const ADDRESSES_MAX = 64;

/** How a stack finds the addresses of names. */
export interface NamesOptions {
  /** Whether the stack has IPv4 and IPv6 addresses: only such addresses are of use. */
  readonly four: boolean;
  readonly six: boolean;
  /** The application's resolver, which is asked instead of all else. */
  readonly resolve: Resolve | null;
  /** The addresses that a hosts file gives a name; null: no such file is asked. */
  readonly hosts: ((name: string) => readonly string[]) | null;
  readonly dns: DnsClient | null;
}

/** Finds the addresses of names: this host's own, then by the application's resolver, or by a hosts file and DNS. */
export class Names {
  readonly #options: NamesOptions;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** @param text what is meant to be a name @throws CallError EINVAL: it is none, or nothing here resolves it. */
  check(text: string, resolve: Resolve | null = null): string {
    const name = asciiName(text);
    const { dns } = this.#options;
    if (isLocalhost(name) || resolve !== null || this.#options.resolve !== null || dns !== null) return name;
    const advice = 'use an IP address, or give createStack dns: { servers: ["10.0.0.1"] } or a resolve function';
    throw invalid(`${shown(text)} is a name, and this stack does not resolve names: ${advice}`);
  }

  /**
   * Finds the addresses of a name (of `check`), and gives them to `add` as they come, perhaps in several parts. Resolves when there are no more.
   * @throws ConnectionError ENOTFOUND, EAI_AGAIN.
   */
  async find(
    name: string,
    add: (addresses: readonly string[]) => void,
    signal: AbortSignal,
    resolve: Resolve | null = null,
  ): Promise<void> {
    const { four, six, hosts } = this.#options;
    const own = resolve ?? this.#options.resolve;
    if (isLocalhost(name)) return add([...(six ? ["::1"] : []), ...(four ? ["127.0.0.1"] : [])]);
    if (own !== null) return add(this.#usable(name, await this.#asked(own, name, signal)));
    const listed = hosts?.(name) ?? [];
    if (listed.length > 0) return add(this.#usable(name, listed));
    await this.#askServers(name, add, signal);
  }

  /** Both types at once: the sooner answer need not wait for the later one (RFC 8305 §3). */
  async #askServers(name: string, add: (addresses: readonly string[]) => void, signal: AbortSignal): Promise<void> {
    const { four, six, dns } = this.#options;
    let found = 0;
    const ask = async (type: "A" | "AAAA") => {
      const addresses = (await dns!.query(name, type, signal)).slice(0, ADDRESSES_MAX);
      found += addresses.length;
      if (addresses.length > 0) add(addresses);
    };
    const asked = await Promise.allSettled([...(six ? [ask("AAAA")] : []), ...(four ? [ask("A")] : [])]);
    if (found > 0) return;
    const failure = asked.find((each) => each.status === "rejected");
    if (failure !== undefined) throw failure.reason;
    const kinds = four && six ? "address" : four ? "IPv4 address" : "IPv6 address";
    throw new ConnectionError("ENOTFOUND", `${name} has no ${kinds}`);
  }

  async #asked(resolve: Resolve, name: string, signal: AbortSignal): Promise<readonly string[]> {
    let found: unknown;
    try {
      found = await resolve(name, { signal });
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof CallError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ConnectionError("ENOTFOUND", `could not resolve ${name}: ${why}`, error);
    }
    if (Array.isArray(found)) return found;
    throw invalid(`resolve must return an array of IP addresses for ${name}, not ${shown(found)}`);
  }

  /** The addresses that the stack can reach. @throws ConnectionError ENOTFOUND if there are none. */
  #usable(name: string, found: readonly unknown[]): string[] {
    const { four, six } = this.#options;
    const all = found.slice(0, ADDRESSES_MAX).map((text) => {
      const address = typeof text === "string" ? parseAddress(text) : null;
      if (address !== null) return address;
      throw invalid(`the addresses of ${name} must be IP addresses such as "10.0.0.7", not ${shown(text)}`);
    });
    const usable = all.filter(({ family }) => (family === 4 ? four : six)).map(String);
    if (usable.length > 0) return [...new Set(usable)];
    const only = all.length > 0 ? `only IPv${four ? 6 : 4} addresses, and this stack has none` : "no address";
    throw new ConnectionError("ENOTFOUND", `${name} has ${only}`);
  }
}
