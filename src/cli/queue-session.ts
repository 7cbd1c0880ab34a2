/** `host --queues`: a thread with a stack for each queue of the device. This thread prints what they say, and hands signals to them. */
import type { Worker } from "node:worker_threads";
import { offloadOf } from "#device/tun";
import * as netif from "#ffi/interface";
import { counted, timeText } from "#observe/units";
import { ConnectionError } from "#socket/connection-error";
import { QueueGroup } from "#socket/stack-group";
import { bracketed } from "./address-map.ts";
import { CliError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { obstacleAfterSilence } from "./diagnose.ts";
import { EXIT_CONNECT_TIMEOUT, EXIT_FAILURE, EXIT_OK, EXIT_SIGINT } from "./exit-codes.ts";
import { deviceGone } from "./failure.ts";
import { type RecordFile, recordAt } from "./named-files.ts";
import { floodFilterText, openQueues, tellNewDevice } from "./open-device.ts";
import { stackSettings, tellWhoIsWho } from "./open-stack.ts";
import { giveUpRoot } from "./privileges.ts";
import { pathOfQueue, type QueueFile, type QueueNews, type QueueOrder, type QueueWork, Tally } from "./queue-work.ts";
import { tellWhatStays } from "./run-session.ts";
import { servedLine } from "./served-line.ts";
import { TRACE_RECORDS } from "./session.ts";
import type { SessionOptions } from "./session-options.ts";
import { listenToSignals } from "./signals.ts";
import { sayFor, speakWithoutWaiting } from "./terminal.ts";
import { Voice } from "./voice.ts";

/** The threads' code: in the compiled file, or beside this file when running from source. */
const CODE = import.meta.path.startsWith("/$bunfs/")
  ? "/$bunfs/root/src/cli/queue-worker.js"
  : new URL("./queue-worker.ts", import.meta.url);

export async function runQueues(options: SessionOptions, call: Call): Promise<number> {
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const { endpoint, queues } = options;
  const { descriptors, filter, temporary, giveBack } = openQueues(endpoint, options, queues);
  const records = (path: string | undefined) =>
    path === undefined ? [] : descriptors.map((_, queue) => recordAt(pathOfQueue(path, queue))!);
  const files = { write: records(options.write), events: records(options.events) };
  // No packet is read by root, and no thread has started yet.
  await giveUpRoot();
  const tally = new Tally(queues);
  const opened = (each: RecordFile): QueueFile => ({ path: each.path, fd: each.open() });
  const data: QueueWork = {
    role: endpoint.role,
    args: call.args,
    flags: call.flags.values,
    began: voice.began,
    write: files.write.map(opened),
    events: files.events.map(opened),
    tally: tally.memory,
  };
  const mtu = netif.getMtu(endpoint.tun);
  const trace = options.packets || options.events !== undefined ? TRACE_RECORDS : 0;
  const settings = stackSettings(options, { limits: options.limits, trace });
  const group = new QueueGroup({
    descriptors,
    filter,
    name: endpoint.tun,
    offload: offloadOf(options),
    worker: CODE,
    settings,
    data,
  });
  tellWhoIsWho(voice, endpoint.role, options, options.port, mtu, floodFilterText(filter));
  if (temporary) tellNewDevice(endpoint.tun, voice);
  tellWhatStays([...files.write, ...files.events], voice);
  try {
    return await new QueueSession(options, voice, group, tally).run();
  } finally {
    await group.close();
    giveBack();
  }
}

class QueueSession {
  readonly #options: SessionOptions;
  readonly #voice: Voice;
  readonly #group: QueueGroup;
  readonly #tally: Tally;
  /** All threads have ended their services, and written their files. */
  readonly #over = Promise.withResolvers<void>();
  #asked = 0;
  #ended = 0;
  #served = 0;
  #failed = 0;
  #isComplete = true;

  constructor(options: SessionOptions, voice: Voice, group: QueueGroup, tally: Tally) {
    this.#options = options;
    this.#voice = voice;
    this.#group = group;
    this.#tally = tally;
    for (const worker of group.workers) worker.on("message", (news: QueueNews) => this.#hear(news));
  }

  async run(): Promise<number> {
    const { endpoint: e, port, queues } = this.#options;
    const stop = listenToSignals({
      close: () => this.#close(),
      abort: (code) => {
        this.#asked = code;
        this.#order({ order: "abort", code });
      },
      figures: () => this.#tellFigures(),
      reopen: () => this.#reopen(),
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#group.ready;
      const where = bracketed(`${e.local}`, port);
      const whom = e.remote === null ? "" : ` for ${e.remote}`;
      const text = `· waiting at ${where}${whom}, with ${queues} queues`;
      this.#voice.event("listen", { local: where, queues }, text);
      const late = Promise.withResolvers<never>();
      timer = this.#nobodyCame(late.reject);
      await Promise.race([this.#over.promise, late.promise, this.#group.closed]);
    } catch (error) {
      throw this.#worded(error);
    } finally {
      clearTimeout(timer);
      stop();
    }
    await this.#tellServed();
    if (this.#asked === 0) throw deviceGone(e);
    return this.#asked === EXIT_OK && !this.#isComplete ? EXIT_FAILURE : this.#asked;
  }

  #hear(news: QueueNews): void {
    if ("say" in news) sayFor(news.say);
    else if ("isComplete" in news) {
      this.#isComplete &&= news.isComplete;
      if (++this.#ended === this.#options.queues) this.#over.resolve();
    } else {
      this.#served += news.served;
      this.#failed += news.failed;
    }
  }

  #order(order: QueueOrder): void {
    for (const worker of this.#group.workers as readonly Worker[]) worker.postMessage(order);
  }

  #close(): void {
    this.#asked = EXIT_SIGINT;
    if (this.#tally.active === 0) this.#voice.event("interrupted", {}, "· stopped: nobody was connected");
    this.#order({ order: "close" });
  }

  #tellFigures(): void {
    const { active, served } = this.#tally;
    if (active > 0) this.#order({ order: "figures" });
    else this.#voice.event("figures", {}, `· no connection; ${counted(served, "connection")} so far`);
  }

  #reopen(): boolean {
    const { write, events } = this.#options;
    this.#order({ order: "reopen" });
    return write !== undefined || events !== undefined;
  }

  /** `--timeout` limits only the wait for the first connection. */
  #nobodyCame(reject: (error: CliError) => void): NodeJS.Timeout | undefined {
    const { timeout, endpoint } = this.#options;
    if (timeout === undefined) return undefined;
    return setTimeout(() => {
      if (this.#tally.served > 0) return;
      const { what, fix } = obstacleAfterSilence(endpoint);
      reject(new CliError(EXIT_CONNECT_TIMEOUT, `nobody connected within ${timeText(timeout)}`, what, fix));
    }, timeout / 1000);
  }

  #worded(error: unknown): unknown {
    if (!(error instanceof ConnectionError)) return error;
    if (error.code === "ENETDOWN") return deviceGone(this.#options.endpoint);
    return new CliError(EXIT_FAILURE, error.message, "each thread serves a part of the clients, so the program ends");
  }

  async #tellServed(): Promise<void> {
    const { facts, text } = servedLine(this.#served, this.#failed, await this.#group.counters());
    this.#voice.event("served", facts, text);
  }
}
