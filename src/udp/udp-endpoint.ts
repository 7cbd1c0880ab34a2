import type { Slab } from "#base/slab";
import type { Address } from "#ip/address";
import { DatagramQueue } from "./datagram-queue.ts";

/** Default limit of received octets in one queue: Linux' net.core.rmem_default. */
export const RECEIVE_BUFFER = 212_992;
/** Octets of the buffer for each datagram that may wait: what Linux counts for the smallest one. */
const OCTETS_PER_DATAGRAM = 832;

/** A socket bound to a port: the handle of calls. Its fields belong to `Udp` and the stack. */
export class UdpEndpoint {
  /** The address that it is bound to; null for all. */
  readonly local: Address | null;
  readonly port: number;
  /** The connected remote: only its datagrams and the ICMP errors about it are delivered. */
  remote: Address | null = null;
  remotePort = 0;
  /** May send to a broadcast address. */
  broadcast = false;
  /** The last ICMP error, as an error code of the stack; 0: none. */
  error = 0;
  /** Datagrams that were dropped because the queue was full or the stack had no memory. */
  dropped = 0;
  readonly queue: DatagramQueue;
  /** In the list of those with events to report. */
  inEvents = false;
  /** Waits for room to send. */
  wantsRoom = false;
  isClosed = false;
  /** The object of the layer above. */
  user: unknown = null;

  constructor(slab: Slab, local: Address | null, port: number, receiveBuffer = RECEIVE_BUFFER) {
    this.local = local;
    this.port = port;
    this.queue = new DatagramQueue(slab, receiveBuffer, datagramsOf(receiveBuffer));
  }

  /** Whether the socket is not connected, or connected to the sender. */
  hears(a: number, b: number, c: number, d: number, port: number): boolean {
    const { remote } = this;
    return remote === null || (port === this.remotePort && remote.equalsWords(a, b, c, d));
  }
}

/** The power of two that is at least the number of small datagrams which a buffer of this size holds. */
function datagramsOf(octets: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(16, octets / OCTETS_PER_DATAGRAM)));
}
