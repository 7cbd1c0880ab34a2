import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import type { Engine } from "#driver/engine";
import type { Stack } from "#stack/stack";

/** A stack that also reports events if its trace has records, so that the ring is drained after every turn. */
export class TracingEngine implements Engine {
  readonly slab: Slab;
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.slab = stack.slab;
    this.#stack = stack;
  }

  input(packet: Packet, now: number): void {
    this.#stack.input(packet, now);
  }

  isFlooded(now: number, isDrained: boolean): boolean {
    return this.#stack.isFlooded(now, isDrained);
  }

  sheds(packet: Packet, now: number): boolean {
    return this.#stack.sheds(packet, now);
  }

  hasText(): boolean {
    return this.#stack.hasText();
  }

  advance(now: number): void {
    this.#stack.advance(now);
  }

  poll(packet: Packet, now: number): boolean {
    return this.#stack.poll(packet, now);
  }

  sendFailed(packet: Packet, now: number): void {
    this.#stack.sendFailed(packet, now);
  }

  nextDeadline(): number {
    return this.#stack.nextDeadline();
  }

  hasEvents(): boolean {
    return this.#stack.hasEvents() || this.#stack.trace.size > 0;
  }
}
