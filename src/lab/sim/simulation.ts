import { AssertionError, assert } from "#base/assert";
import { Deadlines } from "#base/deadlines";
import { Prng } from "#base/prng";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import type { Engine } from "#driver/engine";
import type { Actor, Kernel } from "./actor.ts";
import { EventLog, type EventLogOptions } from "./event-log.ts";
import { SimNode } from "./node.ts";
import { Router, type RouterErrors } from "./router.ts";
import { type SimTimer, Timers } from "./timers.ts";
import { Wire } from "./wire.ts";

export interface SimulationOptions extends EventLogOptions {
  readonly seed: number;
  /** What the virtual clock shows at the beginning, in µs. Default 0. */
  readonly start?: number;
  /** How routers and nodes make ICMP errors; without it packets that cannot go on just vanish. */
  readonly errors?: RouterErrors;
}

export interface WireOptions {
  /** What the direction from the first to the second, and back, is like. Default: clear. */
  readonly there?: LinkProfile;
  readonly back?: LinkProfile;
  /** Bytes of the largest packet. Default 1500. */
  readonly mtu?: number;
}

/** Both directions of a link. */
export interface Wires {
  readonly there: Wire;
  readonly back: Wire;
}

/** Why a run ended: nothing more will happen / the time was reached / the condition held. */
export type RunEnd = "idle" | "time" | "condition";

export interface RunOptions {
  /** Runs up to and including this virtual time; the clock shows it afterwards. */
  readonly until?: number;
  /** Checked after every event. */
  readonly stop?: () => boolean;
}

/** Events at one moment before we say that time stands still for ever. */
const EVENTS_AT_ONCE_MAX = 10_000_000;

/** The timers of applications act first among those due at the same time. */
const TIMERS_ID = 0;

/**
 * Any number of stacks, links and routers under one virtual clock. The clock jumps from event to event; among those due at
 * the same time the order is fixed (timers, then nodes and wires as they were made), so a run is a function of its seed
 * and of what the applications do.
 */
export class Simulation implements Kernel {
  readonly log: EventLog;
  /** For applications: links draw from others. */
  readonly prng: Prng;
  /** Events so far. */
  events = 0;
  #now: number;
  #eventsNow = 0;
  #told = false;
  readonly #linkPrng: Prng;
  readonly #deadlines = new Deadlines();
  readonly #actors: Actor[] = [];
  readonly #timers = new Timers();
  readonly #routerSlab = new Slab(Router.ROOM);
  readonly #routerO = this.#routerSlab.reserve(Router.ROOM);
  readonly #errors: RouterErrors;

  constructor(options: SimulationOptions) {
    this.log = new EventLog(options);
    this.prng = new Prng(options.seed);
    this.#linkPrng = this.prng.fork();
    this.#now = options.start ?? 0;
    this.#errors = options.errors ?? {};
    const timers = this.#timers;
    this.#add({
      id: TIMERS_ID,
      name: "timers",
      act: (now) => {
        if (timers.run(now)) this.told();
      },
      nextDeadline: () => timers.next(),
    });
  }

  /** Virtual time, integer µs. */
  get now(): number {
    return this.#now;
  }

  /** Nothing more will happen. */
  get isIdle(): boolean {
    return this.#deadlines.next() === NEVER;
  }

  /** Puts a stack in. Make it just before: its slab must not have handed out a page yet. */
  node(name: string, engine: Engine): SimNode {
    return this.#add(new SimNode(this, this.#actors.length, name, engine, this.#errors.tooBig));
  }

  router(name: string): Router {
    return new Router(name, this.#routerSlab, this.#routerO, this.#errors);
  }

  /** Joins two ends. The first wire of an end is its default route; others are chosen by `routes.add`. */
  connect(a: SimNode | Router, b: SimNode | Router, options: WireOptions = {}): Wires {
    const there = this.#wire(a, b, options.there ?? CLEAR_LINK, options.mtu ?? 1500);
    const back = this.#wire(b, a, options.back ?? CLEAR_LINK, options.mtu ?? 1500);
    a.routes.default ??= there;
    b.routes.default ??= back;
    return { there, back };
  }

  /** Calls `call` at a virtual time that is not over yet. */
  at(time: number, call: () => void): SimTimer {
    assert(time >= this.#now, "nothing can be asked for in the past");
    const timer = this.#timers.add(time, call);
    this.arm(TIMERS_ID, time);
    return timer;
  }

  after(delay: number, call: () => void): SimTimer {
    return this.at(this.#now + delay, call);
  }

  /** For applications of promises: resolves when so much virtual time has passed. */
  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => void this.after(delay, resolve));
  }

  /** The next event, if it is due by `until`; false if there is none. */
  step(until = NEVER): boolean {
    for (;;) {
      const due = this.#deadlines.next();
      if (due === NEVER || due > until) return false;
      const id = this.#deadlines.pop(due);
      const actor = this.#actors[id]!;
      // An entry may be earlier than the actor's deadline, never later: then nothing happens, and the clock stays.
      const deadline = actor.nextDeadline();
      if (deadline > due) {
        this.arm(id, deadline);
        continue;
      }
      this.#enter(due, actor);
      actor.act(this.#now);
      this.arm(id, actor.nextDeadline());
      return true;
    }
  }

  /** Runs applications that do not use promises. Without `until` and `stop`: until nothing more will happen. */
  run(options: RunOptions = {}): RunEnd {
    const { until = NEVER, stop } = options;
    while (this.step(until)) if (stop?.()) return "condition";
    return this.#end(until);
  }

  /** The same for applications that use promises: theirs all run before the clock goes on. */
  async runSettled(options: RunOptions = {}): Promise<RunEnd> {
    const { until = NEVER, stop } = options;
    await settlePromises();
    for (;;) {
      if (stop?.()) return "condition";
      this.#told = false;
      if (!this.step(until)) {
        // What ran last may have asked for more.
        await settlePromises();
        if (!this.step(until)) return this.#end(until);
      }
      if (this.#told) await settlePromises();
    }
  }

  arm(id: number, deadline: number): void {
    this.#deadlines.arm(id, deadline);
  }

  told(): void {
    this.#told = true;
  }

  #enter(due: number, actor: Actor): void {
    this.events++;
    if (due > this.#now) {
      this.#now = due;
      this.#eventsNow = 0;
    }
    this.#eventsNow++;
    if (this.#eventsNow === EVENTS_AT_ONCE_MAX) {
      throw new AssertionError(`time stands still at ${this.#now} us: ${actor.name} is always due`);
    }
  }

  #end(until: number): RunEnd {
    if (until === NEVER) return "idle";
    const end = this.#deadlines.next() === NEVER ? "idle" : "time";
    this.#now = Math.max(this.#now, until);
    return end;
  }

  #wire(from: SimNode | Router, to: SimNode | Router, profile: LinkProfile, mtu: number): Wire {
    const options = { mtu, profile, prng: this.#linkPrng.fork(), now: this.#now };
    return this.#add(new Wire(this, this.log, this.#actors.length, `${from.name}>${to.name}`, to, options));
  }

  #add<T extends Actor>(actor: T): T {
    this.#actors.push(actor);
    this.arm(actor.id, actor.nextDeadline());
    return actor;
  }
}

/** Lets every promise that can go on do so: the event loop comes to `setImmediate` only when no microtask is left. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
