/**
 * UDP (RFC 768, RFC 1122 §4.1): sockets by port, datagrams in and out. Like TCP it uses neither a clock nor a device: received
 * datagrams are passed in, and datagrams to send are polled.
 */
import type { Counters } from "#base/counters";
import { Fifo } from "#base/fifo";
import type { Mark } from "#base/mark";
import type { Packet } from "#base/packet";
import { HEADROOM } from "#base/packet";
import type { Slab } from "#base/slab";
import type { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import type { PathMtu } from "#ip/path-mtu";
import type { IpSend } from "#ip/send";
import * as checksum from "#wire/checksum";
import * as ipv6 from "#wire/ipv6";
import { UDP } from "#wire/protocol";
import * as udphdr from "#wire/udp";
import { DatagramEnds, DatagramQueue } from "./datagram-queue.ts";
import { Flows } from "./flows.ts";
import * as M from "./marks.ts";
import { UdpEndpoint } from "./udp-endpoint.ts";

/** Limits of the datagrams waiting to be sent, over all sockets. */
const SEND_MAX = 256 * 1024;
const SEND_COUNT = 256;
/** The longest payload: IPv4's total length includes both headers, IPv6's payload length only the UDP header (RFC 768). */
export const PAYLOAD_MAX_4 = 65_535 - 20 - udphdr.HEADER;
export const PAYLOAD_MAX_6 = 65_535 - udphdr.HEADER;

export class Udp {
  /** Sockets with events to report: datagrams, an ICMP error, room to send. */
  readonly events = new Fifo<UdpEndpoint>();
  /** Datagrams that no socket hears. */
  readonly flows: Flows;
  readonly #slab: Slab;
  readonly #counters: Counters;
  readonly #endpoints = new Map<number, UdpEndpoint[]>();
  /** Scratch region for the header of the datagram being sent. */
  readonly #scratch: number;
  readonly #sending: DatagramQueue;
  /** Sockets that wait for room in `#sending`. */
  readonly #waiting = new Fifo<UdpEndpoint>();
  readonly #ends = new DatagramEnds();
  /** The first datagram of `#sending` was polled, and stays until the next poll. */
  #held = false;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, counters: Counters) {
    this.flows = new Flows(slab);
    this.#slab = slab;
    this.#counters = counters;
    const lead = HEADROOM + ipv6.HEADER;
    this.#scratch = slab.reserve(lead + udphdr.HEADER) + lead;
    this.#sending = new DatagramQueue(slab, SEND_MAX, SEND_COUNT);
  }

  /**
   * Binds a port; null if it is in use. With `local` null, datagrams for a group or any of our addresses are delivered.
   * @param receiveBuffer limit of unread octets
   */
  bind(local: Address | null, port: number, receiveBuffer?: number): UdpEndpoint | null {
    const there = this.#endpoints.get(port) ?? [];
    if (there.some((other) => other.local === null || local === null || other.local.equals(local))) return null;
    const endpoint = new UdpEndpoint(this.#slab, local, port, receiveBuffer);
    this.#endpoints.set(port, [...there, endpoint]);
    return endpoint;
  }

  isFree(port: number): boolean {
    return !this.#endpoints.has(port);
  }

  /** Closes the socket. Unread datagrams are dropped; those that wait to be sent are sent. */
  unbind(endpoint: UdpEndpoint): void {
    const left = (this.#endpoints.get(endpoint.port) ?? []).filter((each) => each !== endpoint);
    if (left.length > 0) this.#endpoints.set(endpoint.port, left);
    else this.#endpoints.delete(endpoint.port);
    endpoint.queue.clear();
    endpoint.isClosed = true;
  }

  /** Takes a datagram that IP delivered. False if no socket has the port, so that an ICMP error is to be sent. */
  input(header: IpHeader, now: number): boolean {
    const v = this.#slab.view;
    const { o } = header;
    const wrong = udphdr.valid(v, o, header.n);
    if (wrong !== 0 || !this.#checksumGood(header)) {
      this.#counters.count(wrong !== 0 ? wrong : M.RX_BAD_CHECKSUM);
      return true;
    }
    const remotePort = udphdr.sourcePort(v, o);
    const localPort = udphdr.destinationPort(v, o);
    const endpoint = this.#find(header, localPort, remotePort) ?? this.#flow(header, localPort, remotePort, now);
    if (endpoint === null) {
      this.#counters.count(M.RX_NO_PORT);
      return false;
    }
    const ends = this.#ends;
    ends.setRemote(header.s0, header.s1, header.s2, header.s3, remotePort);
    ends.setLocal(header.d0, header.d1, header.d2, header.d3, localPort);
    this.#counters.count(this.#deliver(endpoint, o + udphdr.HEADER, udphdr.length(v, o) - udphdr.HEADER));
    return true;
  }

  #flow(header: IpHeader, localPort: number, remotePort: number, now: number): UdpEndpoint | null {
    return header.group || header.isInside ? null : this.flows.take(header, localPort, remotePort, now);
  }

  /** Queues the datagram between `#ends`, whose `n` octets are at `o`. Returns the mark of what became of it. */
  #deliver(endpoint: UdpEndpoint, o: number, n: number): Mark {
    const slab = this.#slab;
    const { queue } = endpoint;
    const isScarce = slab.isTight && n > slab.grant(queue.pages.memory, slab.pages >> 4);
    if (!isScarce && queue.push(slab.u8, o, n, this.#ends)) {
      this.#tell(endpoint);
      return M.RX_DELIVERED;
    }
    endpoint.dropped++;
    return isScarce ? M.RX_NO_MEMORY : M.RX_FULL;
  }

  /** Finds the socket for a datagram. A connected socket goes before an unconnected one. */
  #find(header: IpHeader, localPort: number, remotePort: number): UdpEndpoint | null {
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const there = this.#endpoints.get(localPort);
    let found: UdpEndpoint | null = null;
    for (let i = 0; there !== undefined && i < there.length; i++) {
      const endpoint = there[i]!;
      if (endpoint.local !== null && !endpoint.local.equalsWords(d0, d1, d2, d3)) continue;
      if (!endpoint.hears(s0, s1, s2, s3, remotePort)) continue;
      if (endpoint.remote !== null) return endpoint;
      found = endpoint;
    }
    return found;
  }

  /** RFC 768: zero means "no checksum". IPv6 requires one (RFC 8200 §8.1). */
  #checksumGood(header: IpHeader): boolean {
    const v = this.#slab.view;
    const { o, family, s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    if (header.csumTrusted) return true;
    if (udphdr.checksum(v, o) === 0) return family === 4;
    const n = udphdr.length(v, o);
    const pseudo =
      family === 4 ? checksum.pseudo4(s3, d3, UDP, n) : checksum.pseudo6(s0, s1, s2, s3, d0, d1, d2, d3, UDP, n);
    return checksum.good(checksum.sum(v, o, n, pseudo));
  }

  #tell(endpoint: UdpEndpoint): void {
    if (endpoint.inEvents) return;
    endpoint.inEvents = true;
    this.events.push(endpoint);
  }

  /**
   * Takes a permanent ICMP error about a datagram of ours between these ends. Only a connected socket gets it (RFC 1122 §4.1.3.3 leaves
   * that to the interface). @param code an error code of the stack
   */
  error({ r0, r1, r2, r3, remotePort, localPort }: DatagramEnds, code: number): void {
    const there = this.#endpoints.get(localPort);
    for (let i = 0; there !== undefined && i < there.length; i++) {
      const endpoint = there[i]!;
      if (endpoint.remote === null || !endpoint.hears(r0, r1, r2, r3, remotePort)) continue;
      endpoint.error = code;
      this.#counters.count(M.RX_ERROR);
      this.#tell(endpoint);
    }
  }

  /** Whether the send queue has room for a datagram of `n` octets. If not, the socket gets an event once a part of the queue is free. */
  hasRoom(endpoint: UdpEndpoint, n: number): boolean {
    if (this.#sending.hasRoom(n)) return true;
    if (!endpoint.wantsRoom) {
      endpoint.wantsRoom = true;
      this.#waiting.push(endpoint);
    }
    return false;
  }

  /** Queues a datagram between `ends`; false if there is no room or no memory. It must not be longer than IP allows. */
  send(source: Uint8Array, ends: DatagramEnds): boolean {
    return this.#sending.push(source, 0, source.length, ends);
  }

  /** Copies as much of the oldest datagram as fits and removes it. Returns its whole length, or -1 if there is none. */
  receive({ queue }: UdpEndpoint, into: Uint8Array): number {
    if (queue.count === 0) return -1;
    const n = queue.length;
    queue.pages.read(0, into, 0, Math.min(n, into.length));
    queue.shift();
    return n;
  }

  /** Whether we can have sent a datagram between these two sockets: the port is bound, and not connected to another remote. */
  mayHaveSent({ r0, r1, r2, r3, remotePort, localPort }: DatagramEnds): boolean {
    const there = this.#endpoints.get(localPort);
    for (let i = 0; there !== undefined && i < there.length; i++) {
      if (there[i]!.hears(r0, r1, r2, r3, remotePort)) return true;
    }
    return false;
  }

  /** Takes the next datagram to send: `packet` begins with its UDP header. Its octets are valid until the next `poll`. */
  poll(packet: Packet, send: IpSend, pathMtu: PathMtu, now: number): boolean {
    const queue = this.#sending;
    if (this.#held) {
      queue.shift();
      this.#held = false;
      this.#tellRoom();
    }
    if (queue.count === 0) return false;
    this.#held = true;
    const ends = this.#ends;
    queue.ends(ends);
    const n = queue.length;
    packet.clear();
    packet.o = this.#scratch;
    packet.n = udphdr.HEADER;
    packet.cause = M.TX_SENT;
    udphdr.write(this.#slab.view, packet.o, ends.localPort, ends.remotePort, udphdr.HEADER + n);
    queue.pages.slices(0, n, packet);
    send.setSource(ends.l0, ends.l1, ends.l2, ends.l3);
    send.setDestination(ends.r0, ends.r1, ends.r2, ends.r3);
    send.protocol = UDP;
    send.tos = 0;
    send.flowLabel = 0;
    // Without DF: a datagram larger than the path MTU is fragmented, and routers may fragment it further.
    const { d0, d1, d2, d3 } = send;
    const mtu = pathMtu.get(d0, d1, d2, d3, now);
    const fits = (send.family === 4 ? 20 : ipv6.HEADER) + udphdr.HEADER + n <= mtu;
    send.dontFragment = fits && !pathMtu.isBelowFloor(d0, d1, d2, d3, now);
    this.#counters.count(M.TX_SENT);
    return true;
  }

  /** Tells the sockets that wait for room, once half of the queue is free. */
  #tellRoom(): void {
    const { count, octets } = this.#sending;
    if (this.#waiting.size === 0 || count > SEND_COUNT / 2 || octets > SEND_MAX / 2) return;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.wantsRoom = false;
      this.#tell(next);
    }
  }

  /** Number of ports in use. */
  get size(): number {
    return this.#endpoints.size;
  }
}
