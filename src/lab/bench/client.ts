import { Connector } from "./connector.ts";
import { LENGTH_MAX, type Parameters, parametersJson } from "./parameters.ts";
import {
  ACCESS_DENIED,
  BenchError,
  CLIENT_TERMINATE,
  COOKIE_LENGTH,
  ControlBuffer,
  CREATE_STREAMS,
  cookieText,
  DISPLAY_RESULTS,
  EXCHANGE_RESULTS,
  IPERF_DONE,
  makeCookie,
  message,
  PARAM_EXCHANGE,
  RESULTS_MAX,
  SERVER_ERROR,
  SERVER_TERMINATE,
  stateOctet,
  TCPNET_CREATE_STREAMS,
  TEST_END,
  TEST_RUNNING,
  TEST_START,
} from "./protocol.ts";
import { type RemoteResults, readResults, resultsJson } from "./results.ts";
import { type Report, TestRun } from "./run.ts";
import { streamId } from "./stream-id.ts";
import { ReceiveStream, RequestStream, SendStream, type Stream } from "./streams.ts";
import { type BenchSocket, type Connection, DISPATCH, type Transport } from "./transport.ts";
import { serverErrorText } from "./words.ts";

export interface ClientOptions {
  readonly transport: Transport;
  readonly parameters: Parameters;
  readonly report: Report;
  /** Seconds between two intervals; 0: none. */
  readonly interval: number;
  /** How long the server may take for an answer, ms. */
  readonly patience: number;
  /** Sent to the server with the parameters. */
  readonly version: string;
}

/** How long the client waits for the end of the control connection, and for data still in flight, ms. */
const END_MS = 2_000;
const FLUSH_MS = 10_000;
/** How long a failed data connection waits for a reason. */
const STREAM_GRACE_MS = 300;
const FLUSH_LOOK_MS = 1;

