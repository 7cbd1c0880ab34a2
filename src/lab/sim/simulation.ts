import { AssertionError, assert } from "#base/assert";
import { Deadlines } from "#base/deadlines";
import { Prng } from "#base/prng";
import { Slab } from "#base/slab";
import { NEVER, SECOND } from "#base/time";
import { PACKETS_MAX } from "#device/link";
import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import type { Engine } from "#driver/engine";
import { nextTurn } from "#driver/event-loop";
import type { Actor, Kernel } from "./actor.ts";
import { EventLog, type EventLogOptions } from "./event-log.ts";
import { SimNode } from "./node.ts";
import { Router, type RouterErrors } from "./router.ts";
import { type SimTimer, Timers } from "./timers.ts";
import { Wire } from "./wire.ts";

/** What a simulation depends on. */
export interface SimulationOptions extends EventLogOptions {
  /** All randomness is a function of it. */
  readonly seed: number;
  /** The initial virtual time, µs. Default 0. */
  readonly start?: number;
  /** How routers and nodes make ICMP errors; if absent, packets that cannot be forwarded are dropped silently. */
  readonly errors?: RouterErrors;
  /** Resolves when the applications' promises have settled. Default: after a turn of the runtime's event loop. */
  readonly settle?: () => Promise<void>;
}

/** What a link does to packets. */
export interface WireOptions {
  /** The profile of the direction from the first end to the second. Default: clear. */
  readonly there?: LinkProfile;
  /** The profile of the reverse. Default: clear. */
  readonly back?: LinkProfile;
  /** Bytes of the largest packet. Default 1500. */
  readonly mtu?: number;
  /** Nothing changes a packet on the way, so its checksum is neither computed nor verified (`LinkOptions`). Default false. */
  readonly isTrusted?: boolean;
}

/** Both directions of a link. */
export interface Wires {
  /** From the first end to the second. */
  readonly there: Wire;
  /** From the second end to the first. */
  readonly back: Wire;
}

/** Why a run ended: no event is left, the time was reached, or the condition held. */
export type RunEnd = "idle" | "time" | "condition";

/** How long to run. */
export interface RunOptions {
  /** Runs up to and including this virtual time, which the clock shows afterwards. */
  readonly until?: number;
  /** Checked after every event. */
  readonly stop?: () => boolean;
}

/** Events at one moment after which time is considered to stand still. */
const EVENTS_AT_ONCE_MAX = 10_000_000;

/** The most packets on one wire. */
const WIRE_PACKETS_MAX = 1 << 20;

/** The timers of applications run first among actors that are due at the same time. */
const TIMERS_ID = 0;

/**
 * Any number of stacks, links and routers with one virtual clock. The clock jumps from event to event. Among events at the same time the
 * order is fixed (timers, then nodes and wires in the order of their creation), so a run is a function of its seed and of the applications'
 * behaviour.
 */
export class Simulation implements Kernel {
  /** What happened, in order. */
  readonly log: EventLog;
  /** Random numbers for applications; links have their own. */
  readonly prng: Prng;
  /** Events so far. */
  events = 0;
  #now: number;
  #eventsNow = 0;
  #notified = false;
  readonly #linkPrng: Prng;
  readonly #deadlines = new Deadlines();
  readonly #actors: Actor[] = [];
  readonly #timers = new Timers();
  readonly #routerSlab = new Slab(Router.ROOM);
  readonly #routerO = this.#routerSlab.reserve(Router.ROOM);
  readonly #errors: RouterErrors;
  readonly #settle: () => Promise<void>;

