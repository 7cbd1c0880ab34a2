/** Where code of an application runs: on which host, in which of its lives. Promises, timers and the callbacks of sockets keep it. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Agent } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import type { Prng } from "#base/prng";
import type { NodeDgram } from "#node/dgram";
import type { NodeNet } from "#node/net";
import type { NetStack } from "#socket/stack-types";
import type { HostClock } from "./clock.ts";

/** What a host's programs have in the place of the system's network. */
export interface Network {
  /** Differs for each host, and for each of its lives. */
  readonly id: number;
  readonly stack: NetStack;
  /** `node:net` of that stack. */
  readonly net: NodeNet;
  /** `node:dgram` of that stack. */
  readonly dgram: NodeDgram;
  /** The agent of `http.request` without one. */
  readonly agent: Agent;
  /** The agent of `https.request` without one. */
  readonly secureAgent: SecureAgent;
  /** `fetch` of that stack. */
  readonly fetch: typeof fetch;
}

export interface Place {
  /** The host's name; "" outside of all hosts. */
  readonly name: string;
  readonly clock: HostClock;
  readonly prng: Prng;
  /** False after a crash: nothing of this life runs any more. */
  isAlive: boolean;
  /** Null outside of all hosts. */
  readonly network: Network | null;
}

export const places = new AsyncLocalStorage<Place>();
