/**
 * UDP (RFC 768, RFC 1122 §4.1): sockets by port, datagrams in and out. Like TCP it uses neither a clock nor a device: received
 * datagrams are passed in, and datagrams to send are polled.
 */
import type { Counters } from "#base/counters";
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
import { DatagramQueue } from "./datagram-queue.ts";
import * as M from "./marks.ts";

/** Limits in octets: received datagrams of one socket (Linux' net.core.rmem_default), and datagrams waiting to be sent. */
const RECEIVE_MAX = 212_992;
const SEND_MAX = 256 * 1024;
/** The longest payload: IPv4's total length includes both headers, IPv6's payload length only the UDP header (RFC 768). */
const PAYLOAD_MAX_4 = 65_535 - 20 - udphdr.HEADER;
const PAYLOAD_MAX_6 = 65_535 - udphdr.HEADER;

/** A socket bound to a port. */
export class UdpSocket {
  /** The address that it is bound to; null for all. */
  readonly local: Address | null;
  readonly port: number;
  /** The connected remote: only its datagrams and the ICMP errors about it are delivered. */
  remote: Address | null = null;
  remotePort = 0;
  /** The last ICMP error, as an error code of the stack; 0: none. The reader clears it. */
  error = 0;
  readonly queue: DatagramQueue;

  constructor(slab: Slab, local: Address | null, port: number) {
    this.local = local;
    this.port = port;
    this.queue = new DatagramQueue(slab, RECEIVE_MAX);
  }

  /** Whether the socket is not connected, or connected to the sender. */
  hears(a: number, b: number, c: number, d: number, port: number): boolean {
    const { remote } = this;
    return remote === null || (port === this.remotePort && is(remote, a, b, c, d));
  }
}

function is(address: Address, a: number, b: number, c: number, d: number): boolean {
  return address.d === d && address.c === c && address.b === b && address.a === a;
}

