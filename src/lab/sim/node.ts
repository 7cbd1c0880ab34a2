import { AssertionError } from "#base/assert";
import { Counters } from "#base/counters";
import { mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { TooBig } from "#device/impair";
import { LINK_TOO_BIG } from "#device/link-marks";
import type { Engine } from "#driver/engine";
import type { Host } from "#socket/stack-types";
import type { Actor, Kernel, Receiver } from "./actor.ts";
import { Routes } from "./routes.ts";
import type { Wire } from "./wire.ts";

export const SIM_NO_ROUTE = mark("sim.no-route", "no route to the destination in the simulation");

/** How many rounds between a stack and its application at one moment count as an endless loop. */
const TURNS_MAX = 10_000;

/** A stack in a simulation. */
export class SimNode implements Actor, Receiver, Host {
  readonly id: number;
  readonly name: string;
  readonly counters = new Counters();
  readonly routes = new Routes<Wire>();
  readonly rx = new Packet();
  rxO = 0;
  onEvents: (() => void) | null = null;
  onText: (() => void) | null = null;
  readonly now: () => number;
  readonly #kernel: Kernel;
  readonly #tx = new Packet();
  readonly #reply = new Packet();
  readonly #tooBig: TooBig | undefined;
  #engine!: Engine;
  #woken = false;

  constructor(kernel: Kernel, id: number, name: string, engine: Engine, tooBig: TooBig | undefined) {
    this.id = id;
    this.name = name;
    this.#kernel = kernel;
    this.#tooBig = tooBig;
    this.now = () => kernel.now;
    this.restart(engine);
  }

  get engine(): Engine {
    return this.#engine;
  }

  get slab(): PacketMemory {
    return this.#engine.slab;
  }

  /** The machine reboots: replaces the stack by a new one, which knows nothing of packets still in the network. */
  restart(engine: Engine): void {
    this.#engine = engine;
    this.onEvents = null;
    this.onText = null;
    // One region for received packets, one for ICMP errors about packets that its own wires cannot carry.
    this.rxO = engine.slab.reserve(2 * (HEADROOM + PACKET_MAX)) + HEADROOM;
    this.wake();
  }

  wake(): void {
    this.#woken = true;
    this.#kernel.arm(this.id, this.#kernel.now);
  }

  nextDeadline(): number {
    return this.#woken ? this.#kernel.now : this.#engine.nextDeadline();
  }

  act(now: number): void {
    this.settle(now);
  }

  arrive(now: number): void {
    this.#engine.input(this.rx, now);
    if (!this.#engine.hasText?.()) return;
    this.#kernel.notified();
    this.onText?.();
  }

  /** Runs timers, sends packets, then runs the application, until none of them has anything to do. */
  settle(now: number): void {
    const engine = this.#engine;
    this.#woken = false;
    if (engine.nextDeadline() <= now) engine.advance(now);
    for (let turns = 0; ; turns++) {
      // Not `assert`, because its message would allocate a string per packet.
      if (turns === TURNS_MAX)
        throw new AssertionError(`${this.name} and its application keep each other busy without end at ${now} us`);
      this.#transmit(now);
      if (this.onEvents === null || !engine.hasEvents()) break;
      this.#kernel.notified();
      this.onEvents();
      if (engine !== this.#engine) return;
    }
    this.#kernel.arm(this.id, engine.nextDeadline());
  }

  #transmit(now: number): void {
    const engine = this.#engine;
    const tx = this.#tx;
    for (;;) {
      tx.clear();
      if (!engine.poll(tx, now)) return;
      const wire = this.routes.lookup(engine.slab.view, tx.o, tx.n);
      if (wire === undefined) this.counters.count(SIM_NO_ROUTE);
      else if (wire.offer(engine.slab, tx, now) === LINK_TOO_BIG && wire.link.profile.mtuIcmp)
        this.#tellTooBig(wire, now);
    }
  }

  /** Sends an ICMP packet too big, as if from a first router that answers at once. */
  #tellTooBig(wire: Wire, now: number): void {
    const reply = this.#reply;
    reply.clear();
    reply.o = this.rxO + PACKET_MAX + HEADROOM;
    if (this.#tooBig?.(this.slab, this.#tx, wire.link.mtu, reply)) this.#engine.input(reply, now);
  }
}
