import { Fifo } from "#base/fifo";
import { CallError } from "#stack/call-error";
import type { UdpEndpoint } from "#stack/datagrams";
import type { TcpErrorName } from "#tcp/words/error";
import type { AddressCache } from "./address-cache.ts";
import { checkBytes, invalid, shown, whole } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { endpointText, remoteOf } from "./endpoint.ts";
import type { SocketContext } from "./socket-context.ts";
import type { Endpoint } from "./types.ts";
import { checkAddress } from "./udp-arguments.ts";
import type { Datagram, UdpHandlers, UdpSocket } from "./udp-types.ts";

/** What UDP sockets need of their stack. */
export interface UdpContext extends Pick<SocketContext, "engine" | "host" | "keepAlive"> {
  readonly cache: AddressCache;
  forgetUdp(socket: UdpNetSocket): void;
}

/** A UDP socket on top of the stack's. */
export class UdpNetSocket implements UdpSocket {
  readonly address: string;
  readonly port: number;
  data: unknown = undefined;
  softError: ConnectionError | null = null;
  closed = false;
  readonly #context: UdpContext;
  readonly #endpoint: UdpEndpoint;
  readonly #handlers: UdpHandlers;
  #remote: Endpoint | null = null;
  readonly #readers = new Fifo<Deferred<Datagram | null>>();
  #drained: Deferred<void> | null = null;
  /** A send found no room, so `drain` is due. */
  #wantsRoom = false;
  /** An ICMP error for the next `receive`. */
  #pending: ConnectionError | null = null;
  /** Why it was closed, if not by a call. */
  #failure: ConnectionError | null = null;

