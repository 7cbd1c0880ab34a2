/** The calls of UDP sockets (RFC 768, RFC 1122 §4.1.4), and what the stack passes to UDP. */
import type { Counters } from "#base/counters";
import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { type IcmpError, PORT_UNREACHABLE, PROHIBITED, PROTOCOL_UNREACHABLE, TOO_BIG } from "#icmp/read-error";
import type { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import { claimedMtu, type PathMtu } from "#ip/path-mtu";
import type { IpSend } from "#ip/send";
import { errorName, type TcpErrorName } from "#tcp/words/error";
import { DatagramEnds } from "#udp/datagram-queue";
import type { Flow, Flows } from "#udp/flows";
import { PAYLOAD_MAX_4, PAYLOAD_MAX_6, Udp } from "#udp/udp";
import type { UdpEndpoint } from "#udp/udp-endpoint";
import { UDP } from "#wire/protocol";
import { CallError } from "./call-error.ts";
import type { Floods } from "./floods.ts";
import { errorOf } from "./icmp-errors.ts";
import { checkPort, type Ports } from "./ports.ts";
import type { Routing } from "./routing.ts";

export type { DatagramEnds, Flow, UdpEndpoint };

export interface UdpOptions {
  /** 0 or absent: any free port (RFC 6056). */
  readonly port?: number;
  /** Null or absent: every address of ours, and broadcasts. */
  readonly local?: Address | null;
  /** Limit of unread octets; more are dropped. */
  readonly receiveBuffer?: number;
  /** Sending to broadcast addresses is allowed. */
  readonly broadcast?: boolean;
}

/** The most octets of a datagram's payload. */
export function payloadMax(family: 4 | 6): number {
  return family === 4 ? PAYLOAD_MAX_4 : PAYLOAD_MAX_6;
}

export class Datagrams {
  /** The ends of the datagram that `receive` or `view` returned last. Reused. */
  readonly ends = new DatagramEnds();
  /** Told of each socket; null: no filter is there. */
  floods: Floods | null = null;
  readonly #udp: Udp;
  readonly #ports: Ports;
  readonly #routing: Routing;
  readonly #pathMtu: PathMtu;
  readonly #scratch = new DatagramEnds();
  /** For a view of a datagram that is not contiguous in memory. */
  #whole = new Uint8Array(0);

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, counters: Counters, ports: Ports, routing: Routing, pathMtu: PathMtu) {
    this.#udp = new Udp(slab, counters);
    this.#ports = ports;
    this.#routing = routing;
    this.#pathMtu = pathMtu;
  }

  // --- Calls -------------------------------------------------------------------------------------------------------

  /** Opens a socket. Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  open(options: UdpOptions = {}): UdpEndpoint {
    const { port = 0, local = null, receiveBuffer, broadcast = false } = options;
    checkPort(port, 0);
    this.#routing.checkLocal(local);
    const chosen = port > 0 ? port : this.#ports.chooseLocal(local, (each) => this.#udp.isFree(each));
    const endpoint = chosen < 0 ? null : this.#udp.bind(local, chosen, receiveBuffer);
    if (endpoint === null) {
      throw new CallError("EADDRINUSE", port > 0 ? `UDP port ${port} is already in use` : "no UDP port is free");
    }
    this.floods?.bound(UDP, endpoint.port);
    endpoint.broadcast = broadcast;
    return endpoint;
  }

  /** Whether sending to broadcast addresses is allowed. */
  allowBroadcast(endpoint: UdpEndpoint, isAllowed: boolean): void {
    endpoint.broadcast = isAllowed;
  }

  mayBroadcast(endpoint: UdpEndpoint): boolean {
    return endpoint.broadcast;
  }

  /**
   * From now on the socket sends to this remote, and gets only its datagrams and the ICMP errors about it. Null: no longer. Throws
   * CallError: EINVAL, EADDRNOTAVAIL, EACCES.
   */
  connect(endpoint: UdpEndpoint, remote: Address | null, remotePort = 0): void {
    if (remote !== null) {
      checkPort(remotePort, 1);
      this.#source(endpoint, remote, null);
    }
    endpoint.remote = remote;
    endpoint.remotePort = remotePort;
    endpoint.error = 0;
  }

  /**
   * Sends a datagram. False if there is no room for it now: `nextEvent` tells when there is. Throws CallError: EMSGSIZE (more than IP
   * can carry), EINVAL, EADDRNOTAVAIL, EACCES (a broadcast address), ENOBUFS (no memory).
   * @param local the source address; null: the socket's own, or chosen by IP (RFC 1122 §4.1.3.5)
   */
  send(
    endpoint: UdpEndpoint,
    octets: Uint8Array,
    remote: Address,
    remotePort: number,
    local: Address | null = null,
  ): boolean {
    checkPort(remotePort, 1);
    checkLength(remote.family, octets.length);
    const source = this.#source(endpoint, remote, local);
    if (!this.#udp.hasRoom(endpoint, octets.length)) return false;
    return this.#queue(octets, remote, remotePort, source, endpoint.port);
  }

  #queue(octets: Uint8Array, remote: Address, remotePort: number, source: Address, port: number): boolean {
    const ends = this.#scratch;
    ends.setRemote(remote.a, remote.b, remote.c, remote.d, remotePort);
    ends.setLocal(source.a, source.b, source.c, source.d, port);
    if (!this.#udp.send(octets, ends)) throw new CallError("ENOBUFS", "the stack has no memory left for a datagram");
    return true;
  }

  /** Sends to the connected remote. Throws CallError as `send` does, and ENOTCONN. */
  sendConnected(endpoint: UdpEndpoint, octets: Uint8Array): boolean {
    const { remote, remotePort } = endpoint;
    if (remote === null) throw new CallError("ENOTCONN", "the socket is not connected: name a port and an address");
    return this.send(endpoint, octets, remote, remotePort);
  }

  /** Sends a datagram back to whoever began the flow. False if there is no room now. Throws CallError: EMSGSIZE, EPIPE, ENOBUFS. */
  sendBack(flow: Flow, octets: Uint8Array, now: number): boolean {
    if (flow.isClosed) throw new CallError("EPIPE", "the flow has ended");
    const { local, remote } = flow;
    checkLength(remote!.family, octets.length);
    if (!this.#udp.hasRoom(flow, octets.length)) return false;
    this.#udp.flows.use(flow, now);
    return this.#queue(octets, remote!, flow.remotePort, local!, flow.port);
  }

  #source(endpoint: UdpEndpoint, remote: Address, local: Address | null): Address {
    if (remote.isMulticast) {
      throw new CallError("EINVAL", `${remote} is a multicast address, which this stack does not support`);
    }
    if (remote.isUnspecified) throw new CallError("EINVAL", `${remote} is not the address of a host`);
    if (!endpoint.broadcast && this.#routing.isBroadcast(remote)) {
      throw new CallError("EACCES", `${remote} is a broadcast address: open the socket with broadcast: true`);
    }
    return this.#routing.source(remote, local ?? endpoint.local);
  }

  /** Unread datagrams. */
  waiting(endpoint: UdpEndpoint): number {
    return endpoint.queue.count;
  }

  /** Octets of the oldest unread datagram; -1 if there is none. */
  nextLength({ queue }: UdpEndpoint): number {
    return queue.count === 0 ? -1 : queue.length;
  }

  /** Takes the oldest datagram, as much as fits: returns its whole length, or -1 if there is none. Fills `ends`. */
  receive(endpoint: UdpEndpoint, into: Uint8Array): number {
    if (endpoint.queue.count > 0) endpoint.queue.ends(this.ends);
    return this.#udp.receive(endpoint, into);
  }

  /** A view of the oldest datagram, valid until the next call of the stack; there must be one. Fills `ends`. `discard` removes it. */
  view({ queue }: UdpEndpoint): Uint8Array {
    queue.ends(this.ends);
    const n = queue.length;
    if (n === 0) return NOTHING;
    const piece = queue.pages.first(n);
    if (piece.length === n) return piece;
    if (this.#whole.length === 0) this.#whole = new Uint8Array(PAYLOAD_MAX_6);
    queue.pages.read(0, this.#whole, 0, n);
    return this.#whole.subarray(0, n);
  }

  /** Removes the oldest datagram, if there is one. */
  discard({ queue }: UdpEndpoint): void {
    if (queue.count > 0) queue.shift();
  }

  /** The ICMP error that arrived last, returned once; null if there is none. */
  takeError(endpoint: UdpEndpoint): TcpErrorName | null {
    const { error } = endpoint;
    endpoint.error = 0;
    return error === 0 ? null : errorName(error);
  }

  hasError(endpoint: UdpEndpoint): boolean {
    return endpoint.error !== 0;
  }

  /** Whether a send found no room, and `nextEvent` has not told of any yet. */
  waitsForRoom(endpoint: UdpEndpoint): boolean {
    return endpoint.wantsRoom;
  }

  /** Received datagrams that were dropped because the queue was full. */
  dropped(endpoint: UdpEndpoint): number {
    return endpoint.dropped;
  }

  /** The address that it is bound to, or null; and its port. */
  local(endpoint: UdpEndpoint): Address | null {
    return endpoint.local;
  }

  port(endpoint: UdpEndpoint): number {
    return endpoint.port;
  }

  /** Makes `user` the owner of the socket, which `nextEvent` returns. */
  own(endpoint: UdpEndpoint, user: object): void {
    endpoint.user = user;
  }

  /** Closes the socket: unread datagrams are dropped, those that wait to be sent are sent. */
  close(endpoint: UdpEndpoint): void {
    if (!endpoint.isClosed) this.floods?.unbound(UDP, endpoint.port);
    this.#udp.unbind(endpoint);
    endpoint.user = null;
  }

  hasEvents(): boolean {
    return this.#udp.events.size > 0;
  }

  /** The owner of the next socket with something to report (datagrams, an ICMP error, room to send); undefined if there is none. */
  nextEvent(): object | undefined {
    for (let next = this.#udp.events.shift(); next !== undefined; next = this.#udp.events.shift()) {
      next.inEvents = false;
      if (next.user !== null) return next.user as object;
    }
    return undefined;
  }

  /** Datagrams that no socket hears (`Interception`). */
  get flows(): Flows {
    return this.#udp.flows;
  }

  // --- For the stack -----------------------------------------------------------------------------------------------

  /** Takes a datagram that IP delivered. False: port unreachable. */
  input(header: IpHeader, now: number): boolean {
    return this.#udp.input(header, now);
  }

  /**
   * Takes an ICMP error about a datagram: a smaller path MTU, or a permanent error for its connected socket. False if no socket can have
   * sent that datagram.
   */
  icmpError(e: IcmpError, now: number): boolean {
    const ends = this.#scratch;
    ends.setRemote(e.d0, e.d1, e.d2, e.d3, e.destinationPort);
    ends.setLocal(e.s0, e.s1, e.s2, e.s3, e.sourcePort);
    const isOurs = this.#udp.mayHaveSent(ends);
    if (e.kind === TOO_BIG && isOurs) {
      const mtu = claimedMtu(e.family, e.mtu, e.packetLength);
      if (mtu > 0) this.#pathMtu.lower(e.d0, e.d1, e.d2, e.d3, mtu, now);
    }
    const hard = e.kind === PORT_UNREACHABLE || e.kind === PROTOCOL_UNREACHABLE || e.kind === PROHIBITED;
    if (hard) this.#udp.error(ends, errorOf(e));
    return isOurs;
  }

  /** Takes the next datagram to send: `packet` begins with its UDP header. */
  poll(packet: Packet, send: IpSend, now: number): boolean {
    return this.#udp.poll(packet, send, this.#pathMtu, now);
  }
}

const NOTHING = new Uint8Array(0);

function checkLength(family: 4 | 6, n: number): void {
  const most = payloadMax(family);
  if (n > most)
    throw new CallError("EMSGSIZE", `a datagram over IPv${family} carries at most ${most} octets, not ${n}`);
}
