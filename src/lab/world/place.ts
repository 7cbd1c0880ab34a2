/** Where code of an application runs: on which host, in which of its lives. Promises, timers and the callbacks of sockets keep it. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Prng } from "#base/prng";
import type { NodeNet } from "#node/net";
import type { NetStack } from "#socket/stack-types";

export interface Place {
  /** The host's name; "" outside of all hosts. */
  readonly name: string;
  /** Added to the time of day, ms. */
  readonly skew: () => number;
  readonly prng: Prng;
  /** False after a crash: nothing of this life runs any more. */
  isAlive: boolean;
  /** Null outside of all hosts. */
  readonly stack: NetStack | null;
  /** `node:net` of that stack. */
  readonly net: NodeNet | null;
  /** The agent of `http.request` without one. */
  readonly agent: object | null;
  /** `fetch` of that stack. */
  readonly fetch: typeof fetch | null;
}

export const places = new AsyncLocalStorage<Place>();
