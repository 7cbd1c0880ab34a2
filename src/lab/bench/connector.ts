import type { Histogram } from "#base/histogram";
import { Stream } from "./streams.ts";
import { type BenchSocket, type Connection, DISPATCH, type Transport } from "./transport.ts";

/** Pause after a connection that could not be opened, ms: ports may be used up for a moment. */
const PAUSE_MS = 5;
/** The test fails after this many failures in a row. */
const FAILURES_MAX = 100;

/** What a connector needs. */
export interface ConnectorOptions {
  readonly transport: Transport;
  /** The cookie and the request: what each connection sends. */
  readonly request: Uint8Array;
  /** Octets of the response. */
  readonly length: number;
  readonly times: Histogram;
}

/**
 * Opens one connection after another: open, send a request, read the response and the server's FIN, close. The server closes first, as with
 * HTTP/1.0: the server then has the TIME-WAIT, and the client's ports are free at once.
 */
export class Connector extends Stream {
  readonly #options: ConnectorOptions;
  readonly #next = () => this.#connect();
  #failures = 0;
  /** Connections that failed. */
  errors = 0;
  #current: Attempt | null = null;

  constructor(id: number, options: ConnectorOptions) {
    super(id, true, null);
    this.#options = options;
  }

  override start(): void {
    super.start();
    this.#connect();
  }

  override received(): void {}

  override abort(): void {
    super.abort();
    this.#current?.abort();
  }

  /** A connection has ended. @param us how long it took; null: it failed. */
  settle(us: number | null, error: Error | null): void {
    this.#current = null;
    if (!this.isRunning) return;
    if (us === null) {
      this.#fail(error ?? new Error("the server closed a connection without a whole response"));
      return;
    }
    this.#failures = 0;
    this.#options.times.record(us);
    this.transactions++;
    this.bytes += this.#options.length;
    this.#connect();
  }

  #fail(error: Error): void {
    this.errors++;
    this.#failures++;
    if (this.#failures >= FAILURES_MAX) this.closed(error);
    else setTimeout(this.#next, PAUSE_MS);
  }

  #connect(): void {
    if (!this.isRunning) return;
    try {
      this.#current = new Attempt(this, this.#options);
    } catch (error) {
      // No port or no room for a connection.
      this.#fail(error as Error);
    }
  }
}

/** One connection. */
class Attempt implements Connection {
  readonly #owner: Connector;
  readonly #socket: BenchSocket;
  readonly #begun = performance.now();
  readonly #request: Uint8Array;
  #written: number;
  #missing: number;

  constructor(owner: Connector, { transport, request, length }: ConnectorOptions) {
    this.#owner = owner;
    this.#request = request;
    this.#missing = length;
    this.#socket = transport.connect(DISPATCH);
    this.#socket.data = this;
    this.#written = 0;
    this.drain();
  }

  received(bytes: Uint8Array): void {
    this.#missing -= bytes.length;
  }

  drain(): void {
    const left = this.#request.length - this.#written;
    if (left > 0) this.#written += this.#socket.write(this.#request, this.#written, left);
  }

  ended(): void {
    this.#socket.closeWrite();
  }

  closed(error: Error | null): void {
    const whole = error === null && this.#missing === 0;
    this.#owner.settle(whole ? (performance.now() - this.#begun) * 1000 : null, error);
  }

  abort(): void {
    this.#socket.abort();
  }
}
