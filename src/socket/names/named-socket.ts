/** A connection to a name: until an address has answered, it stands for the one that will be; then it passes all calls on. */
import { Alarm } from "#stack/alarms";
import { CallError } from "#stack/call-error";
import type { TcpInfo } from "#tcp/machine/info";
import type { Tcb } from "#tcp/words/tcb";
import { checkChanges, checkFill } from "../arguments.ts";
import { checkBytes } from "../checks.ts";
import { ConnectionError } from "../connection-error.ts";
import { Deferred } from "../deferred.ts";
import { endpointText } from "../endpoint.ts";
import { paramsOf } from "../options.ts";
import { checkShared, type SharedBytes } from "../shared-bytes.ts";
import type { SocketContext } from "../socket-context.ts";
import { startTls } from "../start-tls.ts";
import { readableOf, writableOf } from "../streams.ts";
import { TcpSocket } from "../tcp-socket.ts";
import type { TlsOptions, TlsSocket } from "../tls-types.ts";
import { type Traits, traitsOf } from "../traits.ts";
import type { ChangeableOptions, Endpoint, Socket, SocketHandlers, SocketInfo, WriteOptions } from "../types.ts";

/** Settings that were made before the connection was there, and are passed on. */
interface Wishes {
  options: ChangeableOptions[];
  corked: boolean;
  paused: boolean;
  finished: boolean;
  /** A write found no room. */
  wantsRoom: boolean;
  onSoftError: ((error: ConnectionError) => void) | null;
  onUrgent: ((left: number) => void) | null;
}