/** The client: opens the control connection, then follows the states that the server sends. */
export class Client implements Connection {
  readonly #options: ClientOptions;
  readonly #cookie = makeCookie();
  readonly #buffer = new ControlBuffer();
  readonly #over = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #control!: BenchSocket;
  #run: TestRun | null = null;
  /** What comes next on the control connection: a state, the two numbers of an error, or the server's results. */
  #awaits: "state" | "error" | "results" = "state";
  #remote: RemoteResults | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** TEST_END was sent. */
  #isEnding = false;
  /** The server has asked for the parameters. */
  #isAsked = false;
  #isSettled = false;
  /** The control connection is open, or was. */
  isOpen = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Runs the test. Rejects with BenchError, or with the error of a connection. */
  async run(): Promise<void> {
    this.#control = this.#options.transport.connect(DISPATCH);
    this.#control.data = this;
    try {
      await this.#over.promise;
    } finally {
      clearTimeout(this.#timer);
      for (const stream of this.#run?.streams ?? []) stream.abort();
      this.#control.closeWrite();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, END_MS);
      await Promise.race([this.#closed.promise, late.promise]);
      clearTimeout(timer);
    }
  }

  /** Ends the test early, and reports what was measured. */
  interrupt(error: Error): void {
    if (this.#run !== null && !this.#isSettled) this.#tell(stateOctet(CLIENT_TERMINATE));
    this.#fail(error);
  }

  opened(): void {
    this.isOpen = true;
    this.#tell(this.#cookie);
    this.#expect("the first answer");
  }

  received(bytes: Uint8Array): void {
    if (this.#isSettled) return;
    try {
      this.#buffer.add(bytes);
      while (this.#step());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  drain(): void {}

  ended(): void {
    this.#control.closeWrite();
    this.#fail(new BenchError("protocol", "it closed the control connection before the test was over"));
  }

  closed(error: Error | null): void {
    this.#closed.resolve();
    this.#fail(error ?? new BenchError("protocol", "it closed the control connection before the test was over"));
  }

  /** Reads the next item of the control connection. Returns false if it has not arrived. */
  #step(): boolean {
    if (this.#isSettled) return false;
    if (this.#awaits === "error") {
      const numbers = this.#buffer.errorNumbers();
      if (numbers !== null) throw new BenchError("server-error", serverErrorText(numbers.error, numbers.errno));
      return false;
    }
    if (this.#awaits === "results") {
      const results = this.#buffer.message();
      if (results === undefined) return false;
      this.#remote = readResults(results);
      this.#awaits = "state";
      return true;
    }
    const state = this.#buffer.state();
    if (state === null) return false;
    this.#enter(state);
    return true;
  }

  #enter(state: number): void {
    switch (state) {
      case PARAM_EXCHANGE:
        if (this.#isAsked) throw new BenchError("protocol", "it asked twice for the parameters");
        this.#isAsked = true;
        this.#tell(message(parametersJson(this.#options.parameters, this.#options.version)));
        this.#expect("an answer to the parameters");
        break;
      case CREATE_STREAMS:
      case TCPNET_CREATE_STREAMS:
        this.#createStreams(state === TCPNET_CREATE_STREAMS);
        break;
      case TEST_START:
        break;
      case TEST_RUNNING:
        this.#begin();
        break;
      case EXCHANGE_RESULTS:
        this.#require().stop();
        this.#buffer.limit = RESULTS_MAX;
        this.#tell(message(resultsJson(this.#require())));
        this.#awaits = "results";
        this.#expect("the results");
        break;
      case DISPLAY_RESULTS:
        this.#require().end(this.#remote, null);
        this.#tell(stateOctet(IPERF_DONE));
        this.#settle(null);
        break;
      case SERVER_ERROR:
        this.#awaits = "error";
        this.#expect("the number of its error");
        break;
      case ACCESS_DENIED:
        throw new BenchError("busy", "the server is busy running a test");
      case SERVER_TERMINATE:
        throw new BenchError("terminated", "the server was ended, or it gave the test up");
      default:
        throw new BenchError("protocol", `it sent the state ${state}, which this client does not know`);
    }
  }

  #require(): TestRun {
    if (this.#run !== null) return this.#run;
    throw new BenchError("protocol", "it ended a test that had not begun");
  }

  /** Opens the data connections one after the other, because the server numbers them as they arrive. */
  #createStreams(isTcpnet: boolean): void {
    const { parameters, report, interval } = this.#options;
    if (this.#run !== null) throw new BenchError("protocol", "it asked twice for the data connections");
    if (parameters.mode !== "bulk" && !isTcpnet) {
      this.#tell(stateOctet(CLIENT_TERMINATE));
      throw new BenchError("unsupported", "it is an iperf3 server, which knows no requests and responses");
    }
    const run = new TestRun("client", parameters, cookieText(this.#cookie), { ends: this.#control, report, interval });
    this.#run = run;
    this.#expect("the start of the test");
    if (parameters.mode === "crr") this.#addConnectors(run);
    else this.#connectNext(run, 0);
  }

  #addConnectors(run: TestRun): void {
    const { transport, parameters } = this.#options;
    const request = new Uint8Array(COOKIE_LENGTH + parameters.len).fill(0x20);
    request.set(this.#cookie);
    const options = { transport, request, length: parameters.len, times: run.times };
    for (let i = 0; i < parameters.parallel; i++) this.#addStream(run, new Connector(streamId(i), options));
  }

  #connectNext(run: TestRun, i: number): void {
    const { transport, parameters } = this.#options;
    const { parallel, bidirectional, reverse, mode, len } = parameters;
    if (i === parallel * (bidirectional ? 2 : 1) || this.#isSettled) return;
    const socket = transport.connect(DISPATCH);
    const id = streamId(i);
    const sends = bidirectional ? i < parallel : !reverse;
    const stream =
      mode === "rr"
        ? new RequestStream(id, socket, len, run.times)
        : sends
          ? new SendStream(id, socket, Math.min(len, LENGTH_MAX), run.quota, COOKIE_LENGTH)
          : new ReceiveStream(id, socket, run.quota);
    this.#addStream(run, stream);
    const connection = stream as Connection;
    connection.opened = () => {
      socket.write(this.#cookie);
      try {
        this.#connectNext(run, i + 1);
      } catch (error) {
        this.#fail(error as Error);
      }
    };
  }

  #addStream(run: TestRun, stream: Stream): void {
    stream.onFailure = () => {
      // A server that ends says so on the control connection, where it may arrive later.
      setTimeout(() => this.#fail(stream.failure ?? new Error("a data connection failed")), STREAM_GRACE_MS);
    };
    run.streams.push(stream);
    // A connection that cannot be opened is a failure as well.
    stream.isRunning = true;
  }

  #begin(): void {
    const run = this.#require();
    clearTimeout(this.#timer);
    if (run.isRunning) throw new BenchError("protocol", "it started the test twice");
    const { time, omit, num } = this.#options.parameters;
    run.quota.onReached = () => void this.#flush(run);
    run.start();
    if (time > 0 && num === 0) run.after(omit + time, () => this.#finish(run));
  }

  /** All octets of the quota are written. The test goes on until they have arrived, or the receiver would not count them. */
  async #flush(run: TestRun): Promise<void> {
    const until = performance.now() + FLUSH_MS;
    const queued = () => run.streams.some(({ isSender, socket }) => isSender && (socket?.info().sendQueue ?? 0) > 0);
    do await Bun.sleep(FLUSH_LOOK_MS);
    while (queued() && !this.#isSettled && performance.now() < until);
    this.#finish(run);
  }

  /**
   * Ends the test. Data in the send buffer is still sent until the server has stopped counting, so a sender counts until then as well.
   * Otherwise more would be reported as received than as sent.
   */
  #finish(run: TestRun): void {
    if (this.#isSettled || this.#isEnding || !run.isRunning) return;
    this.#isEnding = true;
    const senders = run.streams.filter(({ isSender }) => isSender);
    for (const stream of senders) stream.stop();
    if (senders.length === 0 || run.parameters.mode !== "bulk") run.stop();
    this.#tell(stateOctet(TEST_END));
    this.#expect("the end of the test");
  }

  #tell(bytes: Uint8Array): void {
    try {
      this.#control.write(bytes);
    } catch {
      // The control connection is over: its `closed` ends the test.
    }
  }

  #expect(what: string): void {
    clearTimeout(this.#timer);
    const { patience } = this.#options;
    const words = `it has not sent ${what} within ${patience / 1000} s`;
    this.#timer = setTimeout(() => this.#fail(new BenchError("silent", words)), patience);
  }

  #fail(error: Error): void {
    if (this.#isSettled) return;
    if (this.#run?.isRunning === true) this.#run.end(null, error);
    this.#settle(error);
  }

  #settle(error: Error | null): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    if (error === null) this.#over.resolve();
    else this.#over.reject(error);
  }
}
