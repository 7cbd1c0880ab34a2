import type { Address } from "#ip/address";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { CallError } from "./call-error.ts";

/** The passive OPENs of a stack, by port. */
export class Listeners {
  readonly #byPort = new Map<number, PassiveOpen[]>();

  /** Throws EADDRINUSE if the same OPEN stands already. */
  add(listener: PassiveOpen): void {
    const others = this.#byPort.get(listener.port) ?? [];
    if (others.some((other) => isSame(other, listener))) {
      throw new CallError("EADDRINUSE", `port ${listener.port} already has a listener`);
    }
    this.#byPort.set(listener.port, [...others, listener]);
  }

  remove(listener: PassiveOpen): void {
    const rest = (this.#byPort.get(listener.port) ?? []).filter((other) => other !== listener);
    if (rest.length > 0) this.#byPort.set(listener.port, rest);
    else this.#byPort.delete(listener.port);
  }

  /**
   * The listener for a SYN to one of our addresses (words as in `Address`) from `remote`, or null. One that names its local address goes before
   * one for all; among equals one that lets the remote in.
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
