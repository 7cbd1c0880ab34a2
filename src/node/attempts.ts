/** Attempts to connect to the addresses of one host, one after another, until one succeeds. */
import type { ConnectionError } from "#socket/connection-error";
import type { NetStack } from "#socket/stack-types";
import type { Socket as Connection, SocketHandlers } from "#socket/types";
import type { LookupAddress } from "./call-arguments.ts";
import { type SystemError, systemError } from "./errors.ts";

/** What the attempts need to know. */
export interface AttemptOptions {
  readonly port: number;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** ms for each attempt but the last. */
  readonly attemptTimeout: number;
  readonly nodelay: boolean;
  readonly keepAlive: boolean | { readonly idle?: number; readonly interval: number; readonly count: number };
  readonly handlers: SocketHandlers;
}

/** What is told of them. */
export interface AttemptListener {
  onAttempt(address: LookupAddress): void;
  onAttemptFailed(address: LookupAddress, error: SystemError): void;
  onAttemptTimeout(address: LookupAddress): void;
  /** All have failed. */
  onFailed(errors: readonly SystemError[]): void;
  /** The connection of the attempt that is going on. */
  onBegun(connection: Connection): void;
}

export class Attempts {
  readonly #stack: NetStack;
  readonly #options: AttemptOptions;
  readonly #listener: AttemptListener;
  readonly #addresses: readonly LookupAddress[];
  readonly #errors: SystemError[] = [];
  #next = 0;
  #connection: Connection | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    stack: NetStack,
    addresses: readonly LookupAddress[],
    options: AttemptOptions,
    listener: AttemptListener,
  ) {
    this.#stack = stack;
    this.#addresses = addresses;
    this.#options = options;
    this.#listener = listener;
  }

  /** Begins the next attempt. */
  begin(): void {
    const address = this.#addresses[this.#next++];
    if (address === undefined) {
      this.#listener.onFailed(this.#errors);
      return;
    }
    this.#listener.onAttempt(address);
    const refused = this.#refusal(address);
    if (refused !== null) {
      process.nextTick(() => this.#fail(address, refused));
      return;
    }
    try {
      this.#connection = this.#connect(address);
    } catch (error) {
      process.nextTick(() => this.#fail(address, this.#errorOf(address, error)));
      return;
    }
    this.#listener.onBegun(this.#connection);
    if (this.#next < this.#addresses.length) {
      this.#timer = setTimeout(() => this.#giveUp(address), this.#options.attemptTimeout);
    }
  }

  /** The attempt that is going on has succeeded. */
  succeeded(): void {
    clearTimeout(this.#timer);
  }

  /** The attempt that is going on has ended. */
  ended(error: ConnectionError | null): void {
    const address = this.#addresses[this.#next - 1];
    if (address !== undefined) this.#fail(address, this.#errorOf(address, error));
  }

  /** Nobody waits for the connection any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#next = Number.POSITIVE_INFINITY;
  }

  #fail(address: LookupAddress, error: SystemError): void {
    clearTimeout(this.#timer);
    if (this.#next > this.#addresses.length) return;
    this.#errors.push(error);
    this.#listener.onAttemptFailed(address, error);
    if (this.#next <= this.#addresses.length) this.begin();
  }

  #giveUp(address: LookupAddress): void {
    const connection = this.#connection;
    if (connection === null) return;
    connection.data = null;
    connection.abort();
    this.#errors.push(this.#errorOf(address, { code: "ETIMEDOUT" }));
    this.#listener.onAttemptTimeout(address);
    if (this.#next <= this.#addresses.length) this.begin();
  }

  #connect({ address }: LookupAddress): Connection {
    const { port, localAddress, localPort, nodelay, keepAlive, handlers } = this.#options;
    return this.#stack.connect(
      { hostname: address, port },
      {
        nodelay,
        keepAlive,
        socket: handlers,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(localPort === undefined || localPort === 0 ? {} : { localPort }),
      },
    );
  }

  /** What a kernel refuses at once, with other words than the stack. */
  #refusal(address: LookupAddress): SystemError | null {
    if (this.#options.port === 0) return this.#errorOf(address, { code: "ECONNREFUSED" });
    const six = address.address.includes(":");
    const ours = this.#stack.addresses.some((own) => own.includes(":") === six);
    return ours ? null : this.#errorOf(address, { code: "ENETUNREACH" });
  }

  #errorOf({ address }: LookupAddress, cause: unknown): SystemError {
    const { port, localAddress, localPort } = this.#options;
    const code = (cause as { code?: string } | null)?.code ?? "ECONNABORTED";
    if (localAddress !== undefined && (code === "EADDRNOTAVAIL" || code === "EADDRINUSE")) {
      return systemError(code, "bind", { address: localAddress, port: localPort, cause });
    }
    return systemError(code, "connect", {
      address,
      port,
      localAddress,
      localPort,
      ...(cause instanceof Error ? { cause } : {}),
    });
  }
}
