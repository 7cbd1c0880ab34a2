/** What a `dgram.Socket` of a stack does not have, and says so. */
import { EventEmitter } from "node:events";
import type { LookupFunction } from "./call-arguments.ts";
import { coded } from "./errors.ts";

/** Options of `dgram.createSocket`, with Node's names. */
export interface DgramOptions {
  readonly type: "udp4" | "udp6";
  /** No effect: the ports are those of the stack. */
  readonly reuseAddr?: boolean | undefined;
  /** No effect: the ports are those of the stack. */
  readonly reusePort?: boolean | undefined;
  /** No effect: a socket of either type has the addresses of both families. */
  readonly ipv6Only?: boolean | undefined;
  /** The most unread octets. */
  readonly recvBufferSize?: number | undefined;
  /** No effect: the stack has one send queue. */
  readonly sendBufferSize?: number | undefined;
  /** Resolves names. Default: the stack does. */
  readonly lookup?: LookupFunction | undefined;
  /** Closes the socket when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** Who sent a datagram. */
export interface RemoteInfo {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
  /** Octets of the datagram. */
  readonly size: number;
}

/** Octets of unread datagrams if nobody says otherwise, as the stack's (Linux' net.core.rmem_default). */
export const BUFFER = 212_992;

export const refused = (what: string) =>
  coded("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", `${what}: a UDP socket of a tcpnet stack does not have it`);

/** Calls that change nothing here: each throws ERR_FEATURE_UNAVAILABLE_ON_PLATFORM, but for those that ask. */
export class DgramSettings extends EventEmitter {
  getSendBufferSize(): number {
    return BUFFER;
  }

  getSendQueueSize(): number {
    return 0;
  }

  setRecvBufferSize(): never {
    throw refused("setRecvBufferSize: use the option recvBufferSize");
  }

  setSendBufferSize(): never {
    throw refused("setSendBufferSize");
  }

  setTTL(): never {
    throw refused("setTTL");
  }

  setMulticastTTL(): never {
    throw refused("multicast (setMulticastTTL)");
  }

  setMulticastLoopback(): never {
    throw refused("multicast (setMulticastLoopback)");
  }

  setMulticastInterface(): never {
    throw refused("multicast (setMulticastInterface)");
  }

  addMembership(): never {
    throw refused("multicast (addMembership)");
  }

  dropMembership(): never {
    throw refused("multicast (dropMembership)");
  }

  addSourceSpecificMembership(): never {
    throw refused("multicast (addSourceSpecificMembership)");
  }

  dropSourceSpecificMembership(): never {
    throw refused("multicast (dropSourceSpecificMembership)");
  }
}
