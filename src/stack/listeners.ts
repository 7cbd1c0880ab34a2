import type { Address } from "#ip/address";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { TCP } from "#wire/protocol";
import { CallError } from "./call-error.ts";
import type { Floods } from "./floods.ts";

/** The passive OPENs of a stack, by port. */
export class Listeners {
  /** Told of each listener; null: no filter is there. */
  floods: Floods | null = null;
  readonly #byPort = new Map<number, PassiveOpen[]>();

  /** Throws EADDRINUSE if there is already a listener with the same port, local address and remote. */
  add(listener: PassiveOpen): void {
    const others = this.#byPort.get(listener.port) ?? [];
    if (others.some((other) => isSame(other, listener))) {
      throw new CallError("EADDRINUSE", `port ${listener.port} already has a listener`);
    }
    this.#byPort.set(listener.port, [...others, listener]);
    this.floods?.bound(TCP, listener.port);
  }

  isFree(port: number): boolean {
    return !this.#byPort.has(port);
  }

  remove(listener: PassiveOpen): void {
    const before = this.#byPort.get(listener.port) ?? [];
    const rest = before.filter((other) => other !== listener);
    if (rest.length < before.length) this.floods?.unbound(TCP, listener.port);
    if (rest.length > 0) this.#byPort.set(listener.port, rest);
    else this.#byPort.delete(listener.port);
  }

  /**
   * The listener for a SYN from `remote` to one of our addresses (words as in `Address`), or null. A listener with a local address is
   * preferred to one for all addresses; among equals, one that admits the remote.
   */
  find(
    a: number,
    b: number,
    c: number,
    d: number,
    port: number,
    remote: Address,
    remotePort: number,
  ): PassiveOpen | null {
    const among = this.#byPort.get(port);
    if (among === undefined) return null;
    let best: PassiveOpen | null = null;
    let bestRank = -1;
    for (const listener of among) {
      if (listener.local !== null && !listener.local.equalsWords(a, b, c, d)) continue;
      const rank = (listener.local === null ? 0 : 1) + (listener.admits(remote, remotePort) ? 2 : 0);
      if (rank > bestRank) {
        best = listener;
        bestRank = rank;
      }
    }
    return best;
  }
}

function isSame(a: PassiveOpen, b: PassiveOpen): boolean {
  return sameOrNull(a.local, b.local) && sameOrNull(a.remote, b.remote) && a.remotePort === b.remotePort;
}

function sameOrNull(a: Address | null, b: Address | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
