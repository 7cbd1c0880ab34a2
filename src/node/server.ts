/** `net.Server` over a stack. */
import { EventEmitter } from "node:events";
import type { NetStack } from "#socket/stack-types";
import type { Socket as Connection, Listener, SocketHandlers } from "#socket/types";
import { listenArguments, type TcpListenOptions } from "./call-arguments.ts";
import { checkStack, coded, systemError } from "./errors.ts";
import { isIP } from "./ip.ts";
import { stackLookup } from "./resolve.ts";
import { Socket } from "./socket.ts";
import { type AddressInfo, infoOf, type SocketOptions } from "./socket-options.ts";

/** Options of `new Server` and `createServer`, with Node's names. */
export interface ServerOptions extends Omit<SocketOptions, "signal" | "onread"> {
  /** Nothing is read from an accepted connection before `resume`. */
  readonly pauseOnConnect?: boolean | undefined;
}

/** What a connection was that `maxConnections` has refused. */
export interface DroppedConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly localFamily: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: string;
}

/** As many connections wait in a kernel if nobody says otherwise (libuv's 511). */
const BACKLOG = 511;

/** A passive OPEN of a stack as a `net.Server`: same calls, events and errors. */
export class Server extends EventEmitter {
  /** Further connections are reset, and "drop" is emitted. */
  maxConnections: number | undefined = undefined;
  readonly #options: ServerOptions;
  readonly #Socket: new (
    options: SocketOptions,
  ) => Socket;
  readonly #stack: NetStack;
  #listener: Listener | null = null;
  /** `listen` has been called, and `close` has not. */
  #isStarting = false;
  /** `close` was called, and "close" is still to come. */
  #isClosing = false;
  #refers = true;
  readonly #connections = new Set<Socket>();

  /** `SocketClass`: the class of accepted connections. */
  constructor(options: ServerOptions, onConnection?: (socket: Socket) => void, SocketClass: typeof Socket = Socket) {
    super();
    if (onConnection !== undefined && onConnection !== null) this.on("connection", onConnection);
    checkStack("options.stack", options.stack);
    this.#stack = options.stack;
    this.#options = options;
    this.#Socket = SocketClass;
  }

  get listening(): boolean {
    return this.#listener !== null;
  }

  /** The address and port while it listens, else null. */
  address(): AddressInfo | null {
    return this.#listener === null ? null : infoOf(this.#listener.address);
  }

  /**
   * `listen(options, callback)`, `listen(port, host, backlog, callback)`. `callback` is called at "listening"; what fails is emitted as
   * "error". Without a port: any free one.
   */
  listen(...args: readonly unknown[]): this {
    const [options, callback] = listenArguments(args);
    if (this.#isStarting || this.#listener !== null) {
      throw coded("ERR_SERVER_ALREADY_LISTEN", "Listen method has been called more than once without closing.");
    }
    if (callback !== null) this.once("listening", callback);
    const { signal } = options;
    if (signal !== undefined && signal !== null) this.#follow(signal);
    this.#isStarting = true;
    const { host } = options;
    if (host === undefined || host === null || host === "" || isIP(host) !== 0) this.#begin(options, host || undefined);
    else this.#resolve(options, host);
    return this;
  }

  #resolve(options: TcpListenOptions, host: string): void {
    stackLookup(this.#stack)(host, { family: 0, hints: 0, all: false }, (error, address) => {
      if (!this.#isStarting) return;
      if (error === null) this.#begin(options, address as string);
      else this.#fail(error);
    });
  }

  #begin(options: TcpListenOptions, host: string | undefined): void {
    const port = Number(options.port);
    let listener: Listener;
    try {
      listener = this.#stack.listen({
        port,
        backlog: options.backlog || BACKLOG,
        ...(host === undefined ? {} : { hostname: host }),
        nodelay: Boolean(this.#options.noDelay),
        socket: this.#handlers(),
      });
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? "EINVAL";
      this.#fail(systemError(code, "listen", { address: host ?? this.#anywhere, port, cause }));
      return;
    }
    this.#listener = listener;
    if (this.#refers) listener.ref();
    // If the stack ends, the server is closed as by `close`.
    void listener.closed.then(() => {
      if (this.#listener === listener) this.close();
    });
    process.nextTick(() => {
      if (this.#listener !== null) this.emit("listening");
    });
  }

  get #anywhere(): string {
    return this.#stack.addresses.some((address) => address.includes(":")) ? "::" : "0.0.0.0";
  }

  #fail(error: Error): void {
    this.#isStarting = false;
    process.nextTick(() => this.emit("error", error));
  }

  #follow(signal: AbortSignal): void {
    const close = () => {
      this.close();
    };
    if (signal.aborted) process.nextTick(close);
    else {
      signal.addEventListener("abort", close, { once: true });
      this.once("close", () => signal.removeEventListener("abort", close));
    }
  }

  /** Keeps the program alive while it listens (the default), also if `stack.unref()` was called. */
  ref(): this {
    this.#refers = true;
    this.#listener?.ref();
    return this;
  }

  /** Keeps the program no longer alive. `stack.unref()` is needed as well. */
  unref(): this {
    this.#refers = false;
    this.#listener?.unref();
    return this;
  }

  // --- Connections -------------------------------------------------------------------------------------------------

  /** Those of every socket, except that the server hears of the beginning. */
  #handlers(): SocketHandlers {
    return { ...Socket.handlers, open: (connection) => this.#accept(connection) };
  }

  #accept(connection: Connection): void {
    const { maxConnections } = this;
    if (maxConnections !== undefined && maxConnections !== null && this.#connections.size >= maxConnections) {
      this.#drop(connection);
      return;
    }
    const { pauseOnConnect = false, ...options } = this.#options;
    const socket = Socket.accepted(new this.#Socket(options), connection);
    socket.server = this;
    if (pauseOnConnect) socket.pause();
    this.#connections.add(socket);
    socket.once("close", () => {
      this.#connections.delete(socket);
      this.#emitCloseIfDrained();
    });
    this.emit("connection", socket);
    socket.startReading();
  }

  #drop(connection: Connection): void {
    const local = infoOf(connection.local);
    const remote = infoOf(connection.remote);
    connection.data = null;
    connection.abort();
    const dropped: DroppedConnection = {
      localAddress: local.address,
      localPort: local.port,
      localFamily: local.family,
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteFamily: remote.family,
    };
    this.emit("drop", dropped);
  }

  /** Calls back with the number of connections that are open. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#connections.size);
    return this;
  }

  // --- Ending ------------------------------------------------------------------------------------------------------

  /** Stops listening. "close" is emitted when the last connection has ended; `callback` is called then, or with an error. */
  close(callback?: (error?: Error) => void): this {
    if (typeof callback === "function") {
      if (this.#listener === null) {
        this.once("close", () => callback(coded("ERR_SERVER_NOT_RUNNING", "Server is not running.")));
      } else this.once("close", () => callback());
    }
    void this.#listener?.close();
    this.#listener = null;
    this.#isStarting = false;
    this.#isClosing = true;
    this.#emitCloseIfDrained();
    return this;
  }

  #emitCloseIfDrained(): void {
    if (!this.#isClosing || this.#connections.size > 0) return;
    this.#isClosing = false;
    process.nextTick(() => this.emit("close"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}
