import { assert } from "#base/assert";
import { CSUM_PARTIAL, GSO_NONE, HEADROOM, Packet, SLICES_MAX } from "#base/packet";
import type { Slab } from "#base/slab";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as extension from "#wire/ipv6-extensions";
import { FRAGMENT } from "#wire/protocol";

const ROOM = HEADROOM + ipv4.HEADER_MAX;

/**
 * Cuts one packet at a time into fragments of at most an MTU (RFC 791 §3.2, RFC 8200 §4.5). Each fragment has its own header in
 * a scratch region, and slices of the packet's payload, which is not copied. A fragment is valid until the next call of
 * `next`.
 */
export class Fragmenter {
  readonly #slab: Slab;
  readonly #scratch: number;
  readonly #whole = new Packet();
  #four = true;
  #headerN = 0;
  #mtu = 0;
  #identification = 0;
  /** Payload bytes of the packet, and the offset of the next fragment in them. */
  #payload = 0;
  #at = 0;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab) {
    this.#slab = slab;
    this.#scratch = slab.reserve(ROOM) + HEADROOM;
  }

  /** True while there are more fragments of the last packet. */
  get busy(): boolean {
    return this.#at < this.#payload;
  }

  /** Whether the packet exceeds the MTU and may be fragmented. */
  canFragment(packet: Packet, mtu: number): boolean {
    if (packet.gso !== GSO_NONE || packet.total() <= mtu) return false;
    const v = this.#slab.view;
    return v.getUint8(packet.o) >> 4 === 6 || !ipv4.dontFragment(v, packet.o);
  }

  /**
   * Begins with a packet that `IpOutput.prepend` made (its checksum is final; its IP header has no options). Its bytes must not
   * change until the last fragment was sent.
   *
   * @param mtu at least 68, or 1280
   * @param identification of all fragments; IPv4 keeps the one in its header
   */
  begin(packet: Packet, mtu: number, identification: number): void {
    assert(packet.csum !== CSUM_PARTIAL, "the checksum of a packet must be final before it is fragmented");
    // The head's bytes after the IP header become one more slice.
    assert(packet.slices < SLICES_MAX, "a packet to fragment needs a free slice");
    const v = this.#slab.view;
    const whole = this.#whole;
    whole.clear();
    whole.cause = packet.cause;
    whole.connection = packet.connection;
    this.#four = v.getUint8(packet.o) >> 4 === 4;
    this.#headerN = this.#four ? ipv4.headerLength(v, packet.o) : ipv6.HEADER;
    whole.o = packet.o;
    whole.n = packet.n;
    for (let i = 0; i < packet.slices; i++) whole.addSlice(packet.sliceO[i]!, packet.sliceN[i]!);
    this.#mtu = mtu;
    this.#identification = identification;
    this.#payload = packet.total() - this.#headerN;
    this.#at = 0;
  }

  /** Puts the next fragment into `packet`; false if there is none. */
  next(packet: Packet): boolean {
    if (!this.busy) return false;
    const from = this.#at;
    const headerN = this.#four ? this.#headerN : this.#headerN + extension.FRAGMENT_HEADER;
    const most = (this.#mtu - headerN) & ~7;
    const left = this.#payload - from;
    // The last fragment's length need not be a multiple of 8.
    const n = left <= this.#mtu - headerN ? left : most;
    packet.clear();
    packet.cause = this.#whole.cause;
    packet.connection = this.#whole.connection;
    packet.o = this.#scratch;
    packet.n = headerN;
    this.#slice(packet, this.#headerN + from, n);
    this.#header(headerN + n, from, n < left);
    this.#at = from + n;
    return true;
  }

  #header(total: number, from: number, more: boolean): void {
    const v = this.#slab.view;
    const o = this.#scratch;
    const whole = this.#whole.o;
    this.#slab.u8.copyWithin(o, whole, whole + this.#headerN);
    if (this.#four) {
      ipv4.setTotalLength(v, o, total);
      ipv4.setFragment(v, o, more ? ipv4.MF : 0, from);
      ipv4.setChecksum(v, o);
      return;
    }
    ipv6.setPayloadLength(v, o, total - ipv6.HEADER);
    ipv6.setNextHeader(v, o, FRAGMENT);
    const nextHeader = ipv6.nextHeader(v, whole);
    extension.writeFragment(v, o + ipv6.HEADER, nextHeader, from, more, this.#identification);
  }

  /** Adds `n` bytes of the whole packet, from byte `from` on, slice by slice. */
  #slice(packet: Packet, from: number, n: number): void {
    const whole = this.#whole;
    let start = 0;
    for (let i = -1; i < whole.slices && n > 0; i++) {
      const o = i < 0 ? whole.o : whole.sliceO[i]!;
      const length = i < 0 ? whole.n : whole.sliceN[i]!;
      if (from < start + length) {
        const take = Math.min(n, start + length - from);
        packet.addSlice(o + from - start, take);
        from += take;
        n -= take;
      }
      start += length;
    }
  }
}
