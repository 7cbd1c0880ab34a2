import { type Address, isLoopback } from "#ip/address";
import type { LocalAddresses } from "#ip/local";
import type { IpSend } from "#ip/send";
import { CallError } from "./call-error.ts";

/**
 * Where packets go, and which address of ours they come from. There are two links: the device, and a loopback for our own addresses,
 * 127.0.0.0/8 and ::1 (RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3).
 */
export class Routing {
  readonly #local: LocalAddresses;

  constructor(local: LocalAddresses) {
    this.#local = local;
  }

  /** Whether a packet with these addresses stays inside the stack. */
  isInside({ d0, d1, d2, d3 }: IpSend): boolean {
    return this.#local.owns(d0, d1, d2, d3) || isLoopback(d0, d1, d2, d3);
  }

  /** Whether the address is one of ours, or a loopback address. */
  isOurs({ a, b, c, d }: Address): boolean {
    return this.#local.owns(a, b, c, d) || isLoopback(a, b, c, d);
  }

  /** 255.255.255.255, or the broadcast address of a prefix of ours. */
  isBroadcast({ a, b, c, d }: Address): boolean {
    return this.#local.isBroadcast(a, b, c, d);
  }

  /** Checks that a remote is one host (RFC 9293 MUST-46). @throws CallError EINVAL. */
  checkHost(remote: Address): void {
    if (remote.isMulticast || remote.isUnspecified || this.isBroadcast(remote)) {
      throw new CallError("EINVAL", `${remote} is not the address of a host`);
    }
  }

  /** Checks an address to bind to. @throws CallError EADDRNOTAVAIL. */
  checkLocal(local: Address | null): void {
    if (local !== null && !this.isOurs(local)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
  }

  /**
   * The source address of packets for `remote`, chosen by IP unless the caller has specified it (RFC 9293 MUST-44, RFC 1122 §4.1.3.5): the
   * remote itself if it is ours, else our first address of its family. @throws CallError EINVAL, EADDRNOTAVAIL.
   */
  source(remote: Address, local: Address | null): Address {
    if (local === null) return this.isOurs(remote) ? remote : this.#first(remote);
    if (local.family !== remote.family) {
      throw new CallError("EINVAL", `${local} and ${remote} are of different IP versions`);
    }
    this.checkLocal(local);
    if (local.isLoopback && !this.isOurs(remote)) {
      throw new CallError(
        "EINVAL",
        `${local} reaches only this stack's own addresses, and ${remote} is another host's`,
      );
    }
    return local;
  }

  /** A TUN has one link, so it is our first address of the family. */
  #first(remote: Address): Address {
    const { own } = this.#local;
    const { family } = remote;
    for (let i = 0; i < own.length; i++) if (own[i]!.family === family) return own[i]!;
    throw new CallError("EADDRNOTAVAIL", `this stack has no IPv${family} address`);
  }
}
