import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Offload } from "#device/device";
import { closeFilter, duplicateFilter, NO_FILTER, openFilter } from "#device/filter/kernel-filter";
import { QueueBells } from "#device/queue-device";
import { closeTunQueue, offloadOf, openTunQueues, QUEUES_MAX, type TunOptions } from "#device/tun";
import { DEFAULT_LIMITS, type Limits } from "#stack/limits";
import type { TcpInfo } from "#tcp/machine/info";
import { checkGroupOptions, MEMORY_MIN } from "./arguments.ts";
import { whole } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { QueueMemory } from "./queue-memory.ts";
import { CLOSED, type Question, type QueueStart, type Report, START, WAKE } from "./queue-messages.ts";
import type { StackSettings } from "./stack-types.ts";

/** The argument of `createStackGroup`. Limits are those of the whole group. */
export interface StackGroupOptions extends StackSettings {
  /** As for `openTun`. */
  readonly tun: TunOptions;
  /** 1 to 256: as many as there are processors to spare. */
  readonly queues: number;
  /** The module that runs in the thread of each queue and calls `joinStackGroup`: `new URL("./worker.ts", import.meta.url)`. */
  readonly worker: string | URL;
  /** Something for each of them (`QueuePlace.data`), which is cloned as by `postMessage`. */
  readonly data?: unknown;
}

/** One of the connections of a group. */
export interface GroupConnection extends TcpInfo {
  /** The number of its queue. */
  readonly queue: number;
}

/** The thread of a queue: what is used of a `Worker` of node:worker_threads. */
export interface GroupWorker {
  /** Sends a message to the thread (`parentPort` there). */
  postMessage(message: unknown): void;
  /** Listens to the messages of the thread. */
  on(event: "message", listen: (message: unknown) => void): unknown;
  /** Ends that. */
  off(event: "message", listen: (message: unknown) => void): unknown;
}

/** The stacks of the queues of one device, seen from the thread that made them. */
export interface StackGroup extends AsyncDisposable {
  /** How many queues the device has. */
  readonly queues: number;
  /** The threads, by queue, for messages of the application's own. */
  readonly workers: readonly GroupWorker[];
  /** Every connection of every queue. */
  connections(): Promise<GroupConnection[]>;
  /** The sums of the counters of all queues. */
  counters(): Promise<Record<string, number>>;
  /** Resolves after `close`. Rejects with ConnectionError if the device vanished, or a thread ended: then all end. */
  readonly closed: Promise<void>;
  /** Closes all stacks, then ends the threads. */
  close(): Promise<void>;
}

/** How long a thread may take to close its stack, ms. */
const CLOSE_MS = 5_000;

/**
 * Opens a TUN device with several queues, and starts a thread with a stack of its own for each. All stacks have the same addresses and
 * nothing else in common: a connection lives in the thread of the queue that the kernel gave its SYN to, and its handlers run there.
 * Resolves when all threads have called `joinStackGroup` and what they started is settled.
 *
 * The calling thread wakes idle queues, so it should not block for long: while it does, an idle queue looks once a second.
 * @throws SystemError if the device cannot be opened, or was made for one queue; CallError EINVAL.
 */
export async function createStackGroup(options: StackGroupOptions): Promise<StackGroup> {
  checkGroupOptions(options);
  const queues = whole("queues", options.queues, 1, QUEUES_MAX);
  const { tun, worker, data, queues: _, ...settings } = options;
  const descriptors = openTunQueues(tun, queues);
  const filter = openFilter(descriptors[0]!, tun.filter);
  const group = new QueueGroup({
    descriptors,
    filter,
    name: tun.name,
    offload: offloadOf(tun),
    worker,
    settings,
    data,
  });
  try {
    await group.ready;
  } catch (error) {
    // The device is free again.
    await group.closed.catch(() => {});
    throw error;
  }
  return group;
}

/** A group whose device is open. */
export interface QueueGroupOptions {
  readonly descriptors: readonly number[];
  /** A result of `openFilter`. The group closes it. Absent: no filter. */
  readonly filter?: number;
  readonly name: string;
  readonly offload: Offload;
  readonly worker: string | URL;
  readonly settings: StackSettings;
  readonly data?: unknown;
}

export class QueueGroup implements StackGroup {
  readonly queues: number;
  readonly workers: Worker[] = [];
  readonly #ports: MessagePort[] = [];
  /** Those whose stack is not closed yet. */
  readonly #descriptors = new Map<number, { readonly descriptor: number; readonly filter: number }>();
  /** Queues whose thread has ended: nobody there answers. */
  readonly #over = new Set<number>();
  readonly #bells: QueueBells;
  readonly #ready = new Deferred<void>();
  readonly #closed = new Deferred<void>();
  readonly #asked = new Map<number, { readonly queue: number; readonly resolve: (value: unknown) => void }>();
  #questions = 0;
  /** How many threads have started. */
  #started = 0;
  #ending = false;

