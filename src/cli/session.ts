/** `host` and `peer`: a stack on a device, its connections, and their messages. */
import { NEVER } from "#base/time";
import { CaptureDevice } from "#device/capture";
import type { Device } from "#device/device";
import { counted, timeText } from "#observe/units";
import { ConnectionError } from "#socket/connection-error";
import type { EngineStack } from "#socket/stack-types";
import type { ConnectOptions, Listener, Socket } from "#socket/types";
import { bracketed } from "./address-map.ts";
import { CliError } from "./cli-error.ts";
import { Conversation } from "./conversation.ts";
import { obstacleAfterSilence } from "./diagnose.ts";
import type { Ends } from "./ends.ts";
import { EXIT_CONNECT_TIMEOUT, EXIT_SIGPIPE } from "./exit-codes.ts";
import type { Explanation } from "./explanation.ts";
import { deviceGone, openFailure, transferFailure, warningKind } from "./failure.ts";
import { Narrator } from "./narrator.ts";
import { floodFilterOf } from "./open-device.ts";
import { openStack, tellWhoIsWho } from "./open-stack.ts";
import { OutputClosed } from "./print.ts";
import { tellFull, tellRefusals } from "./refusals.ts";
import { ServeMany } from "./serve-many.ts";
import { servedLine } from "./served-line.ts";
import { isServiceOfMany, type ServiceOfMany } from "./service.ts";
import type { SessionOptions } from "./session-options.ts";
import { listenOptionsOf, silenceMs, socketOptionsOf } from "./session-sockets.ts";
import { type Carrier, Shutdown } from "./shutdown.ts";
import type { Intervals } from "./transfer-progress.ts";
import type { Voice } from "./voice.ts";
import type { EndSample } from "./watch/sample.ts";
import { samplesOf, watchedIntervals } from "./watch/session-view.ts";

/** Limit of events between two turns of the driver: enough for many bursts of segments. */
export const TRACE_RECORDS = 8192;
/** Limit of the time that a link may take to deliver its last packets. */
const LET_OUT_MS = 5_000;

/** The device, and what is below a capture of it: it may be an impaired link. */
interface Wire {
  readonly device: Device;
  readonly link: Device;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #voice: Voice;
  readonly #device: Device;
  readonly #stack: EngineStack;
  readonly #ends: Ends;
  readonly #active = new Set<Carrier>();
  readonly #shutdown: Shutdown;
  #listener: Listener | null = null;
  /** A failure that ends a host with many connections, because it affects all of them. */
  #broken: { readonly error: unknown } | null = null;
  #deviceGone = false;
  /** Resolves at the end of the service: after a signal, or if the device is gone. */
  readonly #stopped = Promise.withResolvers<void>();
  /** How many connections were served, and how many of them failed. */
  #served = 0;
  #failed = 0;
  #service: ServeMany | null = null;
  /** For the demo's dashboard. */
  readonly #intervals: Intervals;
  #toldExhausted = false;

  private constructor(options: SessionOptions, voice: Voice, { device, link }: Wire, stack: EngineStack, ends: Ends) {
    this.#options = options;
    this.#voice = voice;
    this.#device = device;
    this.#stack = stack;
    this.#ends = ends;
    this.#shutdown = new Shutdown(voice, this.#active);
    this.#intervals = watchedIntervals(link);
    stack.closed.catch(() => {
      this.#deviceGone = true;
      this.#stopped.resolve();
    });
  }

  /**
   * Opens a stack on the device, which it then owns, and prints the addresses.
   * @param link the device below a capture, which may be an impaired link
   */
  static async open(
    options: SessionOptions,
    ends: Ends,
    device: Device,
    voice: Voice,
    explanation: Explanation | null = null,
    link: Device = device,
  ): Promise<Session> {
    const { endpoint: e, port, manner, limits } = options;
    const isNarrated = manner !== "quiet" && !(options.keep && options.service.kind !== "pipe");
    const trace = isNarrated || explanation?.isWanted === true ? TRACE_RECORDS : 0;
    const stack = await openStack(options, device, { limits, trace });
    const narrator = new Narrator(voice);
    const { trace: record } = stack.engine;
    explanation?.follow(record, link);
    if (device instanceof CaptureDevice && record.enabled) {
      device.verdict = () => {
        const { verdict } = record;
        record.verdict = 0;
        return verdict;
      };
    }
    stack.onTrace = (trace) => {
      explanation?.read();
      if (!options.packets) narrator.read(trace);
    };
    tellWhoIsWho(voice, e.role, options, port, stack.mtu, floodFilterOf(device));
    return new Session(options, voice, { device, link }, stack, ends);
  }

