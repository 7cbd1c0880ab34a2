import { type Parameters, readParameters } from "./parameters.ts";
import {
  ACCESS_DENIED,
  BenchError,
  type BenchErrorKind,
  CLIENT_TERMINATE,
  ControlBuffer,
  CREATE_STREAMS,
  DISPLAY_RESULTS,
  EXCHANGE_RESULTS,
  IPERF_DONE,
  message,
  PARAM_EXCHANGE,
  PARAMETERS_MAX,
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
import { OneResponse, ReceiveStream, ResponseStream, SendStream, Tally } from "./streams.ts";
import type { BenchSocket, Connection } from "./transport.ts";

export interface ServerTestOptions {
  readonly report: Report;
  /** Seconds between two intervals; 0: none. */
  readonly interval: number;
  /** How long to wait for what the client has to send, ms. */
  readonly patience: number;
  /** Called once. Null: the test ended in order. */
  readonly ended: (run: TestRun | null, error: Error | null) => void;
  /** The control connection is over. */
  readonly closed: (test: ServerTest) => void;
}

/** iperf3's numbers of errors that a server reports: IERECVPARAMS (the parameters are refused) and IESETCONGESTION. */
const ERROR_NUMBERS: Partial<Record<BenchErrorKind, number>> = { unsupported: 114, congestion: 134 };

/** After this time without new data, no more is expected, ms. */
const REST_MS = 50;
/** How long a failed data connection waits for a reason, ms. */
const STREAM_GRACE_MS = 300;

/** One client's test, at the server. */
export class ServerTest implements Connection {
  readonly #control: BenchSocket;
  readonly #cookie: string;
  readonly #options: ServerTestOptions;
  readonly #buffer = new ControlBuffer();
  #awaits: "parameters" | "streams" | "end" | "rest" | "results" | "done" = "parameters";
  #parameters: Parameters | null = null;
  #run: TestRun | null = null;
  #remote: RemoteResults | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(control: BenchSocket, cookie: string, options: ServerTestOptions) {
    this.#control = control;
    this.#cookie = cookie;
    this.#options = options;
    this.#buffer.limit = PARAMETERS_MAX;
    control.data = this;
  }

  begin(): void {
    this.#control.write(stateOctet(PARAM_EXCHANGE));
    this.#expect("its parameters");
  }

  /** Tells the client that the server is busy. */
  refuse(): void {
    this.#isOver = true;
    this.#control.write(stateOctet(ACCESS_DENIED));
    this.#control.closeWrite();
  }

  /** The server ends. */
  terminate(): void {
    this.#tell(stateOctet(SERVER_TERMINATE));
    this.#finish(new BenchError("terminated", "the server was ended"));
  }

  /** A connection with this test's cookie. */
  addConnection(socket: BenchSocket): void {
    const parameters = this.#parameters;
    const run = this.#run;
    if (parameters === null || run === null || this.#isOver) {
      this.#refuseConnection(socket);
      return;
    }
    if (!this.#setCongestion(socket, parameters.congestion)) return;
    if (parameters.mode === "crr") {
      socket.data = new OneResponse(socket, parameters.len, run.streams[0]!);
      return;
    }
    const { parallel, bidirectional, reverse, mode, len } = parameters;
    const i = run.streams.length;
    const wanted = parallel * (bidirectional ? 2 : 1);
    if (i >= wanted) {
      this.#refuseConnection(socket);
      return;
    }
    const id = streamId(i);
    // The client opens the connections on which it sends first.
    const sends = bidirectional ? i >= parallel : reverse;
    const stream =
      mode === "rr"
        ? new ResponseStream(id, false, socket, len)
        : sends
          ? new SendStream(id, socket, len, run.quota)
          : new ReceiveStream(id, socket, run.quota);
    stream.isRunning = true;
    stream.onFailure = () => {
      // A client that ends says so on the control connection, where it may arrive later.
      setTimeout(() => this.#streamFailed(stream.failure), STREAM_GRACE_MS);
    };
    run.streams.push(stream);
    if (run.streams.length === wanted) this.#start(run);
  }

  received(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#buffer.add(bytes);
      while (!this.#isOver && this.#step());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  drain(): void {}

  ended(): void {
    this.#control.closeWrite();
    this.#finish(new BenchError("protocol", "the client closed the control connection before the test was over"));
  }

  closed(error: Error | null): void {
    this.#finish(error ?? new BenchError("protocol", "the control connection was closed before the test was over"));
    this.#options.closed(this);
  }

  /** What the client's -C asks for holds on both sides, as with iperf3. False: there is no such control, and the test has ended. */
  #setCongestion(socket: BenchSocket, name: string): boolean {
    if (name === "") return true;
    try {
      socket.setOptions?.({ cc: name === "reno" ? "newreno" : name });
      return true;
    } catch (error) {
      this.#refuseConnection(socket);
      this.#fail(new BenchError("congestion", (error as Error).message));
      return false;
    }
  }

  #refuseConnection(socket: BenchSocket): void {
    socket.data = { received() {}, drain() {}, ended() {}, closed() {} } satisfies Connection;
    socket.abort();
  }

  /** Reads the next item of the control connection. Returns false if it has not arrived. */
  #step(): boolean {
    if (this.#awaits === "parameters") {
      const given = this.#buffer.message();
      if (given === undefined) return false;
      this.#createStreams(readParameters(given));
      return true;
    }
    if (this.#awaits === "results") {
      const given = this.#buffer.message();
      if (given === undefined) return false;
      this.#remote = readResults(given);
      this.#awaits = "done";
      this.#tell(message(resultsJson(this.#run!)));
      this.#tell(stateOctet(DISPLAY_RESULTS));
      this.#expect("the end of the test");
      return true;
    }
    const state = this.#buffer.state();
    if (state === null) return false;
    this.#enter(state);
    return true;
  }

  #enter(state: number): void {
    if (state === CLIENT_TERMINATE) throw new BenchError("terminated", "the client ended the test");
    if (state === TEST_END && this.#awaits === "end") {
      this.#awaits = "rest";
      clearTimeout(this.#timer);
      this.#awaitRest(this.#run!, -1);
      return;
    }
    if (state === IPERF_DONE && this.#awaits === "done") {
      this.#finish(null);
      return;
    }
    throw new BenchError("protocol", `it sent the state ${state} at the wrong time`);
  }

  /**
   * A client that sends a fixed number of octets ends the test once it has written them, when some are still in flight. Waits until no more
   * arrive. @param before octets at the last check
   */
  #awaitRest(run: TestRun, before: number): void {
    if (this.#isOver) return;
    const received = run.streams.reduce((n, { isSender, bytes }) => (isSender ? n : n + bytes), 0);
    const { num, reverse, mode } = run.parameters;
    if (mode === "bulk" && !reverse && num > received && received > before) {
      setTimeout(() => this.#awaitRest(run, received), REST_MS);
    } else this.#endTest(run);
  }

  #endTest(run: TestRun): void {
    run.stop();
    // Queued data is still sent: an iperf3 client keeps reading until the next state arrives.
    for (const stream of run.streams) if (stream.isSender && !stream.isOver) stream.socket?.closeWrite();
    this.#buffer.limit = RESULTS_MAX;
    this.#awaits = "results";
    this.#tell(stateOctet(EXCHANGE_RESULTS));
    this.#expect("its results");
  }

  #createStreams(parameters: Parameters): void {
    const { report, interval } = this.#options;
    this.#parameters = parameters;
    const run = new TestRun("server", parameters, this.#cookie, { ends: this.#control, report, interval });
    this.#run = run;
    this.#tell(stateOctet(parameters.mode === "bulk" ? CREATE_STREAMS : TCPNET_CREATE_STREAMS));
    this.#awaits = "streams";
    this.#expect("its data connections");
    if (parameters.mode !== "crr") return;
    run.streams.push(new Tally(streamId(0), false, null));
    this.#start(run);
  }

  #start(run: TestRun): void {
    const { patience } = this.#options;
    const { time, omit, num } = run.parameters;
    this.#awaits = "end";
    this.#tell(Uint8Array.of(TEST_START, TEST_RUNNING));
    run.start();
    clearTimeout(this.#timer);
    // The client ends the test. If it has vanished, keep-alive or the time limit ends it.
    if (time > 0 && num === 0) this.#expect("the end of the test", (time + omit) * 1000 + patience);
  }

  #streamFailed(error: Error | null): void {
    const why = error?.message ?? "it was closed";
    this.#fail(new BenchError("stream", `a data connection failed: ${why}`));
  }

  #expect(what: string, within = this.#options.patience): void {
    clearTimeout(this.#timer);
    const words = `it has not sent ${what} within ${Math.round(within / 1000)} s`;
    this.#timer = setTimeout(() => this.#fail(new BenchError("silent", words)), within);
  }

  /** Reports the error to the client, as far as iperf3's protocol can express it, and ends the test. */
  #fail(error: Error): void {
    if (this.#isOver) return;
    const number = error instanceof BenchError ? ERROR_NUMBERS[error.kind] : undefined;
    if (number !== undefined) {
      const numbers = new Uint8Array(9);
      numbers[0] = SERVER_ERROR;
      new DataView(numbers.buffer).setInt32(1, number);
      this.#tell(numbers);
    } else if (!(error instanceof BenchError && error.kind === "terminated")) {
      this.#tell(stateOctet(SERVER_TERMINATE));
    }
    this.#finish(error);
  }

  #finish(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const run = this.#run;
    if (run !== null && run.streams.length > 0 && (run.isRunning || run.totals.length > 0)) {
      run.end(this.#remote, error);
    }
    for (const stream of run?.streams ?? []) stream.abort();
    this.#control.closeWrite();
    this.#options.ended(run, error);
  }

  #tell(bytes: Uint8Array): void {
    try {
      this.#control.write(bytes);
    } catch {
      // The control connection is over: its `closed` ends the test.
    }
  }
}
