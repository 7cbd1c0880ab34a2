/** `net.Socket` over a stack. */
import { getDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout } from "node:net";
import { addAbortSignal } from "node:stream";
import type { NetStack } from "#socket/stack-types";
import type { ChangeableOptions, Socket as Connection } from "#socket/types";
import { Attempts } from "./attempts.ts";
import {
  checkConnect,
  checkedMs,
  connectArguments,
  type LookupAddress,
  type TcpConnectOptions,
} from "./call-arguments.ts";
import { checkStack, coded, systemError, wrongType } from "./errors.ts";
import { isIP } from "./ip.ts";
import { interlaced, resolveHost, stackLookup } from "./resolve.ts";
import { type AddressInfo, infoOf, type SocketOptions } from "./socket-options.ts";
import { ConnectionStream } from "./stream.ts";

/** Times of Linux' probes as libuv sets them: one a second, ten of them. */
const PROBES = { interval: 1_000, count: 10 };

const ATTEMPT_TIMEOUT_LEAST_MS = 10;

/** A TCP connection of a stack as a `net.Socket`: same calls, events, errors and back-pressure. */
export class Socket extends ConnectionStream {
  /** The time of `setTimeout`. */
  timeout: number | undefined = undefined;
  /** The addresses that were tried, as "10.0.0.7:80". */
  autoSelectFamilyAttemptedAddresses: string[] | undefined = undefined;
  /** The server that has accepted the connection. */
  server: unknown = null;
  readonly #stack: NetStack;
  #noDelay: boolean;
  #keepAlive: boolean;
  #keepAliveDelay: number;
  #remote: AddressInfo | null = null;
  #local: AddressInfo | null = null;

  constructor(options: SocketOptions) {
    const { stack, allowHalfOpen = false, signal, highWaterMark, onread, keepAliveInitialDelay = 0 } = options;
    super({ allowHalfOpen: Boolean(allowHalfOpen), onread: onread ?? null, highWaterMark });
    checkStack("options.stack", stack);
    this.#stack = stack;
    this.#noDelay = Boolean(options.noDelay);
    this.#keepAlive = Boolean(options.keepAlive);
    this.#keepAliveDelay = Math.max(0, keepAliveInitialDelay);
    if (signal) addAbortSignal(signal, this);
  }

