import type { Engine } from "#driver/engine";
import type { Address } from "#ip/address";
import { own, takeEvents } from "#stack/connection";
import type { ActiveOpenOptions, PassiveOpenOptions } from "#stack/options";
import type { Stack } from "#stack/stack";
import { PassiveOpen } from "#tcp/words/passive-open";
import type { Tcb } from "#tcp/words/tcb";
import type { SimNode } from "./node.ts";
import type { Simulation } from "./simulation.ts";

/** An application's end of one connection. */
export interface Application {
  /** An event occurred: `events` are EVENT_* bits. The application may call the stack; the host then has the simulation run it. */
  onEvents(tcb: Tcb, events: number): void;
  /** Text can be taken from the packet that has brought it (`Stack.takeFromPackets`); what is left is kept in the receive queue. */
  onText?(tcb: Tcb): void;
}

/** A stack in a simulation with its applications: passes each connection's events to its application. */
export class SimHost {
  readonly name: string;
  readonly node: SimNode;
  #stack: Stack;
  readonly #accepting = new Map<PassiveOpen, (tcb: Tcb) => Application>();

  /** @param engine what the simulation drives instead of the stack itself: a wrapper around the stack */
  constructor(sim: Simulation, name: string, stack: Stack, engine: Engine = stack) {
    this.name = name;
    this.#stack = stack;
    this.node = sim.node(name, engine);
    this.#listen();
  }

  get stack(): Stack {
    return this.#stack;
  }

  /** Active OPEN. Throws CallError, as `Stack.connect`. */
  connect(remote: Address, port: number, application: Application, options: ActiveOpenOptions = {}): Tcb {
    const tcb = this.#stack.connect(remote, port, options, this.node.now());
    own(tcb, application);
    this.node.wake();
    return tcb;
  }

  /** Passive OPEN: `accept` returns an application for each connection. Throws CallError. */
  listen(port: number, accept: (tcb: Tcb) => Application, options: PassiveOpenOptions = {}): PassiveOpen {
    const listener = this.#stack.listen(port, options);
    this.#accepting.set(listener, accept);
    return listener;
  }

  unlisten(listener: PassiveOpen): void {
    this.#accepting.delete(listener);
    this.#stack.unlisten(listener, this.node.now());
    this.node.wake();
  }

  /** The machine reboots: with a new stack and without applications. */
  restart(stack: Stack, engine: Engine = stack): void {
    this.#stack = stack;
    this.#accepting.clear();
    this.node.restart(engine);
    this.#listen();
  }

  #listen(): void {
    this.node.onEvents = () => this.#drain();
    this.node.onText = () => {
      const tcb = this.#stack.textOf;
      if (tcb !== null) (tcb.user as Application | null)?.onText?.(tcb);
      this.#stack.keepText();
    };
  }

  #drain(): void {
    const stack = this.#stack;
    for (let who = stack.nextEvent(); who !== undefined; who = stack.nextEvent()) {
      if (who instanceof PassiveOpen) this.#accept(who);
      else this.#tell(who);
    }
  }

  #accept(listener: PassiveOpen): void {
    const accept = this.#accepting.get(listener);
    for (let tcb = this.#stack.accept(listener); tcb !== null; tcb = this.#stack.accept(listener)) {
      if (accept === undefined) continue;
      own(tcb, accept(tcb));
      this.#tell(tcb);
    }
  }

  #tell(tcb: Tcb): void {
    const events = takeEvents(tcb);
    (tcb.user as Application | null)?.onEvents(tcb, events);
  }
}
