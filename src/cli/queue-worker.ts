/** The thread of one queue of `host --queues`: a stack, and a service for its part of the clients. */
import { openSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { CaptureFile } from "#observe/capture-file";
import { counted } from "#observe/units";
import { joinStackGroup, type QueuePlace } from "#socket/join-stack-group";
import type { EngineStack } from "#socket/stack-types";
import type { SocketHandlers } from "#socket/types";
import { EXIT_SIGINT } from "./exit-codes.ts";
import { Explanation } from "./explanation.ts";
import { Flags } from "./flags.ts";
import type { RecordFile } from "./named-files.ts";
import { captured, endCapture } from "./open-capture.ts";
import { type QueueFile, type QueueNews, type QueueOrder, type QueueWork, Tally } from "./queue-work.ts";
import { tellFull, tellRefusals } from "./refusals.ts";
import { reopen } from "./run-session.ts";
import { ServeMany } from "./serve-many.ts";
import type { ServiceOfMany } from "./service.ts";
import { type SessionOptions, sessionOptions } from "./session-options.ts";
import { listenOptionsOf } from "./session-sockets.ts";
import { type Carrier, Shutdown } from "./shutdown.ts";
import { sayData, speakThrough } from "./terminal.ts";
import { Voice } from "./voice.ts";

const tell = (news: QueueNews) => parentPort?.postMessage(news);

/** The same file, or a new one with its path. */
function recordOf(file: QueueFile | undefined): RecordFile | null {
  if (file === undefined) return null;
  let first: number | null = file.fd;
  return {
    path: file.path,
    open: () => {
      const fd = first ?? openSync(file.path, "w");
      first = null;
      return fd;
    },
  };
}

class QueueService {
  readonly #options: SessionOptions;
  readonly #voice: Voice;
  readonly #write: RecordFile | null;
  readonly #events: RecordFile | null;
  readonly #tally: Tally;
  readonly #queue: number;
  readonly #active = new Set<Carrier>();
  readonly #shutdown: Shutdown;
  readonly #stopped = Promise.withResolvers<void>();
  #many: ServeMany | null = null;
  #isGone = false;
  capture: CaptureFile | null = null;

  constructor({ queue, queues, data }: QueuePlace) {
    const work = data as QueueWork;
    const options = sessionOptions(work.role, { args: [...work.args], flags: new Flags(work.flags) });
    this.#write = recordOf(work.write[queue]);
    this.#events = recordOf(work.events[queue]);
    this.#options = { ...options, write: this.#write?.path, events: this.#events?.path };
    this.#voice = new Voice(options.manner, sayData, work.began - performance.timeOrigin);
    this.#tally = new Tally(queues, work.tally);
    this.#queue = queue;
    this.#shutdown = new Shutdown(this.#voice, this.#active);
  }

  wrap(device: Parameters<typeof captured>[0]): ReturnType<typeof captured>["device"] {
    const { device: wrapped, capture } = captured(device, this.#options.write, this.#write, this.#voice);
    this.capture = capture;
    return wrapped;
  }

  start(stack: EngineStack): void {
    const { endpoint: e, service } = this.#options;
    const { limits } = stack.engine;
    const explanation = new Explanation(this.#options, this.#events, this.#voice);
    explanation.followStack(stack.engine.trace);
    stack.onTrace = () => explanation.read();
    const many = new ServeMany(service as ServiceOfMany, this.#voice, {
      endpoint: e,
      active: this.#active,
      isAsked: () => this.#shutdown.asked !== 0,
      isEnding: () => this.#shutdown.asked !== 0 || this.#isGone,
      // Told when the numbers that all threads see are right.
      onIdle: () => {},
    });
    this.#many = many;
    const passive = listenOptionsOf(this.#options, limits.connections);
    const listener = stack.listen({ ...passive, socket: this.#counted(many.handlers) });
    tellRefusals(this.#voice, stack, listener, e.remote);
    tellFull(this.#voice, listener, limits, passive.backlog);
    stack.closed.catch(() => {
      this.#isGone = true;
      this.#stopped.resolve();
    });
    parentPort?.on("message", (order: QueueOrder) => this.#obey(order, explanation));
    void this.#run(many, () => void listener.close(), explanation);
  }

  async #run(many: ServeMany, closeListener: () => void, explanation: Explanation): Promise<void> {
    void this.#stopped.promise.then(closeListener);
    await many.run(this.#stopped.promise, undefined, () => new Error("no limit of time"));
    this.#shutdown.end();
    this.#voice.tellCounts();
    tell({ served: many.served, failed: many.failed });
    await Promise.all([this.capture?.drain(), explanation.file?.drain()]);
    const captured = await endCapture(this.capture, this.#options.write, this.#voice);
    tell({ isComplete: (await explanation.end()) && captured });
  }

  /** The handlers of the service, with the numbers that all threads see. */
  #counted(handlers: SocketHandlers): SocketHandlers {
    const count = () => this.#tally.set(this.#queue, this.#active.size, this.#many?.served ?? 0);
    return {
      ...handlers,
      open: (socket) => {
        handlers.open?.(socket);
        count();
      },
      close: (socket, error) => {
        const before = this.#active.size;
        handlers.close?.(socket, error);
        if (this.#active.size !== before) count();
        if (before > 0 && this.#active.size === 0) this.#tellWaiting();
      },
    };
  }

  /** Nobody is connected any more, to any queue. Clients of another queue may still be on their way: the number says who is over. */
  #tellWaiting(): void {
    if (this.#shutdown.asked !== 0 || this.#isGone || this.#tally.active > 0) return;
    const { served } = this.#tally;
    if (!this.#tally.isFirstToTell(served)) return;
    const text = `· ${counted(served, "connection")} so far; waiting for the next connection; Ctrl-C ends`;
    this.#voice.event("waiting", { served }, text);
  }

  #obey(order: QueueOrder, explanation: Explanation): void {
    switch (order.order) {
      case "close":
        // The first thread says that nobody was connected.
        if (this.#active.size > 0) this.#shutdown.close();
        else this.#shutdown.asked = EXIT_SIGINT;
        this.#stopped.resolve();
        break;
      case "abort":
        this.#shutdown.abort(order.code);
        this.#stopped.resolve();
        break;
      case "figures":
        for (const each of this.#active)
          this.#voice.event("figures", { info: each.socket.info() }, `· ${each.figures()}`);
        break;
      case "reopen":
        reopen([this.capture, explanation.file], this.#voice);
    }
  }
}

speakThrough((say) => tell({ say }));
let service: QueueService | null = null;
joinStackGroup(
  (stack) => service?.start(stack),
  (device, place) => {
    service = new QueueService(place);
    return service.wrap(device);
  },
);