  constructor(context: UdpContext, endpoint: UdpEndpoint, anywhere: string, handlers: UdpHandlers = {}) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#handlers = handlers;
    const { datagrams } = context.engine;
    this.address = datagrams.local(endpoint)?.toString() ?? anywhere;
    this.port = datagrams.port(endpoint);
    datagrams.own(endpoint, this);
  }

  get remote(): Endpoint | null {
    return this.#remote;
  }

  get dropped(): number {
    return this.#context.engine.datagrams.dropped(this.#endpoint);
  }

  get broadcast(): boolean {
    return this.#context.engine.datagrams.mayBroadcast(this.#endpoint);
  }

  set broadcast(isAllowed: boolean) {
    if (!this.closed) this.#context.engine.datagrams.allowBroadcast(this.#endpoint, isAllowed);
  }

  // --- Sending -----------------------------------------------------------------------------------------------------

  send(data: Uint8Array, port?: number, address?: string, localAddress?: string): boolean {
    const sent = this.#put(data, port, address, localAddress);
    if (sent) this.#context.host.wake();
    return sent;
  }

  sendMany(packets: readonly (Uint8Array | number | string)[]): number {
    if (!Array.isArray(packets)) throw invalid(`sendMany's argument must be an array, not ${shown(packets)}`);
    const step = this.#remote === null ? 3 : 1;
    if (packets.length % step !== 0) {
      throw invalid(`sendMany needs data, port and address of each datagram: ${packets.length} is not a multiple of 3`);
    }
    let sent = 0;
    try {
      while (sent * step < packets.length && this.#putOne(packets, sent * step, step)) sent++;
    } finally {
      if (sent > 0) this.#context.host.wake();
    }
    return sent;
  }

  #putOne(packets: readonly unknown[], i: number, step: number): boolean {
    return step === 1 ? this.#put(packets[i]) : this.#put(packets[i], packets[i + 1] ?? null, packets[i + 2] ?? null);
  }

  #put(data: unknown, port?: unknown, address?: unknown, localAddress?: unknown): boolean {
    checkBytes("the data of a datagram", data);
    this.#checkOpen("send");
    const { engine, cache } = this.#context;
    const { datagrams } = engine;
    let sent: boolean;
    if (port === undefined && address === undefined && localAddress === undefined) {
      sent = datagrams.sendConnected(this.#endpoint, data);
    } else {
      if (this.#remote !== null) {
        throw new CallError("EISCONN", `the socket is connected to ${endpointText(this.#remote)}: send only the data`);
      }
      const toPort = whole("port", port, 1, 65_535);
      checkAddress(address);
      const to = cache.address(address);
      const from = localAddress === undefined ? null : this.#source(localAddress);
      sent = datagrams.send(this.#endpoint, data, to, toPort, from);
    }
    if (!sent) this.#wantsRoom = true;
    return sent;
  }

  #source(localAddress: unknown) {
    checkAddress(localAddress);
    return this.#context.cache.address(localAddress);
  }

  drained(): Promise<void> {
    if (this.closed) return Promise.reject(this.#closedError("send"));
    if (!this.#wantsRoom) return Promise.resolve();
    return (this.#drained ??= new Deferred()).promise;
  }

  // --- Receiving ---------------------------------------------------------------------------------------------------

  receive(): Promise<Datagram | null> {
    if (this.#handlers.data !== undefined) {
      throw new CallError("EALREADY", "datagrams go to the data handler that this socket was given");
    }
    if (this.closed) return this.#failure === null ? Promise.resolve(null) : Promise.reject(this.#failure);
    if (this.#pending !== null) {
      const error = this.#pending;
      this.#pending = null;
      return Promise.reject(error);
    }
    if (this.#context.engine.datagrams.waiting(this.#endpoint) > 0) return Promise.resolve(this.#take());
    const reader = new Deferred<Datagram | null>();
    this.#readers.push(reader);
    return reader.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void, void> {
    for (;;) {
      const datagram = await this.receive();
      if (datagram === null) return;
      yield datagram;
    }
  }

  #take(): Datagram {
    const { datagrams } = this.#context.engine;
    const data = new Uint8Array(datagrams.nextLength(this.#endpoint));
    datagrams.receive(this.#endpoint, data);
    const { ends } = datagrams;
    const { cache } = this.#context;
    return {
      data,
      port: ends.remotePort,
      address: cache.text(ends.r0, ends.r1, ends.r2, ends.r3),
      localAddress: cache.text(ends.l0, ends.l1, ends.l2, ends.l3),
    };
  }

  // --- Connecting and closing --------------------------------------------------------------------------------------

  connect(remote: Endpoint | string): void {
    this.#checkOpen("connect");
    const { address, port } = remoteOf(remote);
    this.#context.engine.datagrams.connect(this.#endpoint, address, port);
    this.#remote = { hostname: address.toString(), port };
    this.#pending = null;
  }

  disconnect(): void {
    if (this.closed) return;
    this.#context.engine.datagrams.connect(this.#endpoint, null);
    this.#remote = null;
    this.#pending = null;
  }

  ref(): void {
    if (!this.closed) this.#context.keepAlive(this, true);
  }

  unref(): void {
    this.#context.keepAlive(this, false);
  }

  addMembership(group: string): never {
    throw new CallError("EOPNOTSUPP", `cannot join ${shown(group)}: this stack does not support multicast`);
  }

  close(): Promise<void> {
    this.end(null);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes it, because of `failure` or by a call. */
  end(failure: ConnectionError | null): void {
    if (this.closed) return;
    this.closed = true;
    this.#failure = failure;
    this.#context.engine.datagrams.close(this.#endpoint);
    this.#context.forgetUdp(this);
    this.unref();
    this.#drained?.reject(this.#closedError("send"));
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      if (failure === null) reader.resolve(null);
      else reader.reject(failure);
    }
    const { close } = this.#handlers;
    if (close !== undefined) queueMicrotask(() => close.call(this.#handlers, this, failure));
  }

  #checkOpen(what: string): void {
    if (this.closed) throw this.#closedError(what);
  }

  #closedError(what: string): CallError | ConnectionError {
    return this.#failure ?? new CallError("EPIPE", `cannot ${what}: the UDP socket of port ${this.port} is closed`);
  }

  // --- Events of the engine ----------------------------------------------------------------------------------------

  /** Something came: datagrams, an ICMP error, room to send. */
  onEvents(): void {
    const { datagrams } = this.#context.engine;
    const error = datagrams.takeError(this.#endpoint);
    if (error !== null) this.#doubt(error);
    if (this.#handlers.data !== undefined) this.#give(this.#handlers.data);
    else this.#wakeReaders();
    if (this.closed || !this.#wantsRoom || datagrams.waitsForRoom(this.#endpoint)) return;
    this.#wantsRoom = false;
    this.#drained?.resolve();
    this.#drained = null;
    this.#call(() => this.#handlers.drain?.(this));
  }

  #give(data: NonNullable<UdpHandlers["data"]>): void {
    const { engine, cache } = this.#context;
    const { datagrams } = engine;
    const endpoint = this.#endpoint;
    while (!this.closed && datagrams.waiting(endpoint) > 0) {
      const view = datagrams.view(endpoint);
      const { ends } = datagrams;
      const port = ends.remotePort;
      const address = cache.text(ends.r0, ends.r1, ends.r2, ends.r3);
      const localAddress = cache.text(ends.l0, ends.l1, ends.l2, ends.l3);
      try {
        data.call(this.#handlers, this, view, port, address, localAddress);
      } catch (error) {
        this.#thrown(error);
      }
      datagrams.discard(endpoint);
    }
  }

  #wakeReaders(): void {
    const { datagrams } = this.#context.engine;
    while (this.#readers.size > 0 && datagrams.waiting(this.#endpoint) > 0)
      this.#readers.shift()!.resolve(this.#take());
  }

  #doubt(code: TcpErrorName): void {
    const error = new ConnectionError(code, errorText(code, this.#remote));
    this.softError = error;
    const { error: handler } = this.#handlers;
    if (handler !== undefined) this.#call(() => handler.call(this.#handlers, this, error));
    else if (this.#readers.size > 0) this.#readers.shift()!.reject(error);
    else this.#pending = error;
  }

  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#thrown(error);
    }
  }

  /** An exception of the application must not end the engine's turn, or keep events from other sockets. */
  #thrown(error: unknown): void {
    queueMicrotask(() => {
      if (this.#handlers.error === undefined) throw error;
      this.#handlers.error(this, error);
    });
  }
}

function errorText(code: TcpErrorName, remote: Endpoint | null): string {
  const where = remote === null ? "the remote" : endpointText(remote);
  switch (code) {
    case "ECONNREFUSED":
      return `${where} refused the datagram: no program receives there (ICMP port unreachable)`;
    case "ENOPROTOOPT":
      return `${where} does not speak UDP (ICMP protocol unreachable)`;
    default:
      return `${where} is unreachable (ICMP error: a policy on the path forbids it)`;
  }
}
