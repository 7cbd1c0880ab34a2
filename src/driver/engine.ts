import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";

/** What the driver drives: the whole stack, seen from below. It does no I/O and asks no clock. Times are µs. */
export interface Engine {
  readonly slab: Slab;
  /** Takes a packet from the device. Its bytes are the driver's again on return. */
  input(packet: Packet, now: number): void;
  /** Fires every timer that is due. */
  advance(now: number): void;
  /**
   * Fills `packet`, which is clear, with the next one to send; false if there is none. The bytes stay as they are until
   * the next call of the engine.
   */
  poll(packet: Packet, now: number): boolean;
  /** When `advance` is next needed, or NEVER. */
  nextDeadline(): number;
  /** Whether something happened that the floor above wants to know. */
  hasEvents(): boolean;
}
