import { expect } from "bun:test";
import { parseLink } from "#device/link-words";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { type RunOptions, Simulation } from "#lab/sim/simulation";
import { createStack } from "#socket/create-stack";
import type { EngineStack, StackSettings } from "#socket/stack-types";
import type { Socket } from "#socket/types";

export const HOST = "10.0.0.7";
export const PEER = "10.0.1.5";
export const PORT = 7000;

export interface WorldOptions {
  /** netem's words, for both directions. Default: 10 ms each way. */
  readonly link?: string;
  readonly seed?: number;
  /** Octets of the largest packet. Default 1500. */
  readonly mtu?: number;
  readonly host?: Partial<StackSettings>;
  readonly peer?: Partial<StackSettings>;
}

/** Two stacks of the public API, joined by a link, in virtual time. */
export interface World {
  readonly sim: Simulation;
  readonly host: EngineStack;
  readonly peer: EngineStack;
  /** Runs until `done` has settled, and answers with its value; fails when nothing more happens before that. */
  until<T>(done: Promise<T>, options?: RunOptions): Promise<T>;
  /** From now on nothing arrives any more. */
  cut(): void;
  /** Everything arrives again as it did. */
  heal(): void;
  /** Runs for so many ms of virtual time. */
  pass(ms: number): Promise<void>;
}

export async function world(options: WorldOptions = {}): Promise<World> {
  const seed = options.seed ?? 1;
  const sim = new Simulation({ seed, errors: { tooBig, timeExceeded } });
  const limits = { memory: 64 << 20 };
  const nodes: ReturnType<typeof sim.node>[] = [];
  const make = (name: string, address: string, k: number, more: Partial<StackSettings> | undefined) =>
    createStack({
      address: `${address}/24`,
      seed: seed * 2 + k,
      limits,
      mtu: options.mtu ?? 1_500,
      ...more,
      host: (engine) => {
        const node = sim.node(name, engine);
        nodes.push(node);
        return node;
      },
    });
  const host = await make("host", HOST, 0, options.host);
  const peer = await make("peer", PEER, 1, options.peer);
  const profiles = parseLink(options.link ?? "delay 10ms");
  const wires = sim.connect(nodes[0]!, nodes[1]!, { there: profiles, back: profiles, mtu: options.mtu ?? 1_500 });
  return {
    sim,
    host,
    peer,
    async until(done, runOptions = {}) {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      done.then(settle, settle);
      await sim.runSettled({ ...runOptions, stop: () => settled });
      expect(settled).toBe(true);
      return done;
    },
    cut() {
      const dead = parseLink("loss 100%");
      for (const wire of [wires.there, wires.back]) wire.link.set(dead, sim.now);
    },
    heal() {
      for (const wire of [wires.there, wires.back]) wire.link.set(profiles, sim.now);
    },
    async pass(ms) {
      await sim.runSettled({ until: sim.now + ms * 1_000 });
    },
  };
}

/** A connection that is open at both ends. */
export async function connected(
  w: World,
  options: Parameters<EngineStack["connect"]>[1] = {},
): Promise<[Socket, Socket]> {
  const listener = w.host.listen({ port: PORT });
  const active = w.peer.connect({ hostname: HOST, port: PORT }, options);
  const passive = await w.until(listener.accept());
  await w.until(active.opened);
  return [active, passive!];
}

/** `n` octets that differ everywhere, as a function of `seed`. */
export function bytes(n: number, seed = 1): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(n);
  let x = (seed * 2654435761) | 1;
  for (let i = 0; i < n; i++) {
    x = Math.imul(x, 1664525) + 1013904223;
    out[i] = x >>> 24;
  }
  return out;
}

/** Everything until the end, by the fast way. */
export async function readAll(socket: Socket, buffer = new Uint8Array(65_536)): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const n = await socket.read(buffer);
    if (n === 0) return Buffer.concat(parts);
    parts.push(buffer.slice(0, n));
  }
}

/** All of it, by the fast way. */
export async function writeAll(socket: Socket, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length; ) {
    done += socket.write(data, done);
    if (done < data.length) await socket.drained();
  }
}

/** Why a promise is rejected: name, code, message and cause; null if it is not. */
export function rejection(promise: Promise<unknown>): Promise<Record<string, unknown> | null> {
  return promise.then(
    () => null,
    ({ name, code, message, cause }) => ({ name, code, message, cause }),
  );
}
