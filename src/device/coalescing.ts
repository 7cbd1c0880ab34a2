import { assert } from "#base/assert";
import { copyBytes } from "#base/copy";
import {
  CSUM_NONE,
  CSUM_PARTIAL,
  CSUM_VALID,
  GSO_NONE,
  GSO_TCP4,
  GSO_TCP6,
  HEADROOM,
  PACKET_MAX,
  Packet,
} from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcp from "#wire/tcp";
import { type Device, RX_GONE, RX_NONE } from "./device.ts";

/** IP and TCP headers without IP options or extension headers. */
const HEADERS_MAX = ipv6.HEADER + tcp.HEADER_MAX;

/** What reading a packet at `o` overwrites before its text: the device's own header, in the headroom, and the packet's headers. */
const SAVED_MAX = HEADROOM + HEADERS_MAX;

/** A region takes a whole super-segment, and one more packet behind it. */
const REGION = HEADROOM + 2 * PACKET_MAX;

/**
 * Joins consecutive TCP segments, which a device without segmentation offload delivers one by one, into super-segments (generic receive
 * offload), by the rules of Linux' tcp_gro_receive: the same connection, the next sequence number, the same ACK, window, flags and options,
 * full segments but for the last. The receiver's work per segment is then done once.
 *
 * Nothing is copied: each packet is read so that its text follows the text before it. Its headers lie over the end of that text
 * meanwhile, which is saved and put back. Segments too small for that are delivered as they are.
 */
export class Coalescer {
  readonly #inner: Device;
  readonly #slab: PacketMemory;
  readonly #next = new Packet();
  /** Two regions: one for the packet that was handed over, one for a packet that was read after it and did not belong to it. */
  readonly #regions: readonly [number, number];
  #region = 0;
  /** `#next` is in the other region, and will be handed over by the next call. */
  #waits = false;
  #gone = false;
  readonly #saved = new Uint8Array(SAVED_MAX);

  /** Reserves regions of the slab, so make it before the first page is allocated. */
  constructor(inner: Device, slab: PacketMemory) {
    this.#inner = inner;
    this.#slab = slab;
    this.#regions = [slab.reserve(REGION) + HEADROOM, slab.reserve(REGION) + HEADROOM];
  }

