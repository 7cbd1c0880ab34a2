import { isMainThread, workerData } from "node:worker_threads";
import type { Device } from "#device/device";
import { QueueDevice } from "#device/queue-device";
import { TunDevice } from "#device/tun";
import { invalid } from "./checks.ts";
import { createQueueStack } from "./create-stack.ts";
import { QueueMemory } from "./queue-memory.ts";
import { CLOSED, type Question, type QueueStart, type Report, START, WAKE } from "./queue-messages.ts";
import { QueueSiblings } from "./queue-siblings.ts";
import type { EngineStack } from "./stack-types.ts";

/** What a worker of a stack group knows beside its stack. */
export interface QueuePlace {
  /** The number of the queue, from 0. */
  readonly queue: number;
  /** How many queues the device has. */
  readonly queues: number;
  /** The option `data` of `createStackGroup`. */
  readonly data: unknown;
}

/**
 * Called once by the module that `createStackGroup` runs in each of its threads: makes the stack of that thread's queue and passes it to
 * `start`, which listens and connects as with any other stack. What `start` returns may be a promise; the group is ready when those of all
 * threads are settled. If it throws, the group ends with that error.
 * @param wrap returns the device that the stack is to use: a `CaptureDevice` around the queue's own, for example
 * @throws CallError EINVAL outside such a thread.
 */
export function joinStackGroup(
  start: (stack: EngineStack, place: QueuePlace) => void | Promise<void>,
  wrap: (device: Device, place: QueuePlace) => Device = (device) => device,
): void {
  const given = isMainThread ? undefined : (workerData as Readonly<Record<string, unknown>> | null);
  const begun = given?.[START] as QueueStart | undefined;
  if (begun === undefined) throw invalid("joinStackGroup is for the worker module of createStackGroup");
  const { port, queue, queues } = begun;
  const place = { queue, queues, data: given?.data };
  const say = (report: Report) => port.postMessage(report);
  const memory = new QueueMemory(queues, begun.memory);
  const tun = new TunDevice(begun.descriptor, begun.name, begun.offload, undefined, begun.filter);
  const device = new QueueDevice(tun, memory.ring(queue), memory.state(queue));
  let stack: EngineStack;
  try {
    stack = createQueueStack(
      { ...begun.settings, device: wrap(device, place) },
      begun.secret,
      new QueueSiblings(memory, queue),
    );
  } catch (error) {
    device.close();
    throw error;
  }
  stack.closed.catch((error: Error) => say({ kind: "gone", why: error.message }));
  port.on("message", (message: typeof WAKE | Question) => {
    if (message === WAKE) device.wakeable.ring();
    else void answer(stack, message.ask).then((value) => say({ kind: "answer", id: message.id, value }));
  });
  const failed = (error: unknown) => say({ kind: "failed", why: error instanceof Error ? error.message : `${error}` });
  try {
    Promise.resolve(start(stack, place)).then(() => say({ kind: "ready" }), failed);
  } catch (error) {
    failed(error);
  }
}

async function answer(stack: EngineStack, ask: Question["ask"]): Promise<unknown> {
  if (ask === "connections") return stack.connections();
  if (ask === "counters") return stack.counters();
  await stack.close();
  return CLOSED;
}
