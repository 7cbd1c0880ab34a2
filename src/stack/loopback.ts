import { CSUM_PARTIAL, CSUM_VALID, HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import type { Slab } from "#base/slab";

/**
 * The wire from the stack to itself. It carries one packet: each is delivered before the next one is made, so there is no queue that
 * could fill. `Stack.poll` bounds how many pass in a row.
 */
export class Loopback {
  readonly packet = new Packet();
  readonly #slab: Slab;
  readonly #o: number;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab) {
    this.#slab = slab;
    this.#o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  /** Copies a packet to send, as one that was received: contiguous, and with a checksum that needs no verification. */
  carry(from: Packet): Packet {
    const { packet } = this;
    const { u8 } = this.#slab;
    packet.clear();
    packet.o = this.#o;
    u8.copyWithin(packet.o, from.o, from.o + from.n);
    packet.n = from.n;
    for (let i = 0; i < from.slices; i++) {
      const o = from.sliceO[i]!;
      const n = from.sliceN[i]!;
      u8.copyWithin(packet.o + packet.n, o, o + n);
      packet.n += n;
    }
    packet.offloadAs(from);
    if (packet.csum !== CSUM_PARTIAL) packet.csum = CSUM_VALID;
    return packet;
  }
}