  /** The socket of a connection that a listener has accepted. Nothing is read before `startReading`. */
  static accepted<T extends Socket>(socket: T, connection: Connection): T {
    socket._take(connection);
    if (socket.#keepAlive) socket.#change({ keepAlive: socket.#probes });
    return socket;
  }

  // --- Connecting --------------------------------------------------------------------------------------------------

  /**
   * `connect(options, callback)`, `connect(port, host, callback)`. `callback` is called at "connect". A socket that is destroyed
   * may be connected again; one that has a connection, or is connecting, is destroyed with EISCONN or EALREADY.
   */
  connect(...args: readonly unknown[]): this {
    const [options, callback] = connectArguments(args);
    checkConnect(options);
    const { host, noDelay, keepAlive, keepAliveInitialDelay } = options;
    if (this.destroyed) this._renew();
    else if (this.connecting || this._connection !== null) {
      const code = this.connecting ? "EALREADY" : "EISCONN";
      const error = systemError(code, "connect", { address: host, port: Number(options.port) });
      process.nextTick(() => this.destroy(error));
      return this;
    }
    if (callback !== null) this.once("connect", callback);
    if (noDelay !== undefined) this.#noDelay = noDelay;
    if (keepAlive !== undefined) this.#keepAlive = keepAlive;
    if (keepAliveInitialDelay !== undefined) this.#keepAliveDelay = keepAliveInitialDelay;
    this._idle.restart();
    this.connecting = true;
    const family = isIP(host);
    if (family === 0) this.#resolve(options, host || "localhost");
    else process.nextTick(() => this.#attempt(options, [{ address: host!, family }]));
    return this;
  }

  protected override _renew(): void {
    super._renew();
    this.#remote = null;
    this.#local = null;
  }

  #resolve(options: TcpConnectOptions, host: string): void {
    const { hints = 0, lookup, autoSelectFamily = getDefaultAutoSelectFamily() } = options;
    if (lookup && typeof lookup !== "function") throw wrongType("options.lookup", "of type function", lookup);
    const family = options.family === "IPv4" ? 4 : options.family === "IPv6" ? 6 : Number(options.family ?? 0);
    const all = autoSelectFamily && options.localAddress === undefined && family === 0;
    resolveHost(host, { family, hints, all }, lookup ?? stackLookup(this.#stack), (error, addresses) => {
      const tried = all ? interlaced(addresses) : addresses.slice(0, 1);
      if (error !== null) this.emit("lookup", error, undefined, undefined, host);
      for (const { address, family: of } of tried) this.emit("lookup", null, address, of, host);
      if (!this.connecting) return;
      if (error === null) this.#attempt(options, tried);
      else process.nextTick(() => this.connecting && this.destroy(error));
    });
  }

  #attempt(options: TcpConnectOptions, addresses: readonly LookupAddress[]): void {
    if (!this.connecting) return;
    const port = Number(options.port);
    const { localAddress, localPort } = options;
    const wait = options.autoSelectFamilyAttemptTimeout ?? getDefaultAutoSelectFamilyAttemptTimeout();
    const attemptTimeout = Math.max(wait, ATTEMPT_TIMEOUT_LEAST_MS);
    const { handlers } = ConnectionStream;
    const attempt = {
      port,
      localAddress,
      localPort,
      attemptTimeout,
      nodelay: this.#noDelay,
      keepAlive: this.#probes,
      handlers,
    };
    if (addresses.length > 1) this.autoSelectFamilyAttemptedAddresses = [];
    this._attempts = new Attempts(this.#stack, addresses, attempt, {
      onAttempt: ({ address, family }) => {
        this.autoSelectFamilyAttemptedAddresses?.push(`${address}:${port}`);
        this.emit("connectionAttempt", address, port, family);
      },
      onAttemptFailed: ({ address, family }, error) => {
        this.emit("connectionAttemptFailed", address, port, family, error);
      },
      onAttemptTimeout: ({ address, family }) => this.emit("connectionAttemptTimeout", address, port, family),
      onFailed: (errors) => this.destroy(errors.length === 1 ? errors[0]! : allFailed(errors)),
      onBegun: (connection) => this._take(connection),
    });
    this._attempts.begin();
  }

  // --- Settings ----------------------------------------------------------------------------------------------------

  /** Small segments are sent at once (no Nagle). */
  setNoDelay(on = true): this {
    this.#noDelay = Boolean(on);
    this.#change({ nodelay: this.#noDelay });
    return this;
  }

  /** Probes of an idle connection, the first one after `delay` ms, 0: as before, by default two hours. */
  setKeepAlive(on = false, delay = 0): this {
    this.#keepAlive = Boolean(on);
    if (delay > 0) this.#keepAliveDelay = delay;
    this.#change({ keepAlive: this.#probes });
    return this;
  }

  /** Of an open connection. What is set before it is open applies when it begins, what is set after its end does not matter. */
  #change(options: ChangeableOptions): void {
    const connection = this._connection;
    if (connection !== null && connection.state !== "CLOSED" && connection.state !== "TIME-WAIT") {
      connection.setOptions(options);
    }
  }

  get #probes(): boolean | { readonly idle?: number; readonly interval: number; readonly count: number } {
    if (!this.#keepAlive) return false;
    return this.#keepAliveDelay > 0 ? { ...PROBES, idle: this.#keepAliveDelay } : PROBES;
  }

  /** Keeps the program alive until the end of the connection (the default), also if `stack.unref()` was called. */
  ref(): this {
    this._refer(true);
    return this;
  }

  /** The connection keeps the program no longer alive. `stack.unref()` is needed as well. */
  unref(): this {
    this._refer(false);
    return this;
  }

  /** Emits "timeout" after `ms` without anything sent or received; 0: never. The socket goes on. */
  setTimeout(ms: number, callback?: () => void): this {
    if (this.destroyed) return this;
    const time = checkedMs("msecs", ms);
    this.timeout = time;
    if (callback !== undefined && typeof callback !== "function") {
      throw wrongType("callback", "of type function", callback);
    }
    if (callback !== undefined && time === 0) this.removeListener("timeout", callback);
    else if (callback !== undefined) this.once("timeout", callback);
    this._idle.set(time);
    return this;
  }

  // --- Ending ------------------------------------------------------------------------------------------------------

  /** Destroys the socket after what was written has been handed over. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Ends the connection by RST. If it is not open yet, as soon as it is. */
  resetAndDestroy(): this {
    // The handshake's ACK goes first.
    if (this.connecting) this.once("connect", () => setImmediate(() => this._reset()));
    else if (this._connection !== null) this._reset();
    else this.destroy(coded("ERR_SOCKET_CLOSED", "Socket is closed"));
    return this;
  }

  // --- Addresses ---------------------------------------------------------------------------------------------------

  get pending(): boolean {
    return this._connection === null || this.connecting;
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  address(): AddressInfo | Record<string, never> {
    return this.#localInfo ?? {};
  }

  get remoteAddress(): string | undefined {
    return this.#remoteInfo?.address;
  }

  get remoteFamily(): string | undefined {
    return this.#remoteInfo?.family;
  }

  get remotePort(): number | undefined {
    return this.#remoteInfo?.port;
  }

  get localAddress(): string | undefined {
    return this.#localInfo?.address;
  }

  get localFamily(): string | undefined {
    return this.#localInfo?.family;
  }

  get localPort(): number | undefined {
    return this.#localInfo?.port;
  }

  /** Kept once it was asked for, as in Node, so that it can be asked for after the end. */
  get #remoteInfo(): AddressInfo | null {
    if (this._connection !== null && !this.connecting) this.#remote ??= infoOf(this._connection.remote);
    return this.#remote;
  }

  get #localInfo(): AddressInfo | null {
    if (this._connection !== null && !this.connecting) this.#local ??= infoOf(this._connection.local);
    return this._connection === null ? null : this.#local;
  }
}

function allFailed(errors: readonly Error[]): Error {
  const error = new AggregateError(errors) as AggregateError & { code?: string };
  const [first] = errors as readonly { code?: string }[];
  if (first?.code !== undefined) error.code = first.code;
  return error;
}