  /**
   * Serves until the end; returns the exit code. 0: every byte arrived, and all received data was written. Throws CliError.
   * `end` must be called afterwards in any case.
   */
  async run(): Promise<number> {
    const { endpoint: e, simultaneous } = this.#options;
    try {
      if (e.role === "peer" || simultaneous) await this.#dial();
      else await this.#listen();
    } catch (error) {
      if (this.#shutdown.asked !== 0) return this.#shutdown.asked;
      if (!(error instanceof OutputClosed)) throw error;
      this.#voice.event("output-closed", {}, `· ${error.message}: data after this is lost`);
      return EXIT_SIGPIPE;
    }
    return this.#shutdown.asked;
  }

  /** Closes the stack and the device; open connections get an RST. */
  async end(): Promise<void> {
    this.#shutdown.end();
    // Do not print that TIME-WAIT ends with the program.
    this.#stack.onTrace = null;
    await this.#letOut();
    await this.#stack.close();
  }

  /** An impaired link may still hold the last packets, such as an RST: waits a moment for it to send them. */
  async #letOut(): Promise<void> {
    if (this.#options.impairment === null || this.#deviceGone) return;
    const until = performance.now() + LET_OUT_MS;
    while (performance.now() < until && this.#device.nextDeadline() !== NEVER) await Bun.sleep(10);
  }

  /** The first Ctrl-C. */
  close(): void {
    // Set this before closing the listener, so that its end is not taken for that of the device.
    this.#shutdown.close();
    this.#stopped.resolve();
    void this.#listener?.close();
  }

  /** Resets all connections. */
  abort(code: number): void {
    this.#shutdown.abort(code);
    this.#stopped.resolve();
    void this.#listener?.close();
  }

  tellFigures(): void {
    const all = [...this.#active];
    if (all.length === 0)
      this.#voice.event(
        "figures",
        {},
        `· no connection; ${counted(this.#service?.served ?? this.#served, "connection")} so far`,
      );
    for (const each of all) this.#voice.event("figures", { info: each.socket.info() }, `· ${each.figures()}`);
  }

  /** The connections for a dashboard: not more than a person looks at. */
  samples(): EndSample[] {
    return samplesOf(this.#active);
  }

  async #dial(): Promise<void> {
    const { endpoint: e, port, simultaneous, fastOpen } = this.#options;
    // The program has just started and has no cookie of the other side.
    const early = fastOpen ? { fastOpen, params: { fastOpenCookieless: true } } : {};
    const options: ConnectOptions = { ...socketOptionsOf(this.#options), ...early, timeout: silenceMs(this.#options) };
    const socket = this.#stack.connect(
      { hostname: `${e.remote}`, port },
      simultaneous ? { ...options, localPort: port } : options,
    );
    let last = "";
    socket.onSoftError = ({ code, message }) => {
      // Each retransmitted SYN may get the same ICMP error.
      if (message !== last) this.#voice.event("soft-error", { code }, `· ${message}`);
      last = message;
    };
    await this.#converse(socket);
  }

  async #listen(): Promise<void> {
    const { endpoint: e, port, keep, service } = this.#options;
    const { limits } = this.#stack.engine;
    const many = keep && isServiceOfMany(service) ? this.#many(service) : null;
    const handlers = many === null ? {} : { socket: many.handlers };
    const passive = listenOptionsOf(this.#options, limits.connections);
    const listener = this.#stack.listen({ ...passive, ...handlers });
    this.#listener = listener;
    tellRefusals(this.#voice, this.#stack, listener, e.remote);
    tellFull(this.#voice, listener, limits, passive.backlog);
    const where = bracketed(`${e.local}`, port);
    this.#voice.event(
      "listen",
      { local: where },
      `· waiting at ${where}${e.remote === null ? "" : ` for ${e.remote}`}`,
    );
    if (many !== null) return this.#serveMany(many);
    if (keep) return this.#serve(listener);
    const socket = await this.#accept(listener);
    if (socket === null) return this.#refuseSilentEnd();
    await listener.close();
    await this.#converse(socket);
  }

  /** Serves one connection after another, or many at once, until a signal or a failure that affects all. */
  async #serve(listener: Listener): Promise<void> {
    const running = new Set<Promise<void>>();
    for (;;) {
      const socket = await this.#accept(listener);
      if (socket === null) break;
      const conversation = this.#converse(socket).catch((error) => this.#noteFailure(error));
      running.add(conversation);
      void conversation.then(() => {
        running.delete(conversation);
        if (running.size === 0) this.#tellWaiting();
      });
      // One keyboard and one output serve one connection at a time. Echo, discard and source need neither.
      if (this.#options.service.kind === "pipe") await conversation;
    }
    if (this.#broken !== null) for (const { socket } of this.#active) socket.abort();
    await Promise.all(running);
    this.#tellServed();
    if (this.#broken !== null) throw this.#broken.error;
    this.#refuseSilentEnd();
  }

  /** Serves many connections by handlers, until a signal comes or the device is gone. */
  async #serveMany(many: ServeMany): Promise<void> {
    this.#service = many;
    await many.run(this.#stopped.promise, this.#options.timeout, (waited) => this.#nobodyCame(waited));
    this.#tellServed();
    this.#refuseSilentEnd();
  }

  #many(service: ServiceOfMany): ServeMany {
    return new ServeMany(service, this.#voice, {
      endpoint: this.#options.endpoint,
      active: this.#active,
      isAsked: () => this.#shutdown.asked !== 0,
      isEnding: () => this.#shutdown.asked !== 0 || this.#deviceGone,
      onIdle: () => this.#tellWaiting(),
    });
  }

  #tellServed(): void {
    const { served, failed } = this.#service ?? { served: this.#served, failed: this.#failed };
    const { facts, text } = servedLine(served, failed, this.#stack.counters());
    this.#voice.tellCounts();
    this.#voice.event("served", facts, text);
  }

  /** If we did not close the listener, the device is gone. */
  #refuseSilentEnd(): void {
    if (this.#shutdown.asked === 0) throw deviceGone(this.#options.endpoint);
  }

  #tellWaiting(): void {
    if (this.#shutdown.asked !== 0 || this.#broken !== null || this.#deviceGone) return;
    this.#voice.event("waiting", {}, "· waiting for the next connection; Ctrl-C ends");
  }

  /** `--timeout` limits only the wait for the first connection. */
  async #accept(listener: Listener): Promise<Socket | null> {
    const { timeout } = this.#options;
    const next = listener.accept();
    if (timeout === undefined || this.#served > 0) return next;
    const late = Bun.sleep(timeout / 1000).then(() => "late" as const);
    const first = await Promise.race([next, late]);
    if (first !== "late") return first;
    throw this.#nobodyCame(timeout);
  }

  #nobodyCame(timeout: number): CliError {
    const { what, fix } = obstacleAfterSilence(this.#options.endpoint);
    return new CliError(EXIT_CONNECT_TIMEOUT, `nobody connected within ${timeText(timeout)}`, what, fix);
  }

  async #converse(socket: Socket): Promise<void> {
    const { endpoint: e, service } = this.#options;
    const conversation = new Conversation(socket, this.#voice, this.#options.watch ? this.#intervals : undefined);
    this.#active.add(conversation);
    this.#served++;
    if (service.kind === "pipe") this.#warnExhausted();
    let opened = false;
    void socket.opened.then(
      () => {
        opened = true;
      },
      () => {},
    );
    try {
      await conversation.run(service, this.#ends, this.#options.fastOpen);
      conversation.tellSummary("closed by both sides");
      if (!this.#options.keep) await conversation.linger(this.#options.impairment !== null);
    } catch (error) {
      if (this.#shutdown.asked !== 0 || this.#broken !== null) {
        await socket.closed.catch(() => {});
        await turn();
        if (opened) conversation.tellSummary("ended by this side");
        else conversation.tellEnd("given up before the connection was open");
        return;
      }
      if (!(error instanceof ConnectionError)) {
        // After our own failure (a full disk) the peer must not think that all data arrived.
        socket.abort(error);
        await turn();
        conversation.tellSummary("ended by this side");
        this.#break(error);
        throw error;
      }
      if (!opened) throw openFailure(error, socket.softError, e);
      conversation.tellSummary("ended early");
      throw transferFailure(error, e);
    } finally {
      this.#active.delete(conversation);
      this.#ends.leave();
    }
  }

  #warnExhausted(): void {
    const why = this.#ends.exhausted;
    if (why === "" || this.#toldExhausted) return;
    this.#toldExhausted = true;
    this.#voice.warn({ what: "nothing is sent to this client and later ones", why, fix: "" });
  }

  /** Reports that one of many connections failed; the others go on. */
  #noteFailure(error: unknown): void {
    this.#failed++;
    // A failure of all of them is reported once, at the end.
    if (this.#shutdown.asked !== 0 || this.#deviceGone || this.#broken !== null) return;
    const failure = error as CliError;
    this.#voice.warn(failure, warningKind(failure));
  }

  /** Whether a failure affects the next connection, too: a full disk, an output that nobody reads, our bug. */
  #break(error: unknown): void {
    this.#broken ??= { error };
    void this.#listener?.close();
  }
}

/** Lets the driver have a turn, so that its events are printed first. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}
