import { Fifo } from "#base/fifo";
import type { Address } from "#ip/address";
import { CallError } from "#stack/call-error";
import { RX_LIMIT, RX_SOURCE_LIMIT } from "#tcp/words/marks";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { Deferred } from "./deferred.ts";
import { endpointOf } from "./endpoint.ts";
import type { SocketContext } from "./socket-context.ts";
import { TcpSocket } from "./tcp-socket.ts";
import type { Traits } from "./traits.ts";
import type { Endpoint, Listener, Socket } from "./types.ts";

/** A passive OPEN above the engine's listener. */
export class TcpListener implements Listener {
  readonly address: Endpoint;
  onRemoteRefused: ((remote: Endpoint) => void) | null = null;
  onFull: ((what: "backlog" | "connections" | "source") => void) | null = null;
  readonly #context: SocketContext;
  readonly #listener: PassiveOpen;
  readonly #traits: Traits;
  readonly #waiting = new Fifo<(socket: Socket | null) => void>();
  readonly #closed = new Deferred<void>();

  constructor(context: SocketContext, listener: PassiveOpen, traits: Traits) {
    this.#context = context;
    this.#listener = listener;
    this.#traits = traits;
    const anywhere = context.engine.local.own.some((address) => address.family === 4) ? "0.0.0.0" : "::";
    this.address =
      listener.local === null ? { hostname: anywhere, port: listener.port } : endpointOf(listener.local, listener.port);
    listener.user = this;
  }

  accept(): Promise<Socket | null> {
    if (this.#traits.handlers !== null)
      throw new CallError("EALREADY", "the handlers of this listener get its connections");
    const socket = this.#next();
    if (socket !== null || this.#listener.closed) return Promise.resolve(socket);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Socket, void, void> {
    for (;;) {
      const socket = await this.accept();
      if (socket === null) return;
      yield socket;
    }
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): Promise<void> {
    if (!this.#listener.closed) {
      this.#context.engine.unlisten(this.#listener, this.#context.host.now());
      this.#context.host.wake();
      this.#context.forget(this);
      this.unref();
      for (let resolve = this.#waiting.shift(); resolve !== undefined; resolve = this.#waiting.shift()) resolve(null);
      this.#closed.resolve();
    }
    return this.closed;
  }

  ref(): void {
    if (!this.#listener.closed) this.#context.keepAlive(this, true);
  }

  unref(): void {
    this.#context.keepAlive(this, false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Handles the engine's events: connections to accept, refused remotes, SYNs dropped for lack of room. */
  onEvents(): void {
    const listener = this.#listener;
    if (listener.noRoom !== 0) this.#tellFull(listener);
    if (listener.refusedRemote !== null) this.#tellRefused(listener, listener.refusedRemote);
    if (this.#traits.handlers !== null) {
      while (this.#next() !== null);
      return;
    }
    while (this.#waiting.size > 0) {
      const socket = this.#next();
      if (socket === null) return;
      this.#waiting.shift()!(socket);
    }
  }

  // Methods of their own: the closures would cost each call of `onEvents` an environment.
  #tellFull(listener: PassiveOpen): void {
    const { noRoom } = listener;
    listener.noRoom = 0;
    const what = noRoom === RX_LIMIT ? "connections" : noRoom === RX_SOURCE_LIMIT ? "source" : "backlog";
    queueMicrotask(() => this.onFull?.(what));
  }

  #tellRefused(listener: PassiveOpen, refused: Address): void {
    listener.refusedRemote = null;
    const remote = endpointOf(refused, listener.refusedRemotePort);
    queueMicrotask(() => this.onRemoteRefused?.(remote));
  }

  /** The oldest waiting connection. It may have ended already; its promises then reject. */
  #next(): Socket | null {
    const tcb = this.#context.engine.accept(this.#listener);
    return tcb === null ? null : new TcpSocket(this.#context, tcb, this.#traits);
  }
}
