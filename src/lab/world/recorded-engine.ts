import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { Engine } from "#driver/engine";
import type { EngineStack } from "#socket/stack-types";

/**
 * A stack whose records are taken after each event. Otherwise its sockets would be called for them, and all promises would be waited for,
 * although the application has nothing to do.
 */
export class RecordedEngine implements Engine {
  readonly slab: PacketMemory;
  /** Set when it is made. */
  stack: EngineStack | null = null;
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.slab = engine.slab;
    this.#engine = engine;
  }

  input(packet: Packet, now: number): void {
    this.#engine.input(packet, now);
  }

  hasText(): boolean {
    return this.#engine.hasText?.() ?? false;
  }

  advance(now: number): void {
    this.#engine.advance(now);
  }

  poll(packet: Packet, now: number): boolean {
    return this.#engine.poll(packet, now);
  }

  nextDeadline(): number {
    return this.#engine.nextDeadline();
  }

  hasEvents(): boolean {
    const { stack } = this;
    if (stack === null) return this.#engine.hasEvents();
    if (stack.engine.hasEvents()) return true;
    const { trace } = stack.engine;
    if (trace.size > 0) {
      stack.onTrace?.(trace);
      trace.drain();
    }
    return false;
  }
}
