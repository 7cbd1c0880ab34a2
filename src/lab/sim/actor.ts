import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";

/** Something in a simulation that acts at certain times. */
export interface Actor {
  /** Among actors that are due at the same time, the lowest id acts first. */
  readonly id: number;
  readonly name: string;
  /** Does everything that is due at `now`. */
  act(now: number): void;
  /** When it must act next, or NEVER. */
  nextDeadline(): number;
}

/** Something that receives packets: the end of a wire. */
export interface Receiver {
  readonly name: string;
  /** The wire puts the packet at `rx.o` = `rxO` in `slab`, with room for the largest packet. */
  readonly slab: PacketMemory;
  readonly rx: Packet;
  readonly rxO: number;
  /** A packet is in `rx`. */
  arrive(now: number): void;
  /** All packets of time `now` have arrived: process their consequences. */
  settle(now: number): void;
}

/** The calls of a simulation that actors use. */
export interface Kernel {
  readonly now: number;
  /** Schedules this actor at `deadline`. */
  arm(id: number, deadline: number): void;
  /** An application received an event: promises may run before the clock advances. */
  notified(): void;
}
