import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";

/** Something in a simulation that acts when its time has come. */
export interface Actor {
  /** Of those that are due at the same time, the lowest id acts first. */
  readonly id: number;
  readonly name: string;
  /** Does what is due at `now`. */
  act(now: number): void;
  /** When it next has something to do, or NEVER. */
  nextDeadline(): number;
}

/** Something that packets arrive at: a wire's end. */
export interface Receiver {
  readonly name: string;
  /** Where the wire puts the packet: `rx.o` is `rxO`, in `slab`, with room for the largest packet. */
  readonly slab: Slab;
  readonly rx: Packet;
  readonly rxO: number;
  /** A packet is in `rx`. */
  arrive(now: number): void;
  /** All that came at `now` has arrived: what follows from it may happen. */
  settle(now: number): void;
}

/** What actors ask of the simulation they are in. */
export interface Kernel {
  readonly now: number;
  /** This actor has something to do at `deadline`. */
  arm(id: number, deadline: number): void;
  /** An application was told something: promises may run before the clock goes on. */
  told(): void;
}