  constructor(options: QueueGroupOptions) {
    const { descriptors, settings, filter: ofAll = NO_FILTER } = options;
    this.queues = descriptors.length;
    const memory = new QueueMemory(this.queues);
    this.#bells = new QueueBells((queue) => this.#ports[queue]!.postMessage(WAKE));
    const [k0, k1] = crypto.getRandomValues(new Int32Array(2)) as unknown as [number, number];
    const { name, offload } = options;
    const shared = { queues: this.queues, name, offload, memory: memory.buffer, secret: [k0, k1] as const };
    const share = { ...settings, limits: shareOf(settings.limits ?? {}, this.queues) };
    descriptors.forEach((descriptor, queue) => {
      const filter = duplicateFilter(ofAll);
      this.#descriptors.set(queue, { descriptor, filter });
      this.#bells.add(descriptor, memory.ring(queue), memory.state(queue));
      const seed = settings.seed === undefined ? {} : { seed: settings.seed + queue };
      this.#start(options, { ...shared, queue, descriptor, filter, settings: { ...share, ...seed } });
    });
    closeFilter(ofAll);
  }

  /** Resolves when all threads have started what they serve. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  #start({ worker: module, data }: QueueGroupOptions, start: Omit<QueueStart, "port">): void {
    const { queue } = start;
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(module, {
      workerData: { [START]: { ...start, port: port2 } satisfies QueueStart, data },
      transferList: [port2],
    });
    port1.on("message", (report: Report) => this.#hear(queue, report));
    worker.on("error", (error: unknown) => this.#died(queue, error instanceof Error ? error.message : `${error}`));
    worker.on("exit", () => this.#died(queue, "it exited"));
    this.#ports.push(port1);
    this.workers.push(worker);
  }

  #hear(queue: number, report: Report): void {
    switch (report.kind) {
      case "ready":
        if (++this.#started === this.queues) this.#ready.resolve();
        break;
      case "failed":
        this.#fail(queue, report.why);
        break;
      case "gone":
        this.#end(new ConnectionError("ENETDOWN", report.why));
        break;
      case "answer":
        this.#asked.get(report.id)?.resolve(report.value);
        this.#asked.delete(report.id);
    }
  }

  #died(queue: number, why: string): void {
    this.#over.add(queue);
    for (const asked of this.#asked.values()) if (asked.queue === queue) asked.resolve(undefined);
    this.#fail(queue, why);
  }

  #fail(queue: number, why: string): void {
    this.#end(new ConnectionError("ECONNABORTED", `the thread of queue ${queue} ended: ${why}`));
  }

  /** One of them is over, so all are: a part of the flows would get no answer. */
  #end(error: ConnectionError): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#ready.reject(error);
    void this.#stop().then(() => this.#closed.reject(error));
  }

  async connections(): Promise<GroupConnection[]> {
    const lists = (await this.#askAll("connections")) as (TcpInfo[] | undefined)[];
    return lists.flatMap((list, queue) => (list ?? []).map((info) => ({ ...info, queue })));
  }

  async counters(): Promise<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const counters of (await this.#askAll("counters")) as (Record<string, number> | undefined)[]) {
      for (const [name, n] of Object.entries(counters ?? {})) sums[name] = (sums[name] ?? 0) + n;
    }
    return sums;
  }

  async close(): Promise<void> {
    if (!this.#ending) {
      this.#ending = true;
      await this.#stop();
      this.#closed.resolve();
    }
    await this.#closed.promise.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stop(): Promise<void> {
    // A thread that is stuck does not answer.
    const closing = this.workers.map((_, queue) => this.#closeOne(queue));
    await Promise.race([Promise.all(closing), Bun.sleep(CLOSE_MS)]);
    this.#bells.close();
    for (const port of this.#ports) port.close();
    for (const { resolve } of this.#asked.values()) resolve(undefined);
    await Promise.race([Promise.all(this.workers.map((worker) => worker.terminate())), Bun.sleep(CLOSE_MS)]);
    for (const { descriptor, filter } of this.#descriptors.values()) {
      closeTunQueue(descriptor);
      closeFilter(filter);
    }
  }

  async #closeOne(queue: number): Promise<void> {
    if ((await this.#ask(queue, "close")) === CLOSED) this.#descriptors.delete(queue);
  }

  #askAll(ask: Question["ask"]): Promise<unknown[]> {
    return Promise.all(this.#ports.map((_, queue) => this.#ask(queue, ask)));
  }

  /** Undefined where the thread has ended. */
  #ask(queue: number, ask: Question["ask"]): Promise<unknown> {
    if (this.#over.has(queue)) return Promise.resolve(undefined);
    const id = ++this.#questions;
    return new Promise((resolve) => {
      this.#asked.set(id, { queue, resolve });
      this.#ports[queue]!.postMessage({ id, ask } satisfies Question);
    });
  }
}

/** The memory of a group is divided; connections are counted over all queues, so each may have as many as the group. */
function shareOf(limits: Partial<Limits>, queues: number): Partial<Limits> {
  const { memory, records, ranges, icmpRate, icmpBurst, answerRate, answerBurst } = { ...DEFAULT_LIMITS, ...limits };
  const part = (n: number) => Math.max(1, Math.floor(n / queues));
  const rates = { icmpRate: part(icmpRate), icmpBurst: part(icmpBurst), answerRate: part(answerRate) };
  const share = { records: part(records), ranges: part(ranges), ...rates, answerBurst: part(answerBurst) };
  return { ...limits, ...share, memory: Math.max(MEMORY_MIN, part(memory)) };
}
