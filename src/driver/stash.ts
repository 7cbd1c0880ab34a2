import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";

/**
 * Keeps the one packet that a device had no room for. Its bytes are copied, since an acknowledgment may free the pages of its
 * payload before the device takes it.
 */
export class Stash {
  full = false;
  readonly #slab: PacketMemory;
  readonly #o: number;
  readonly #packet = new Packet();

  constructor(slab: PacketMemory) {
    this.#slab = slab;
    this.#o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  keep(packet: Packet): void {
    const bytes = this.#slab.u8;
    let to = this.#o;
    copyFields(packet, this.#packet);
    // Head and slices in one piece. A packet that comes back a second time is here already.
    bytes.copyWithin(to, packet.o, packet.o + packet.n);
    to += packet.n;
    for (let i = 0; i < packet.slices; i++) {
      bytes.copyWithin(to, packet.sliceO[i]!, packet.sliceO[i]! + packet.sliceN[i]!);
      to += packet.sliceN[i]!;
    }
    this.#packet.n = to - this.#o;
    this.full = true;
  }

  /** Copies the kept packet into `packet`; false if there is none. */
  restore(packet: Packet): boolean {
    if (!this.full) return false;
    this.full = false;
    copyFields(this.#packet, packet);
    packet.o = this.#o;
    packet.n = this.#packet.n;
    packet.slices = 0;
    return true;
  }
}

function copyFields(from: Packet, to: Packet): void {
  to.offloadAs(from);
  to.cause = from.cause;
  to.connection = from.connection;
}