  /** As `Device.receive`, but the packet is in a region of its own. */
  receive(packet: Packet, now: number): number {
    if (this.#gone) return RX_GONE;
    if (this.#waits) {
      this.#waits = false;
      this.#region ^= 1;
      take(this.#next, packet);
    } else {
      packet.o = this.#regions[this.#region]!;
      const n = this.#inner.receive(packet, now);
      if (n === RX_NONE || n === RX_GONE) return n;
    }
    const headers = this.#headersOf(packet);
    if (headers > 0) this.#join(packet, headers, now);
    return packet.n;
  }

  /** Reads packets as long as each continues the one before. */
  #join(packet: Packet, headers: number, now: number): void {
    const { o } = packet;
    const next = this.#next;
    const { view, u8 } = this.#slab;
    const isV4 = u8[o]! >> 4 === 4;
    const transport = isV4 ? ipv4.HEADER_MIN : ipv6.HEADER;
    const size = packet.n - headers;
    let n = packet.n;
    let isLast = false;
    while (!isLast && n + size <= PACKET_MAX) {
      const at = o + n - headers;
      const saved = HEADROOM + headers;
      copyBytes(u8, at - HEADROOM, this.#saved, 0, saved);
      next.o = at;
      next.hops = 0;
      const read = this.#inner.receive(next, now);
      assert(next.o === at, "the device below reads to where it is told");
      const continues = read > 0 && this.#continues(packet, next, headers, (n - headers) | 0);
      if (read > 0 && !continues) this.#keep(next);
      if (continues && (tcp.flags(view, at + transport) & tcp.PSH) !== 0) isLast = true;
      copyBytes(this.#saved, 0, u8, at - HEADROOM, saved);
      if (read === RX_GONE) this.#gone = true;
      if (!continues) break;
      if (isLast) tcp.setFlags(view, o + transport, tcp.flags(view, o + transport) | tcp.PSH);
      const text = next.n - headers;
      if (text < size) isLast = true;
      n += text;
    }
    if (n === packet.n) return;
    packet.n = n;
    packet.gso = isV4 ? GSO_TCP4 : GSO_TCP6;
    packet.gsoSize = size;
    packet.headerLength = headers;
    packet.csum = CSUM_VALID;
    if (isV4) {
      ipv4.setTotalLength(view, o, n);
      ipv4.setChecksum(view, o);
    } else ipv6.setPayloadLength(view, o, n - ipv6.HEADER);
  }

  /** Moves a packet out of the way, to be handed over by the next call. */
  #keep(next: Packet): void {
    const { u8 } = this.#slab;
    const to = this.#regions[this.#region ^ 1]!;
    copyBytes(u8, next.o, u8, to, next.n);
    next.o = to;
    this.#waits = true;
  }

  /** Octets of the headers of a packet that another one may continue; else 0. */
  #headersOf(packet: Packet): number {
    const { o, n } = packet;
    const { view } = this.#slab;
    if (packet.gso !== GSO_NONE || n < ipv4.HEADER_MIN + tcp.HEADER_MIN) return 0;
    const first = view.getUint8(o);
    let transport = ipv4.HEADER_MIN;
    if (first === 0x45) {
      if (ipv4.protocol(view, o) !== protocol.TCP || ipv4.isFragment(view, o) || ipv4.totalLength(view, o) !== n)
        return 0;
      if (!ipv4.checksumGood(view, o)) return 0;
    } else if (first >> 4 === 6 && n >= ipv6.HEADER + tcp.HEADER_MIN) {
      transport = ipv6.HEADER;
      if (ipv6.nextHeader(view, o) !== protocol.TCP || ipv6.payloadLength(view, o) !== n - transport) return 0;
    } else return 0;
    const headers = transport + tcp.headerLength(view, o + transport);
    // The next packet's headers must lie over text alone: both headers are compared.
    const isPlain = headers >= transport + tcp.HEADER_MIN && n - headers >= headers + HEADROOM;
    return isPlain && tcp.flags(view, o + transport) === tcp.ACK && this.#isGood(packet, transport) ? headers : 0;
  }

  /** @param done octets of text before it */
  #continues(packet: Packet, next: Packet, headers: number, done: number): boolean {
    const { view } = this.#slab;
    const a = packet.o;
    const b = next.o;
    const { n } = next;
    if (next.gso !== GSO_NONE || next.hops !== packet.hops || n <= headers || n > packet.n) return false;
    // Version, header length, TOS; the length alone may differ.
    if (view.getUint16(a) !== view.getUint16(b)) return false;
    let transport = ipv4.HEADER_MIN;
    if (view.getUint8(a) >> 4 === 4) {
      // DF and fragment offset; TTL and protocol; addresses.
      if (ipv4.totalLength(view, b) !== n || !ipv4.checksumGood(view, b)) return false;
      if (view.getUint32(a + ipv4.FLAGS_FRAGMENT) !== view.getUint32(b + ipv4.FLAGS_FRAGMENT)) return false;
      if (!isSame(view, a + ipv4.SOURCE, b + ipv4.SOURCE, 8)) return false;
    } else {
      transport = ipv6.HEADER;
      if (view.getUint16(a + 2) !== view.getUint16(b + 2) || ipv6.payloadLength(view, b) !== n - transport)
        return false;
      // Next header and hop limit; addresses.
      if (view.getUint16(a + ipv6.NEXT_HEADER) !== view.getUint16(b + ipv6.NEXT_HEADER)) return false;
      if (!isSame(view, a + ipv6.SOURCE, b + ipv6.SOURCE, 32)) return false;
    }
    const s = a + transport;
    const t = b + transport;
    if (view.getUint32(s) !== view.getUint32(t) || tcp.seq(view, t) !== ((tcp.seq(view, s) + done) | 0)) return false;
    if (tcp.ack(view, s) !== tcp.ack(view, t) || tcp.window(view, s) !== tcp.window(view, t)) return false;
    const differ = view.getUint16(s + tcp.OFFSET_FLAGS) ^ view.getUint16(t + tcp.OFFSET_FLAGS);
    if ((differ & ~tcp.PSH) !== 0) return false;
    if (!isSame(view, s + tcp.HEADER_MIN, t + tcp.HEADER_MIN, headers - transport - tcp.HEADER_MIN)) return false;
    return this.#isGood(next, transport);
  }

  /** Whether the TCP checksum is good, or need not be verified. */
  #isGood(packet: Packet, transport: number): boolean {
    if (packet.csum === CSUM_PARTIAL) return packet.csumStart === transport;
    if (packet.csum !== CSUM_NONE) return true;
    const { view } = this.#slab;
    const { o, n } = packet;
    const length = n - transport;
    const pseudo =
      transport === ipv4.HEADER_MIN
        ? checksum.pseudo4(ipv4.source(view, o), ipv4.destination(view, o), protocol.TCP, length)
        : checksum.sum(view, o + ipv6.SOURCE, 32, protocol.TCP + length);
    if (!checksum.good(checksum.sum(view, o + transport, length, pseudo))) return false;
    packet.csum = CSUM_VALID;
    return true;
  }
}

/** `n` is a multiple of 4. */
function isSame(v: DataView, a: number, b: number, n: number): boolean {
  for (let i = 0; i < n; i += 4) if (v.getInt32(a + i) !== v.getInt32(b + i)) return false;
  return true;
}

function take(from: Packet, to: Packet): void {
  to.o = from.o;
  to.n = from.n;
  to.slices = 0;
  to.offloadAs(from);
  to.hops = from.hops;
}
