/** What stacks share that have the same addresses, each with a part of the flows: those of the queues of one device (docs/adr/0063). */
import type { Packet } from "#base/packet";
import type { IpHeader } from "#ip/header";

export interface Siblings {
  /**
   * Takes a packet that is for no connection of this stack, so that the next one looks for it. False if all of them have: this one, where it
   * arrived, answers it. True also if there is no room for it: it is then lost, as on a wire, and never refused.
   */
  handOver(packet: Packet, header: IpHeader): boolean;
  /** Whether this stack may choose that local port for itself: no two stacks choose the same. */
  mayChoose(port: number): boolean;
  /** Tells the others how many connections this stack has. */
  publish(connections: number): void;
  /** How many connections the others have. */
  readonly connections: number;
  /** How many connections each source has opened, over all stacks, by a hash of the source. The length is a power of 2. */
  readonly sources: Int32Array;
}