  constructor(options: SimulationOptions) {
    this.log = new EventLog(options);
    this.prng = new Prng(options.seed);
    this.#linkPrng = this.prng.fork();
    this.#now = options.start ?? 0;
    this.#errors = options.errors ?? {};
    this.#settle = options.settle ?? nextTurn;
    const timers = this.#timers;
    this.#add({
      id: TIMERS_ID,
      name: "timers",
      act: (now) => {
        if (timers.run(now)) this.notified();
      },
      nextDeadline: () => timers.next(),
    });
  }

  /** Virtual time, integer µs. */
  get now(): number {
    return this.#now;
  }

  /** Whether no event is left. */
  get isIdle(): boolean {
    return this.#deadlines.next() === NEVER;
  }

  /** Adds a stack, which must be new: its slab must not have handed out a page yet. */
  node(name: string, engine: Engine): SimNode {
    return this.#add(new SimNode(this, this.#actors.length, name, engine, this.#errors.tooBig));
  }

  /** Makes a router, which forwards between the ends that are connected to it. */
  router(name: string): Router {
    return new Router(name, this.#routerSlab, this.#routerO, this.#errors);
  }

  /** Connects two ends. The first wire of an end is its default route; add others with `routes.add`. */
  connect(a: SimNode | Router, b: SimNode | Router, options: WireOptions = {}): Wires {
    const there = this.#wire(a, b, options.there ?? CLEAR_LINK, options);
    const back = this.#wire(b, a, options.back ?? CLEAR_LINK, options);
    a.routes.default ??= there;
    b.routes.default ??= back;
    return { there, back };
  }

  /** Calls `call` at a virtual time that has not passed yet. */
  at(time: number, call: () => void): SimTimer {
    assert(time >= this.#now, "a timer cannot be set in the past");
    const timer = this.#timers.add(time, call);
    this.arm(TIMERS_ID, time);
    return timer;
  }

  /** Calls `call` after so much virtual time, µs. */
  after(delay: number, call: () => void): SimTimer {
    return this.at(this.#now + delay, call);
  }

  /** For applications that use promises: resolves after this much virtual time. */
  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => void this.after(delay, resolve));
  }

  /** Runs the next event if it is due by `until`; false if there is none. */
  step(until = NEVER): boolean {
    for (;;) {
      const due = this.#deadlines.next();
      if (due === NEVER || due > until) return false;
      const id = this.#deadlines.pop(due);
      const actor = this.#actors[id]!;
      // An entry may be earlier than the actor's deadline, but never later: then nothing is done, and the clock does not advance.
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

  /** Runs applications without promises. Without `until` and `stop`: until no event is left. */
  run(options: RunOptions = {}): RunEnd {
    const { until = NEVER, stop } = options;
    while (this.step(until)) if (stop?.()) return "condition";
    return this.#end(until);
  }

  /** The same for applications with promises: all that can continue do so before the clock advances. */
  async runSettled(options: RunOptions = {}): Promise<RunEnd> {
    const { until = NEVER, stop } = options;
    await this.#settle();
    for (;;) {
      if (stop?.()) return "condition";
      this.#notified = false;
      if (!this.step(until)) {
        // The applications that ran last may have scheduled more.
        await this.#settle();
        if (!this.step(until)) return this.#end(until);
      }
      if (this.#notified) await this.#settle();
    }
  }

  arm(id: number, deadline: number): void {
    this.#deadlines.arm(id, deadline);
  }

  notified(): void {
    this.#notified = true;
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

  #wire(from: SimNode | Router, to: SimNode | Router, profile: LinkProfile, like: WireOptions): Wire {
    const { mtu = 1500, isTrusted } = like;
    const packetsMax = roomFor(profile, mtu);
    const options = { mtu, isTrusted, packetsMax, profile, prng: this.#linkPrng.fork(), now: this.#now };
    return this.#add(new Wire(this, this.log, this.#actors.length, `${from.name}>${to.name}`, to, options));
  }

  #add<T extends Actor>(actor: T): T {
    this.#actors.push(actor);
    this.arm(actor.id, actor.nextDeadline());
    return actor;
  }
}

/** How many packets a wire must be able to hold: at least as many as a link does by default, and all that its queue and its delay can. */
function roomFor({ queue, rate, delay }: LinkProfile, mtu: number): number {
  const inFlight = Number.isFinite(rate) ? (rate * delay) / SECOND / 8 / mtu : 0;
  return Math.min(Math.max(Math.ceil(queue.packets + 2 * inFlight), PACKETS_MAX), WIRE_PACKETS_MAX);
}
