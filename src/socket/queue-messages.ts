import type { Offload } from "#device/device";
import type { StackSettings } from "./stack-types.ts";

/** What a worker is started with. */
export interface QueueStart {
  readonly queue: number;
  readonly queues: number;
  /** Of the queue; the worker closes it. */
  readonly descriptor: number;
  /** A result of `openFilter`; the worker closes it. */
  readonly filter: number;
  readonly name: string;
  readonly offload: Offload;
  readonly memory: SharedArrayBuffer;
  readonly settings: StackSettings;
  readonly secret: readonly [number, number];
  /** To the first thread. */
  readonly port: import("node:worker_threads").MessagePort;
}

/** The name of the worker's start among its data; the user's own data is beside it. */
export const START = "tcpnetQueue";

/** To a worker: wake up, or a question, whose answer has the same number. */
export const WAKE = 0;
export type Question = { readonly id: number; readonly ask: "connections" | "counters" | "close" };

/** The answer to "close". */
export const CLOSED = "closed";

/** From a worker. */
export type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "gone"; readonly why: string }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown };
