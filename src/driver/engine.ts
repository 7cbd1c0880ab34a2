import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";

/** The driver's view of the stack. It does no I/O and reads no clock. Times are µs. */
export interface Engine {
  /** The memory that holds all packets and queued data. */
  readonly slab: PacketMemory;
  /** Takes a packet from the device. On return the driver may reuse its bytes, unless `hasText` is true. */
  input(packet: Packet, now: number): void;
  /**
   * Whether more packets come than the engine can process, so that `sheds` should be asked about each before `input`. Absent: never. Called
   * before each batch of packets. @param isDrained the batch before took all that the device had
   */
  isFlooded?(now: number, isDrained: boolean): boolean;
  /** Whether the packet is dropped at first sight: it must not be given to `input`. */
  sheds?(packet: Packet, now: number): boolean;
  /**
   * After `input`: whether the layer above may take data directly from the packet. Then it is called (`onText`) before anything else; it
   * takes the data or tells the engine to keep it. Absent: never.
   */
  hasText?(): boolean;
  /** Fires every timer that is due. */
  advance(now: number): void;
  /**
   * Fills the cleared `packet` with the next one to send; false if there is none. The bytes do not change until the next call
   * of the engine.
   */
  poll(packet: Packet, now: number): boolean;
  /** The device refused the packet that `poll` gave last. Absent: whatever a device refuses is lost. */
  sendFailed?(packet: Packet, now: number): void;
  /** When `advance` is next needed, or NEVER. */
  nextDeadline(): number;
  /** Whether there are events for the layer above. */
  hasEvents(): boolean;
}
