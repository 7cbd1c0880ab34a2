/**
 * The pump measures the upper limit for any stack on this path: it reads and writes TUN packets through our device without a stack. One
 * process writes to one TUN device, the kernel forwards the packets, and another process reads them from the other device.
 */
import { CSUM_PARTIAL, GSO_NONE, GSO_TCP4, HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { PAGE_SIZE, Slab } from "#base/slab";
import { RX_GONE, RX_NONE } from "#device/device";
import { openTun, type TunDevice } from "#device/tun";
import { fold, pseudo4 } from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import { TCP } from "#wire/protocol";
import * as tcp from "#wire/tcp";

/** A packet as a stack sends it: a super-segment of 64 KiB with segments of 1,448 octets, or one segment for an MTU of 1,500. */
export interface PumpShape {
  /** Octets of the IP packet. */
  readonly size: number;
  /** Octets of payload in each segment; 0: the packet is a single segment. */
  readonly gsoSize: number;
}

export const SUPER_SEGMENT: PumpShape = { size: PACKET_MAX, gsoSize: 1448 };
export const ONE_SEGMENT: PumpShape = { size: 1500, gsoSize: 0 };

/** A TCP header with timestamps. */
const TCP_HEADER = 32;
const HEADERS = ipv4.HEADER_MIN + TCP_HEADER;
const SOURCE = 0x0a000007;
const DESTINATION = 0x0a000105;

/** The clock is read once per this many packets. */
const BURST = 32;
/** How long the reader waits for the first packet, and for another one, ms. */
const FIRST_MS = 10_000;
const SILENCE_MS = 1_000;

function open(n: number, slab: Slab): TunDevice {
  const device = openTun({ name: `tun${n}`, prefix: { address: Uint8Array.of(10, 0, n, 1), length: 24 } });
  device.attach(slab);
  return device;
}

/** Writes packets to tun0 until the time is over. Returns their number. @param seconds of writing */
export function pumpWrite({ size, gsoSize }: PumpShape, seconds: number): number {
  const slab = new Slab(1 << 20);
  const packet = new Packet();
  const device = open(0, slab);
  prepare(slab, packet, size, gsoSize);
  let packets = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) for (let i = 0; i < BURST; i++, packets++) device.transmit(packet, 0);
  device.close();
  return packets;
}

/** The receiving side. Its device must be open before anything is written. */
export class PumpReader {
  readonly #slab = new Slab(1 << 20);
  readonly #packet = new Packet();
  readonly #device: TunDevice;

  constructor() {
    this.#device = open(1, this.#slab);
    this.#packet.o = this.#slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  /**
   * Reads for this many seconds, from the first packet on. Returns bits of TCP payload per second; 0 if nothing arrived.
   */
  read(seconds: number): number {
    let payload = 0;
    let first = 0;
    let last = 0;
    let limit = performance.now() + FIRST_MS;
    for (let looks = 0; ; looks++) {
      const n = this.#device.receive(this.#packet, 0);
      if (n === RX_GONE) break;
      if (n !== RX_NONE) payload += n - HEADERS;
      if (looks % BURST !== 0) continue;
      const now = performance.now();
      if (payload > 0 && first === 0) {
        first = now;
        payload = 0;
      }
      if (n !== RX_NONE) limit = now + (first === 0 ? FIRST_MS : SILENCE_MS);
      if (now > limit || (first > 0 && now >= first + seconds * 1000)) break;
      last = now;
    }
    return last > first ? (payload * 8000) / (last - first) : 0;
  }

  close(): void {
    this.#device.close();
  }
}

/** Builds the packet as a stack does: headers in the head, payload in pages. */
function prepare(slab: Slab, packet: Packet, size: number, gsoSize: number): void {
  const v = slab.view;
  const o = slab.reserve(HEADROOM + HEADERS) + HEADROOM;
  const pages = slab.reserve(PACKET_MAX + PAGE_SIZE);
  const length = size - ipv4.HEADER_MIN;
  packet.clear();
  packet.o = o;
  packet.n = HEADERS;
  ipv4.write(v, o, 0, size, 0, ipv4.DF, 64, TCP, SOURCE, DESTINATION);
  ipv4.setChecksum(v, o);
  tcp.write(v, o + ipv4.HEADER_MIN, 7000, 5000, 1, 1, TCP_HEADER, tcp.ACK, 1000, 0);
  slab.u8.fill(1, o + ipv4.HEADER_MIN + tcp.HEADER_MIN, o + HEADERS);
  tcp.setChecksum(v, o + ipv4.HEADER_MIN, fold(pseudo4(SOURCE, DESTINATION, TCP, length)));
  for (let at = 0; at < size - HEADERS; at += PAGE_SIZE) {
    packet.addSlice(pages + at, Math.min(PAGE_SIZE, size - HEADERS - at));
  }
  packet.csum = CSUM_PARTIAL;
  packet.csumStart = ipv4.HEADER_MIN;
  packet.csumOffset = tcp.CHECKSUM;
  packet.headerLength = HEADERS;
  packet.gsoSize = gsoSize;
  packet.gso = gsoSize === 0 ? GSO_NONE : GSO_TCP4;
}
