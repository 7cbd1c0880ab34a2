/** A host of a world: a stack, and what runs on it. */
import type { Prng } from "#base/prng";
import type { Engine } from "#driver/engine";
import { httpAgent, httpsAgent } from "#node/agents";
import { nodeDgram } from "#node/dgram";
import { nodeFetch } from "#node/fetch";
import { type NodeNet, nodeNet } from "#node/net";
import { createHostedStack } from "#socket/create-stack";
import type { EngineStack, Host, NetStack } from "#socket/stack-types";
import type { SimNode } from "../sim/node.ts";
import { HostClock, readDrift } from "./clock.ts";
import { type Network, type Place, places } from "./place.ts";
import { PoweredOff } from "./powered-off.ts";
import { RecordedEngine } from "./recorded-engine.ts";
import type { Main, WorldHost, WorldHostOptions } from "./types.ts";
import { invalid, WorldError } from "./world-error.ts";

/** What a host needs of its world. */
export interface Surroundings {
  readonly addresses: readonly string[];
  node(engine: Engine): SimNode;
  /** True time, µs. */
  now(): number;
  /** Seeds of stacks and random numbers. */
  fork(): Prng;
  resolve(name: string): readonly string[];
  /** A stack was made, or made again. */
  follow(host: VirtualHost, stack: EngineStack): void;
  /** A program has called a stack. */
  called(): void;
  isRunning(): boolean;
  /** Calls it at once, or when the world runs. */
  whenRunning(call: () => void): void;
  /** A program has thrown. */
  died(error: unknown): void;
}

/** Octets of a stack's memory: enough for the buffers of a few hundred connections. */
const MEMORY = 16 << 20;
const TRACE = 1 << 12;
/** Of all hosts of all worlds. */
let lives = 0;

export class VirtualHost implements WorldHost {
  readonly name: string;
  /** The first of its addresses. */
  readonly address: string;
  /** What survives a crash: whatever the application puts there. */
  readonly disk = new Map<string, unknown>();
  readonly #clock: HostClock;
  readonly #around: Surroundings;
  readonly #options: WorldHostOptions;
  #node: SimNode | null = null;
  #place: Place | null = null;
  #main: Main | null = null;

  constructor(name: string, around: Surroundings, options: WorldHostOptions) {
    this.name = name;
    this.#around = around;
    this.#options = options;
    this.address = around.addresses[0]!.replace(/\/\d+$/, "");
    const { skew = 0, drift = 0 } = options;
    this.#clock = new HostClock(() => around.now());
    this.skew = skew;
    this.drift = drift;
    this.#boot();
  }

  /** Added to the time of day (`Date`) on this host, ms; timers do not know of it. */
  get skew(): number {
    return this.#clock.skew;
  }

  set skew(ms: number) {
    if (!Number.isFinite(ms)) throw invalid(`skew must be a number of ms, not ${ms}`);
    this.#clock.skew = ms;
  }

  /** Parts in a million by which its clocks and its programs' timers are fast. */
  get drift(): number {
    return this.#clock.drift;
  }

  set drift(drift: number | string) {
    this.#clock.drift = readDrift("drift", drift);
  }

  get isUp(): boolean {
    return this.#place !== null;
  }

  /** @throws WorldError EHOSTDOWN */
  get stack(): NetStack {
    return this.#alive().network!.stack;
  }

  /** `node:net` of this host's stack. @throws WorldError EHOSTDOWN */
  get net(): NodeNet {
    return this.#alive().network!.net;
  }

  /** `fetch` of this host's stack. @throws WorldError EHOSTDOWN */
  get fetch(): typeof fetch {
    return this.#alive().network!.fetch;
  }

  /** Where its packets go in and out: for links. */
  get node(): SimNode {
    return this.#node!;
  }

  /** Runs `work` on this host: its `net`, `http`, `fetch`, clock and random numbers are this host's. @throws WorldError EHOSTDOWN */
  run<T>(work: (host: WorldHost) => T): T {
    if (!this.#around.isRunning())
      throw invalid(`host ${this.name} runs something only while its world does: call it in world.run(…)`);
    return places.run(this.#alive(), work, this);
  }

  /** Starts the host's program: now, or when the world's `run` begins, and after each `restart`. If it throws, `run` fails. */
  start(main: Main): this {
    this.#main = main;
    this.#around.whenRunning(() => this.#begin());
    return this;
  }

  /** The power fails: nothing more is sent, timers and callbacks of its program never come. What is on its `disk` is kept. */
  crash(): void {
    const place = this.#alive();
    place.isAlive = false;
    this.#place = null;
    this.#node!.restart(new PoweredOff());
  }

  /** Boots it with a new stack, after a crash if there was none, and starts its program again. */
  restart(): void {
    if (this.#place !== null) this.crash();
    this.#boot();
    this.#around.whenRunning(() => this.#begin());
  }

  #alive(): Place {
    if (this.#place === null)
      throw new WorldError("EHOSTDOWN", `host ${this.name} has crashed: restart() it before something runs on it`);
    return this.#place;
  }

  #begin(): void {
    const main = this.#main;
    const place = this.#place;
    if (main === null || place === null) return;
    const failed = (error: unknown) => {
      if (place.isAlive) this.#around.died(error);
    };
    places.run(place, () => {
      try {
        Promise.resolve(main(this)).catch(failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  #boot(): void {
    const { params, profile, limits } = this.#options.stack ?? {};
    const { mtu } = this.#options;
    const prng = this.#around.fork();
    let place: Place | null = null;
    const within = (call: ((beforeSending?: boolean) => void) | null | undefined) => {
      if (call && place?.isAlive) places.run(place, call, false);
    };
    let engine: RecordedEngine | null = null;
    const stack = createHostedStack({
      address: this.#around.addresses,
      seed: prng.int32() >>> 0,
      trace: TRACE,
      limits: { memory: MEMORY, ...limits },
      resolve: (name) => this.#around.resolve(name),
      ...(params === undefined ? {} : { params }),
      ...(profile === undefined ? {} : { profile }),
      ...(mtu === undefined ? {} : { mtu }),
      host: (bare) => {
        engine = new RecordedEngine(bare);
        if (this.#node === null) this.#node = this.#around.node(engine);
        else this.#node.restart(engine);
        const node = this.#node;
        const hosted: Host = {
          now: node.now,
          wake: () => {
            this.#around.called();
            // What is left of a program after a crash wakes nobody.
            if (place?.isAlive !== false) node.wake();
          },
          onEvents: null,
          onText: null,
        };
        node.onEvents = () => within(hosted.onEvents);
        node.onText = () => within(hosted.onText);
        return hosted;
      },
    });
    engine!.stack = stack;
    stack.fetch = nodeFetch(stack);
    const network: Network = {
      id: ++lives,
      stack,
      net: nodeNet(stack),
      dgram: nodeDgram(stack),
      agent: httpAgent(stack, { keepAlive: true }),
      secureAgent: httpsAgent(stack, { keepAlive: true }),
      fetch: stack.fetch as unknown as typeof fetch,
    };
    const made: Place = { name: this.name, clock: this.#clock, prng, isAlive: true, network };
    place = made;
    this.#place = made;
    this.#around.follow(this, stack);
  }
}
