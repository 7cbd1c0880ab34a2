import { BenchError, COOKIE_LENGTH, readCookie } from "./protocol.ts";
import type { Report, TestRun } from "./run.ts";
import { ServerTest } from "./server-test.ts";
import { type BenchSocket, type Connection, DISPATCH, type Transport } from "./transport.ts";

export interface ServerOptions {
  readonly transport: Transport;
  /** Makes the report of a test. */
  readonly report: () => Report;
  /** Seconds between two intervals; 0: none. */
  readonly interval: number;
  /** The most tests at a time. Further clients get the answer that the server is busy. */
  readonly max: number;
  /** Ends after the first test. */
  readonly oneOff: boolean;
  /** How long to wait for what a client has to send, ms. */
  readonly patience: number;
  /** A connection or a test failed. @param kind messages of one kind are counted if there are too many */
  readonly warn: (kind: "unknown" | "failed" | "busy", words: string) => void;
}

/** Connections that have not sent their cookie yet. */
const NEWCOMERS_MAX = 1024;
const SWEEP_MS = 1_000;
/** How long clients may take to close their control connections at the end, ms. */
const FAREWELL_MS = 1_000;
const LOOK_MS = 10;

/** The server. It runs several tests at a time and tells them apart by their cookies. */
export class Server {
  readonly #options: ServerOptions;
  readonly #tests = new Map<string, ServerTest>();
  /** Tests whose control connection is still open, including those that have ended. */
  readonly #open = new Set<ServerTest>();
  readonly #newcomers = new Set<Newcomer>();
  readonly #stopped = Promise.withResolvers<void>();
  #isStopping = false;
  /** Tests that ended in order, and others. */
  served = 0;
  failed = 0;

  /** Tests that run now. */
  get active(): number {
    return this.#tests.size;
  }

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Listens until `stop`, or until the first test is over if it is to be the only one. */
  async run(): Promise<void> {
    const { transport } = this.#options;
    const unlisten = transport.listen({
      ...DISPATCH,
      open: (socket) => this.#greet(socket),
      // Data may come with the SYN, before the connection is open.
      data: (socket, bytes) => {
        if (socket.data === undefined) this.#greet(socket);
        return DISPATCH.data(socket, bytes);
      },
      close: (socket, error) => {
        if (socket.data !== undefined) DISPATCH.close(socket, error);
      },
    });
    const sweep = setInterval(() => this.#sweep(), SWEEP_MS);
    try {
      await this.#stopped.promise;
      // Give clients time to receive the message that the server ends.
      for (let ms = 0; ms < FAREWELL_MS && this.#open.size > 0; ms += LOOK_MS) await Bun.sleep(LOOK_MS);
    } finally {
      clearInterval(sweep);
      unlisten();
      for (const newcomer of this.#newcomers) newcomer.socket.abort();
    }
  }

  /** Ends all tests, and the server. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const test of [...this.#tests.values()]) test.terminate();
    this.#stopped.resolve();
  }

  #greet(socket: BenchSocket): void {
    if (this.#newcomers.size >= NEWCOMERS_MAX) {
      this.#options.warn("unknown", "a connection was reset: too many have not sent a cookie");
      socket.data = new Nobody();
      socket.abort();
      return;
    }
    this.#newcomers.add(new Newcomer(socket, this.#takeUp));
  }

  /** A newcomer has sent its first octets, or has gone. */
  readonly #takeUp = (newcomer: Newcomer, bytes: Uint8Array | null): void => {
    this.#newcomers.delete(newcomer);
    if (bytes === null) return;
    const { socket } = newcomer;
    const cookie = readCookie(bytes);
    if (cookie === null) {
      socket.data = new Nobody();
      socket.abort();
      this.#options.warn("unknown", `${socket.remote.hostname} does not speak iperf3's protocol`);
      return;
    }
    const test = this.#tests.get(cookie);
    if (test === undefined) this.#begin(socket, cookie);
    else test.addConnection(socket);
    const rest = bytes.subarray(COOKIE_LENGTH);
    if (rest.length > 0) (socket.data as Connection).received(rest);
  };

  #begin(socket: BenchSocket, cookie: string): void {
    const { report, interval, max, oneOff, patience, warn } = this.#options;
    const test = new ServerTest(socket, cookie, {
      report: report(),
      interval,
      patience,
      ended: (run, error) => {
        this.#tests.delete(cookie);
        this.#count(socket, run, error);
        if (oneOff) this.stop();
      },
      closed: (over) => this.#open.delete(over),
    });
    this.#open.add(test);
    if (this.#isStopping || this.#tests.size >= max || (oneOff && this.#tests.size > 0)) {
      test.refuse();
      warn("busy", `${socket.remote.hostname} was told that the server is busy (${this.#tests.size} at a time)`);
      return;
    }
    this.#tests.set(cookie, test);
    test.begin();
  }

  #count(socket: BenchSocket, run: TestRun | null, error: Error | null): void {
    if (error === null) {
      this.served++;
      return;
    }
    this.failed++;
    if (this.#isStopping) return;
    const what = run === null ? "a test did not begin" : "a test ended early";
    const why = error instanceof BenchError ? error.message : error.message.replace(/^[^:]*: /, "");
    this.#options.warn("failed", `${what}: ${socket.remote.hostname}: ${why}`);
  }

  #sweep(): void {
    const before = performance.now() - this.#options.patience;
    for (const newcomer of this.#newcomers) {
      // A Set keeps the order of insertion, so all others are newer.
      if (newcomer.since > before) return;
      this.#newcomers.delete(newcomer);
      this.#options.warn("unknown", `${newcomer.socket.remote.hostname} connected and sent no cookie`);
      newcomer.socket.abort();
    }
  }
}

/** A connection that has not sent its cookie yet. */
class Newcomer implements Connection {
  readonly socket: BenchSocket;
  readonly since = performance.now();
  readonly #takeUp: (newcomer: Newcomer, bytes: Uint8Array | null) => void;
  /** The first octets, if the cookie came in pieces. */
  #bytes: Uint8Array | null = null;

  constructor(socket: BenchSocket, takeUp: (newcomer: Newcomer, bytes: Uint8Array | null) => void) {
    this.socket = socket;
    this.#takeUp = takeUp;
    socket.data = this;
  }

  received(bytes: Uint8Array): void {
    let all = bytes;
    if (this.#bytes !== null) {
      all = new Uint8Array(this.#bytes.length + bytes.length);
      all.set(this.#bytes);
      all.set(bytes, this.#bytes.length);
    }
    if (all.length >= COOKIE_LENGTH) this.#takeUp(this, all);
    else this.#bytes = all.slice();
  }

  drain(): void {}

  ended(): void {
    this.socket.closeWrite();
  }

  closed(): void {
    this.#takeUp(this, null);
  }
}

/** A connection that was reset by us. */
class Nobody implements Connection {
  received(): void {}
  drain(): void {}
  ended(): void {}
  closed(): void {}
}
