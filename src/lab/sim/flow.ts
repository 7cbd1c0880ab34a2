import { congestionWindow, readable } from "#stack/connection";
import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import { errorName, type TcpErrorName } from "#tcp/words/error";
import { CLOSED } from "#tcp/words/state";
import { EVENT_CLOSED, EVENT_OPENED, EVENT_REMOTE_CLOSED, type Tcb } from "#tcp/words/tcb";
import type { Application } from "./host.ts";
import type { Simulation } from "./simulation.ts";

/** The behaviour of one end of a flow. */
export interface FlowPlan {
  /** Octets to send before the FIN; `Infinity`: send until the run ends. */
  readonly bytes: number;
  /** Periods of virtual time in which it does not read. */
  readonly stalls: readonly { readonly from: number; readonly to: number }[];
}

const BLOCK = 1 << 16;
/** The data of every flow: its content does not matter. */
const OCTETS = Uint8Array.from({ length: BLOCK }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

/** One end of a flow: sends and reads as fast as possible, and records statistics. */
export class FlowEnd implements Application {
  readonly plan: FlowPlan;
  sent = 0;
  received = 0;
  /** Of these, how many came in the time that does not count. */
  omitted = 0;
  /** Virtual µs; -1: not yet. */
  openedAt = -1;
  lastReceivedAt = -1;
  /** When the peer's FIN was read, after all of its data; -1: not yet. */
  completedAt = -1;
  endedAt = -1;
  error: TcpErrorName = "OK";
  cwndMax = 0;
  #closed = false;
  #remoteClosed = false;
  #waiting = false;
  #tcb: Tcb | undefined;
  /** The latest STATUS of the connection, kept after its end. */
  #info: TcpInfo | undefined;
  readonly #sim: Simulation;
  readonly #stack: Stack;
  readonly #wake: () => void;

  constructor(plan: FlowPlan, sim: Simulation, stack: Stack, wake: () => void) {
    this.plan = plan;
    this.#sim = sim;
    this.#stack = stack;
    this.#wake = wake;
  }

  /** STATUS of the connection, or its last one; undefined before it was opened. */
  get info(): TcpInfo | undefined {
    return this.#tcb === undefined ? this.#info : this.#stack.info(this.#tcb);
  }

  /** Samples cwnd, which also changes while the application is idle. */
  look(): void {
    if (this.#tcb !== undefined) this.cwndMax = Math.max(this.cwndMax, congestionWindow(this.#tcb));
  }

  onEvents(tcb: Tcb, events: number): void {
    this.#tcb = tcb;
    if (events & EVENT_OPENED && this.openedAt < 0) this.openedAt = this.#sim.now;
    if (events & EVENT_REMOTE_CLOSED) this.#remoteClosed = true;
    this.#act(tcb);
    if (events & EVENT_CLOSED || tcb.state === CLOSED) this.#ended(tcb);
  }

  #act(tcb: Tcb): void {
    const moved = this.#read(tcb) + this.#write(tcb);
    this.cwndMax = Math.max(this.cwndMax, congestionWindow(tcb));
    if (moved > 0) this.#wake();
  }

  #write(tcb: Tcb): number {
    if (this.#closed || this.openedAt < 0 || tcb.state === CLOSED) return 0;
    const now = this.#sim.now;
    let moved = 0;
    while (this.sent < this.plan.bytes) {
      const taken = this.#stack.send(tcb, OCTETS, 0, Math.min(BLOCK, this.plan.bytes - this.sent), now);
      if (taken <= 0) return moved;
      this.sent += taken;
      moved += taken;
    }
    this.#closed = true;
    this.#stack.closeSend(tcb, now);
    return moved + 1;
  }

  #read(tcb: Tcb): number {
    const now = this.#sim.now;
    const stall = this.plan.stalls.find(({ from, to }) => now >= from && now < to);
    if (stall !== undefined) {
      if (!this.#waiting) this.#sim.at(stall.to, () => this.#resume());
      this.#waiting = true;
      return 0;
    }
    const taken = this.#stack.discard(tcb, readable(tcb));
    if (taken > 0) this.lastReceivedAt = now;
    this.received += taken;
    if (this.#remoteClosed && this.completedAt < 0) this.completedAt = now;
    return taken;
  }

  #resume(): void {
    this.#waiting = false;
    if (this.#tcb !== undefined) this.#act(this.#tcb);
  }

  #ended(tcb: Tcb): void {
    this.endedAt = this.#sim.now;
    this.error = errorName(tcb.error);
    this.#info = this.#stack.info(tcb);
    this.#tcb = undefined;
    this.#stack.release(tcb);
  }
}
