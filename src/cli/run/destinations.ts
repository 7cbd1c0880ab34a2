/** Where on this machine's side the command's destinations lie. */
import { type Address, parseAddress } from "#ip/address";
import type { Endpoint } from "#socket/types";
import { GATEWAY_4, GATEWAY_6, GUEST_4, GUEST_6, RESOLVERS } from "./network.ts";

export class Destinations {
  readonly #resolvers: readonly Endpoint[];
  readonly #hostLoopback: boolean;

  constructor(resolvers: readonly Endpoint[], hostLoopback: boolean) {
    this.#resolvers = resolvers;
    this.#hostLoopback = hostLoopback;
  }

  /** The real destination, or null if the command may not reach it. */
  of({ hostname, port }: Endpoint): Endpoint | null {
    const resolver = RESOLVERS.indexOf(hostname as (typeof RESOLVERS)[number]);
    if (resolver >= 0) return port === 53 ? (this.#resolvers[resolver] ?? null) : null;
    if (hostname === GATEWAY_4) return this.#hostLoopback ? { hostname: "127.0.0.1", port } : null;
    if (hostname === GATEWAY_6) return this.#hostLoopback ? { hostname: "::1", port } : null;
    return isInside(hostname) ? null : { hostname, port };
  }

  /** The address to ping, or null. */
  pinged(hostname: string): Address | null {
    return isInside(hostname) ? null : parseAddress(hostname);
  }
}

/** Whether the address belongs to the network of the command, in which nobody else is. */
function isInside(hostname: string): boolean {
  const address = parseAddress(hostname);
  return address === null || GUEST_4.contains(address) || GUEST_6.contains(address);
}