export class NamedSocket implements Socket {
  data: unknown = undefined;
  readonly #context: SocketContext;
  readonly #name: Endpoint;
  readonly #traits: Traits;
  #inner: TcpSocket | null = null;
  /** Why there will be no connection. */
  #failure: ConnectionError | null = null;
  /** It was closed before it was open. */
  #isClosed = false;
  readonly #wishes: Wishes = {
    options: [],
    corked: false,
    paused: false,
    finished: false,
    wantsRoom: false,
    onSoftError: null,
    onUrgent: null,
  };
  /** Settles when the connection is there, or will never be. */
  readonly #ready = new Deferred<TcpSocket>();
  readonly #opened = new Deferred<SocketInfo>();
  readonly #closed = new Deferred<void>();
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  readonly #late: Alarm;
  /** Ends the search for an address. */
  readonly #cancel: () => void;

  /** @param cancel ends resolution and attempts @param timeout µs; 0: none */
  constructor(context: SocketContext, name: Endpoint, traits: Traits, timeout: number, cancel: () => void) {
    this.#context = context;
    this.#name = name;
    this.#traits = traits;
    this.#cancel = cancel;
    this.#late = new Alarm(() => this.#tooLate(timeout));
    if (timeout > 0) {
      context.engine.alarms.set(this.#late, context.host.now() + timeout);
      context.host.wake();
    }
  }

  // --- The search --------------------------------------------------------------------------------------------------

  /** An attempt is open: this is its connection from now on. */
  adopt(tcb: Tcb): void {
    this.#context.engine.alarms.clear(this.#late);
    const { handlers } = this.#traits;
    const inner = new TcpSocket(this.#context, tcb, {
      ...this.#traits,
      handlers: handlers === null ? null : this.#facing(handlers),
    });
    this.#take(inner);
  }

  /** No address has answered. */
  fail(error: ConnectionError): void {
    if (this.#failure !== null || this.#isClosed) return;
    this.#failure = error;
    this.#end();
    this.#opened.reject(error);
    this.#closed.reject(error);
    this.#ready.reject(error);
    this.#callClose(error);
  }

  #tooLate(timeout: number): void {
    const ms = timeout / 1_000;
    this.fail(new ConnectionError("ETIMEDOUT", `could not connect to ${this.remoteAddress} within ${ms} ms`));
  }

  #end(): void {
    this.#context.engine.alarms.clear(this.#late);
    this.#context.keepAlive(this, false);
    this.#cancel();
  }

  #callClose(error: ConnectionError | null): void {
    const { handlers } = this.#traits;
    if (handlers?.close !== undefined) queueMicrotask(() => handlers.close?.(this, error));
  }

  /** Passes on what was wished before. The first handler that is called comes here before it is called. */
  #take(inner: TcpSocket): void {
    if (this.#inner !== null) return;
    this.#inner = inner;
    const wishes = this.#wishes;
    for (const options of wishes.options) inner.setOptions(options);
    if (wishes.corked) inner.cork();
    if (wishes.paused) inner.pause();
    if (wishes.onSoftError !== null) inner.onSoftError = wishes.onSoftError;
    if (wishes.onUrgent !== null) inner.onUrgent = wishes.onUrgent;
    inner.opened.then(this.#opened.resolve, this.#opened.reject);
    inner.closed.then(this.#closed.resolve, this.#closed.reject);
    const forget = () => this.#context.keepAlive(this, false);
    inner.closed.then(forget, forget);
    this.#ready.resolve(inner);
    if (wishes.finished) inner.closeWrite();
  }

  /** The handlers, called with this socket instead of the one within. */
  #facing(handlers: SocketHandlers): SocketHandlers {
    const wishes = this.#wishes;
    const face = (inner: Socket) => {
      this.#take(inner as TcpSocket);
      return this;
    };
    const { data, timeout } = handlers;
    return {
      open: (inner) => {
        handlers.open?.(face(inner));
        if (wishes.wantsRoom) queueMicrotask(() => handlers.drain?.(this));
      },
      ...(data === undefined ? {} : { data: (inner, bytes) => handlers.data!(face(inner), bytes) }),
      drain: (inner) => handlers.drain?.(face(inner)),
      ...(timeout === undefined ? {} : { timeout: (inner) => handlers.timeout!(face(inner)) }),
      end: (inner) => handlers.end?.(face(inner)),
      close: (inner, error) => handlers.close?.(face(inner), error),
      error: (inner, error) => {
        if (handlers.error === undefined) throw error;
        handlers.error(face(inner), error);
      },
    };
  }

  // --- Who and how -------------------------------------------------------------------------------------------------

  /** The name, until an address has answered. */
  get remote(): Endpoint {
    return this.#inner?.remote ?? this.#name;
  }

  get local(): Endpoint {
    return this.#inner?.local ?? { hostname: "0.0.0.0", port: 0 };
  }

  get remoteAddress(): string {
    return endpointText(this.remote);
  }

  get localAddress(): string {
    return endpointText(this.local);
  }

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get agreed(): SocketInfo | null {
    return this.#inner?.agreed ?? null;
  }

  get state(): TcpInfo["state"] {
    return this.#inner?.state ?? "CLOSED";
  }

  get id(): number {
    return this.#inner?.id ?? -1;
  }

  info(): TcpInfo {
    return this.#present("info").info();
  }

  get softError(): ConnectionError | null {
    return this.#inner?.softError ?? null;
  }

  get onSoftError(): ((error: ConnectionError) => void) | null {
    return this.#inner === null ? this.#wishes.onSoftError : this.#inner.onSoftError;
  }

  set onSoftError(call: ((error: ConnectionError) => void) | null) {
    if (this.#inner === null) this.#wishes.onSoftError = call;
    else this.#inner.onSoftError = call;
  }

  get onUrgent(): ((left: number) => void) | null {
    return this.#inner === null ? this.#wishes.onUrgent : this.#inner.onUrgent;
  }

  set onUrgent(call: ((left: number) => void) | null) {
    if (this.#inner === null) this.#wishes.onUrgent = call;
    else this.#inner.onUrgent = call;
  }

  #present(call: string): TcpSocket {
    if (this.#inner !== null) return this.#inner;
    throw new CallError("ENOTCONN", `${call} needs a connection to ${this.remoteAddress}: await opened`);
  }

  // --- Reading and writing -----------------------------------------------------------------------------------------

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#readable === null && this.#inner !== null) return this.#inner.readable;
    this.#refuseHandlers();
    return (this.#readable ??= readableOf({
      available: async () => (await this.#ready.promise).available(),
      fill: async (into) => (await this.#ready.promise).fill(into),
      take: (into) => this.#inner!.take(into),
      stopReading: () => (this.#inner === null ? void this.close() : this.#inner.stopReading()),
    }));
  }

  get writable(): WritableStream<Uint8Array> {
    if (this.#writable === null && this.#inner !== null) return this.#inner.writable;
    return (this.#writable ??= writableOf(
      {
        put: (bytes, from, n) => this.#inner?.put(bytes, from, n) ?? this.#noRoom(),
        drained: () => this.drained(),
        closeWrite: () => this.closeWrite(),
        abort: (reason) => this.abort(reason),
      },
      (controller) => {
        // The stream begins at once: this is not awaited.
        this.#closed.promise.catch((error) => controller.error(error));
      },
    ));
  }

  read(into: Uint8Array): number | Promise<number> {
    if (this.#readable?.locked) throw new CallError("EALREADY", "the connection is being read as a stream");
    if (this.#inner !== null) return this.#inner.read(into);
    checkBytes("the argument of read", into);
    this.#refuseHandlers();
    return this.#isClosed ? 0 : this.#ready.promise.then((inner) => inner.read(into));
  }

  write(bytes: Uint8Array, from?: number, n?: number, options?: WriteOptions): number {
    if (this.#writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    if (this.#inner !== null) return this.#inner.write(bytes, from, n, options);
    checkBytes("the argument of write", bytes);
    return this.#noRoom();
  }

  writeFrom(fill: (room: Uint8Array[]) => number, n: number): number {
    if (this.#writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    if (this.#inner !== null) return this.#inner.writeFrom(fill, n);
    checkFill(fill, n);
    return this.#noRoom();
  }

  writeShared(shared: SharedBytes, from = 0, n = shared?.length - from): number {
    if (this.#writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    if (this.#inner !== null) return this.#inner.writeShared(shared, from, n);
    checkShared(shared, from, n);
    return this.#noRoom();
  }

  /** Nothing is kept before there is a connection. */
  #noRoom(): number {
    if (this.#failure !== null) throw this.#failure;
    if (this.#isClosed || this.#wishes.finished) {
      throw new ConnectionError("EPIPE", `cannot write to ${this.remoteAddress}: this side has closed its direction`);
    }
    this.#wishes.wantsRoom = true;
    return 0;
  }

  drained(): Promise<void> {
    return this.#inner?.drained() ?? this.#ready.promise.then((inner) => inner.drained());
  }

  flushed(): Promise<void> {
    return this.#inner?.flushed() ?? this.#ready.promise.then((inner) => inner.flushed());
  }

  closeWrite(): void {
    this.#wishes.finished = true;
    this.#inner?.closeWrite();
  }

  markUrgent(): void {
    this.#present("markUrgent").markUrgent();
  }

  cork(): void {
    this.#wishes.corked = true;
    this.#inner?.cork();
  }

  uncork(): void {
    this.#wishes.corked = false;
    this.#inner?.uncork();
  }

  quickAck(on: boolean): void {
    this.#inner?.quickAck(on);
  }

  peek(into: Uint8Array, after?: number): number {
    checkBytes("the argument of peek", into);
    return this.#inner?.peek(into, after) ?? 0;
  }

  pause(): void {
    this.#wishes.paused = true;
    this.#inner?.pause();
  }

  resume(): void {
    this.#wishes.paused = false;
    this.#inner?.resume();
  }

  setOptions(options: ChangeableOptions): void {
    checkChanges(options);
    paramsOf(options);
    traitsOf(options);
    if (this.#inner === null) this.#wishes.options.push(options);
    else this.#inner.setOptions(options);
  }

  startTls(options: TlsOptions = {}): TlsSocket {
    // The certificate is of the name, whatever its address.
    if (typeof options !== "object" || options === null) return startTls(this, options);
    return startTls(this, { ...options, sni: options.sni ?? this.#name.hostname });
  }

  ref(): void {
    if (this.#failure === null && !this.#isClosed) this.#context.keepAlive(this, true);
  }

  unref(): void {
    this.#context.keepAlive(this, false);
  }

  #refuseHandlers(): void {
    if (this.#traits.handlers?.data === undefined) return;
    throw new CallError("EALREADY", "reading is the data handler's: this connection was given one");
  }

  // --- Ending ------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    if (this.#inner !== null) return this.#inner.close();
    if (this.#failure === null && !this.#isClosed) {
      this.#isClosed = true;
      this.#end();
      const early = `the connection to ${this.remoteAddress} was closed before it was open`;
      const error = new ConnectionError("ECONNABORTED", early);
      this.#opened.reject(error);
      this.#ready.reject(error);
      this.#closed.resolve();
      this.#callClose(null);
    }
    return Promise.resolve();
  }

  abort(reason?: unknown): void {
    if (this.#inner !== null) this.#inner.abort(reason);
    else if (reason instanceof ConnectionError) this.fail(reason);
    else {
      const words = `the connection to ${this.remoteAddress} was aborted by this side`;
      this.fail(new ConnectionError("ECONNABORTED", words, reason));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