export class Udp {
  readonly #slab: Slab;
  readonly #counters: Counters;
  readonly #sockets = new Map<number, UdpSocket[]>();
  /** Scratch region for the header of the datagram being sent. */
  readonly #scratch: number;
  readonly #sending: DatagramQueue;
  /** Source address and port of each datagram in `#sending`. */
  readonly #from: { readonly local: Address; readonly port: number }[] = [];
  #held = false;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, counters: Counters) {
    this.#slab = slab;
    this.#counters = counters;
    const lead = HEADROOM + ipv6.HEADER;
    this.#scratch = slab.reserve(lead + udphdr.HEADER) + lead;
    this.#sending = new DatagramQueue(slab, SEND_MAX);
  }

  /** Binds a port; null if it is in use. With `local` null, datagrams for a group or any of our addresses are delivered. */
  bind(local: Address | null, port: number): UdpSocket | null {
    const there = this.#sockets.get(port) ?? [];
    if (there.some((other) => other.local === null || local === null || other.local.equals(local))) return null;
    const socket = new UdpSocket(this.#slab, local, port);
    this.#sockets.set(port, [...there, socket]);
    return socket;
  }

  isFree(port: number): boolean {
    return !this.#sockets.has(port);
  }

  /** Closes the socket. Unread datagrams are dropped. */
  unbind(socket: UdpSocket): void {
    const left = (this.#sockets.get(socket.port) ?? []).filter((each) => each !== socket);
    if (left.length > 0) this.#sockets.set(socket.port, left);
    else this.#sockets.delete(socket.port);
    socket.queue.clear();
  }

  /** Takes a datagram that IP delivered. False if no socket has the port, so that an ICMP error is to be sent. */
  input(header: IpHeader): boolean {
    const v = this.#slab.view;
    const { o, s0, s1, s2, s3 } = header;
    const wrong = udphdr.valid(v, o, header.n);
    if (wrong !== 0 || !this.#checksumGood(header)) {
      this.#counters.count(wrong !== 0 ? wrong : M.RX_BAD_CHECKSUM);
      return true;
    }
    const port = udphdr.sourcePort(v, o);
    const socket = this.#find(header, udphdr.destinationPort(v, o), port);
    if (socket === null) {
      this.#counters.count(M.RX_NO_PORT);
      return false;
    }
    const n = udphdr.length(v, o) - udphdr.HEADER;
    const kept = socket.queue.push(this.#slab.u8, o + udphdr.HEADER, n, s0, s1, s2, s3, port);
    this.#counters.count(kept ? M.RX_DELIVERED : M.RX_FULL);
    return true;
  }

  /** Finds the socket for a datagram. A connected socket goes before an unconnected one. */
  #find(header: IpHeader, localPort: number, remotePort: number): UdpSocket | null {
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const there = this.#sockets.get(localPort);
    let found: UdpSocket | null = null;
    for (let i = 0; there !== undefined && i < there.length; i++) {
      const socket = there[i]!;
      if (socket.local !== null && !is(socket.local, d0, d1, d2, d3)) continue;
      if (!socket.hears(s0, s1, s2, s3, remotePort)) continue;
      if (socket.remote !== null) return socket;
      found = socket;
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

  /**
   * Handles an ICMP error about a datagram of ours. Only connected sockets get it (RFC 1122 §4.1.3.3 leaves that to the interface).
   * @param hard a permanent error
   */
  error(
    localPort: number,
    a: number,
    b: number,
    c: number,
    d: number,
    remotePort: number,
    code: number,
    hard: boolean,
  ): void {
    const there = this.#sockets.get(localPort) ?? [];
    for (const socket of there) {
      if (socket.remote === null || !hard || !socket.hears(a, b, c, d, remotePort)) continue;
      socket.error = code;
      this.#counters.count(M.RX_ERROR);
    }
  }

  /** Queues a datagram; false if there is no room for it now. It must not be longer than IP allows. */
  send(socket: UdpSocket, source: Uint8Array, local: Address, remote: Address, remotePort: number): boolean {
    if (source.length > (remote.family === 4 ? PAYLOAD_MAX_4 : PAYLOAD_MAX_6)) return false;
    const { a, b, c, d } = remote;
    if (!this.#sending.push(source, 0, source.length, a, b, c, d, remotePort)) return false;
    this.#from.push({ local, port: socket.port });
    return true;
  }

  /** Copies as much of the oldest datagram as fits and removes it. Returns its whole length, or -1 if there is none. */
  receive(socket: UdpSocket, into: Uint8Array): number {
    const { queue } = socket;
    if (queue.count === 0) return -1;
    const n = queue.length;
    queue.pages.read(0, into, 0, Math.min(n, into.length));
    queue.shift();
    return n;
  }

  /** Whether we can have sent a datagram between these two sockets: the port is bound, and not connected to another remote. */
  mayHaveSent(localPort: number, a: number, b: number, c: number, d: number, remotePort: number): boolean {
    const there = this.#sockets.get(localPort);
    for (let i = 0; there !== undefined && i < there.length; i++) {
      if (there[i]!.hears(a, b, c, d, remotePort)) return true;
    }
    return false;
  }

  /** Takes the next datagram to send: `packet` begins with its UDP header. Its octets are valid until the next `poll`. */
  poll(packet: Packet, send: IpSend, pathMtu: PathMtu, now: number): boolean {
    const queue = this.#sending;
    if (this.#held) {
      queue.shift();
      this.#from.shift();
      this.#held = false;
    }
    if (queue.count === 0) return false;
    this.#held = true;
    const { local, port } = this.#from[0]!;
    const n = queue.length;
    packet.clear();
    packet.o = this.#scratch;
    packet.n = udphdr.HEADER;
    packet.cause = M.TX_SENT;
    udphdr.write(this.#slab.view, packet.o, port, queue.port, udphdr.HEADER + n);
    queue.pages.slices(0, n, packet);
    send.setSource(local.a, local.b, local.c, local.d);
    send.setDestination(queue.word(0), queue.word(1), queue.word(2), queue.word(3));
    send.protocol = UDP;
    send.tos = 0;
    send.flowLabel = 0;
    // Without DF: a datagram larger than the path MTU is fragmented, and routers may fragment it further.
    const { d0, d1, d2, d3 } = send;
    const mtu = pathMtu.get(d0, d1, d2, d3, now);
    const fits = (local.family === 4 ? 20 : ipv6.HEADER) + udphdr.HEADER + n <= mtu;
    send.dontFragment = fits && !pathMtu.isBelowFloor(d0, d1, d2, d3, now);
    this.#counters.count(M.TX_SENT);
    return true;
  }

  /** Number of ports in use. */
  get size(): number {
    return this.#sockets.size;
  }
}
