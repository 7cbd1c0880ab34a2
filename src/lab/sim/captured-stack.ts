import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { type CaptureSink, copyPacket } from "#device/capture";
import type { Engine } from "#driver/engine";
import type { Stack } from "#stack/stack";

/** A stack whose packets are copied to a sink: those that it sends, and those that it gets, with what they were for it. */
export class CapturedStack implements Engine {
  readonly slab: PacketMemory;
  readonly #stack: Stack;
  readonly #sink: CaptureSink;

  constructor(stack: Stack, sink: CaptureSink) {
    this.slab = stack.slab;
    this.#stack = stack;
    this.#sink = sink;
  }

  input(packet: Packet, now: number): void {
    const { trace } = this.#stack;
    const isWanted = copyPacket(this.slab.u8, packet, this.#sink, now, false);
    trace.verdict = 0;
    this.#stack.input(packet, now);
    if (isWanted) this.#sink.end(trace.verdict);
  }

  poll(packet: Packet, now: number): boolean {
    if (!this.#stack.poll(packet, now)) return false;
    if (copyPacket(this.slab.u8, packet, this.#sink, now, true)) this.#sink.end(packet.cause);
    return true;
  }

  hasText(): boolean {
    return this.#stack.hasText();
  }

  advance(now: number): void {
    this.#stack.advance(now);
  }

  nextDeadline(): number {
    return this.#stack.nextDeadline();
  }

  hasEvents(): boolean {
    return this.#stack.hasEvents();
  }
}
