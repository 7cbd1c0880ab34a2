/** The classic format of libpcap (draft-ietf-opsawg-pcap), of either byte order, with stamps in µs or ns. */
import type { ByteQueue } from "./byte-queue.ts";
import type { CapturedPackets, CaptureFormat } from "./capture-reader.ts";

const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
/** Kuznetsov's variant: the header of each packet has 8 more octets. */
const MODIFIED = 0xa1b2cd34;

export interface PcapMagic {
  readonly little: boolean;
  readonly nano: boolean;
  /** Octets of a packet's header. */
  readonly lead: number;
}

/** What the first word says; null: it is no pcap file. */
export function pcapMagic(v: DataView, o: number): PcapMagic | null {
  for (const little of [true, false]) {
    const word = v.getUint32(o, little);
    if (word === MICRO || word === NANO) return { little, nano: word === NANO, lead: 16 };
    if (word === MODIFIED) return { little, nano: false, lead: 24 };
  }
  return null;
}

const HEADER = 24;
/** libpcap's limit of a packet of any link type but D-Bus and USB. */
const PACKET_MAX = 262_144;

export class PcapFile implements CaptureFormat {
  damage = "";
  readonly missed = 0;
  readonly #to: CapturedPackets;
  readonly #magic: PcapMagic;
  #linkType = -1;

  constructor(to: CapturedPackets, magic: PcapMagic) {
    this.#to = to;
    this.#magic = magic;
  }

  take(bytes: ByteQueue): void {
    const { little, nano, lead } = this.#magic;
    if (this.#linkType < 0) {
      if (bytes.size < HEADER) return;
      // The upper bits say how long the frame check sequence is.
      this.#linkType = bytes.view.getUint32(bytes.o + 20, little) & 0xffff;
      bytes.o += HEADER;
    }
    while (bytes.size >= lead) {
      const { view, o } = bytes;
      const kept = view.getUint32(o + 8, little);
      if (kept > PACKET_MAX) {
        this.damage = `a packet would have ${kept} bytes`;
        return;
      }
      if (bytes.size < lead + kept) return;
      const fraction = view.getUint32(o + 4, little);
      const time = view.getUint32(o, little) * 1e6 + (nano ? fraction / 1e3 : fraction);
      bytes.o += lead + kept;
      this.#to.packet(Math.round(time), this.#linkType, view, o + lead, kept, view.getUint32(o + 12, little), 0);
    }
  }
}
