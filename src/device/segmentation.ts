import { assert } from "#base/assert";
import { copyBytes } from "#base/copy";
import { CSUM_NONE, CSUM_PARTIAL, GSO_NONE, GSO_TCP4, HEADROOM, Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { PAGE_SIZE } from "#base/slab";
import type { FloodFilter } from "#ip/flood-filter";
import { finish, fold, sum, sumAt } from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as tcp from "#wire/tcp";
import { CHECKSUM as UDP_CHECKSUM } from "#wire/udp";
import { Coalescer } from "./coalescing.ts";
import { type Device, FULL_OFFLOAD, RX_GONE, TX_GONE, TX_OK, TX_REFUSED, type Wakeable } from "./device.ts";

/**
 * The device itself if it has all offloads; else the device with the missing ones done in software.
 * @param coalesces whether received segments are joined, if the device has checksum offload; false: each is delivered by itself
 */
export function withSegmentation(device: Device, coalesces = false): Device {
  const { checksum, tso4, tso6 } = device.offload;
  return checksum && tso4 && tso6 ? device : new SegmentationDevice(device, coalesces && checksum);
}

/**
 * Gives the stack offload on a device that has none: cuts TCP super-segments into segments and finishes checksums, in
 * software, without copying the payload. Offloads that the device has are left to it. On request joins received segments (`Coalescer`).
 */
export class SegmentationDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload = FULL_OFFLOAD;
  readonly wakeable: Wakeable | undefined;
  readonly filter: FloodFilter | undefined;
  readonly #inner: Device;
  readonly #coalesces: boolean;
  #coalescer: Coalescer | undefined;
  #slab: PacketMemory | undefined;
  /** The header of the current segment. The super-segment's own header is not changed: it is needed again. */
  #scratch = 0;
  readonly #segment = new Packet();
  /** How many segments of the current super-segment the device has already taken. */
  #taken = 0;

  constructor(inner: Device, coalesces = false) {
    this.#coalesces = coalesces;
    this.#inner = inner;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.queueLength = inner.queueLength;
    this.wakeable = inner.wakeable;
    this.filter = inner.filter;
  }

  attach(slab: PacketMemory): void {
    this.#inner.attach(slab);
    this.#slab = slab;
    this.#scratch = slab.reserve(PAGE_SIZE) + HEADROOM;
    if (this.#coalesces) this.#coalescer = new Coalescer(this.#inner, slab);
  }

  receive(packet: Packet, now: number): number {
    if (this.#slab === undefined) return RX_GONE;
    return (this.#coalescer ?? this.#inner).receive(packet, now);
  }

  transmit(packet: Packet, now: number): number {
    const slab = this.#slab;
    if (slab === undefined) return TX_GONE;
    const can = this.#inner.offload;
    if (packet.gso !== GSO_NONE) {
      const whole = packet.gso === GSO_TCP4 ? can.tso4 : can.tso6;
      return whole ? this.#inner.transmit(packet, now) : this.#cut(slab, packet, now);
    }
    if (packet.csum === CSUM_PARTIAL && !can.checksum) {
      const at = packet.o + packet.csumStart + packet.csumOffset;
      finishChecksum(slab.view, packet, slab.view.getUint16(at));
    }
    return this.#inner.transmit(packet, now);
  }

  nextDeadline(): number {
    return this.#inner.nextDeadline();
  }

  close(): void {
    this.#inner.close();
    this.#slab = undefined;
  }

  #cut(slab: PacketMemory, packet: Packet, now: number): number {
    assert(
      packet.gsoSize > 0 && packet.headerLength + packet.gsoSize <= PAGE_SIZE - HEADROOM,
      "a segment must fit into a page",
    );
    const payload = packet.total() - packet.headerLength;
    do {
      this.#build(slab, packet, this.#taken * packet.gsoSize, payload);
      const result = this.#inner.transmit(this.#segment, now);
      // Once a part has gone, the rest is lost as on a wire.
      if (result !== TX_OK && !(result === TX_REFUSED && this.#taken > 0)) return result;
      this.#taken++;
    } while (this.#taken * packet.gsoSize < payload);
    this.#taken = 0;
    return TX_OK;
  }

  /** Makes the segment whose payload begins at byte `from` of the super-segment's: a header, and slices for the payload. */
  #build(slab: PacketMemory, packet: Packet, from: number, payload: number): void {
    const n = Math.min(packet.gsoSize, payload - from);
    const last = from + n === payload;
    const segment = this.#segment;
    segment.clear();
    segment.o = this.#scratch;
    segment.n = packet.headerLength;
    segment.cause = packet.cause;
    segment.connection = packet.connection;
    copyBytes(slab.u8, packet.o, slab.u8, segment.o, packet.headerLength);
    takePayload(slab, packet, segment, from, n);

    const v = slab.view;
    const ip = segment.o;
    const transport = ip + packet.csumStart;
    if (packet.gso === GSO_TCP4) {
      ipv4.setTotalLength(v, ip, packet.headerLength + n);
      ipv4.setIdentification(v, ip, (ipv4.identification(v, ip) + this.#taken) & 0xffff);
      ipv4.setChecksum(v, ip);
    } else {
      ipv6.setPayloadLength(v, ip, packet.headerLength - ipv6.HEADER + n);
    }
    tcp.setSeq(v, transport, (tcp.seq(v, transport) + from) | 0);
    // FIN and PSH belong to the last segment, CWR to the first one only (RFC 3168 §6.1.2).
    let flags = tcp.flags(v, transport);
    if (!last) flags &= ~(tcp.FIN | tcp.PSH);
    if (from > 0) flags &= ~tcp.CWR;
    tcp.setFlags(v, transport, flags);

    // The field holds the pseudo-header's sum for the whole super-segment. Only the length differs.
    const header = packet.headerLength - packet.csumStart;
    const pseudo = tcp.checksum(v, transport) + (~(header + payload) & 0xffff) + header + n;
    segment.csumStart = packet.csumStart;
    segment.csumOffset = packet.csumOffset;
    if (!this.#inner.offload.checksum) finishChecksum(v, segment, pseudo);
    else {
      segment.csum = CSUM_PARTIAL;
      v.setUint16(transport + packet.csumOffset, fold(pseudo));
    }
  }
}

/** Appends `n` bytes of the packet's payload, from byte `from` on, to the segment. Bytes in the head are copied. */
function takePayload(slab: PacketMemory, packet: Packet, segment: Packet, from: number, n: number): void {
  const inHead = packet.n - packet.headerLength;
  if (from < inHead) {
    const k = Math.min(n, inHead - from);
    copyBytes(slab.u8, packet.o + packet.headerLength + from, slab.u8, segment.o + segment.n, k);
    segment.n += k;
    from += k;
    n -= k;
  }
  from -= inHead;
  for (let i = 0; n > 0 && i < packet.slices; i++) {
    const there = packet.sliceN[i]!;
    if (from < there) {
      const k = Math.min(n, there - from);
      segment.addSlice(packet.sliceO[i]! + from, k);
      n -= k;
      from = 0;
    } else {
      from -= there;
    }
  }
}

/** Completes the checksum over head and slices, given the sum of the pseudo-header, and marks it as final. */
function finishChecksum(v: DataView, packet: Packet, pseudo: number): void {
  const start = packet.o + packet.csumStart;
  const field = start + packet.csumOffset;
  v.setUint16(field, 0);
  let position = packet.n - packet.csumStart;
  let s = sum(v, start, position, pseudo);
  for (let i = 0; i < packet.slices; i++) {
    s = sumAt(v, packet.sliceO[i]!, packet.sliceN[i]!, position, s);
    position += packet.sliceN[i]!;
  }
  v.setUint16(field, finalChecksum(s, packet.csumOffset));
  packet.csum = CSUM_NONE;
}

/**
 * The value for the checksum field at `csumOffset` of a transport header. RFC 768: UDP sends a checksum of zero as 0xffff, since
 * zero means "no checksum". TCP's zero stays zero.
 */
export function finalChecksum(sum: number, csumOffset: number): number {
  const checksum = finish(sum);
  return checksum === 0 && csumOffset === UDP_CHECKSUM ? 0xffff : checksum;
}
