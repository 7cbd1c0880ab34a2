/** pcapng (draft-ietf-opsawg-pcapng): several sections, each with its byte order and its interfaces. */
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET,
  IF_TSRESOL,
  INTERFACE_DESCRIPTION,
  OPT_END,
  SECTION_HEADER,
  SIMPLE_PACKET,
} from "#observe/pcapng";
import type { ByteQueue } from "./byte-queue.ts";
import type { CapturedPackets, CaptureFormat } from "./capture-reader.ts";

/** The predecessor of the enhanced packet block. */
const OBSOLETE_PACKET = 2;
const INTERFACE_STATISTICS = 5;
const IF_TSOFFSET = 14;
const ISB_IFDROP = 5;
/** Of a block: a longer one is damage. Blocks of names and secrets may be long. */
const BLOCK_MAX = 16 << 20;
const BLOCK_MIN = 12;

interface Interface {
  readonly linkType: number;
  readonly snap: number;
  /** Units of its stamps in a µs, and µs to add. */
  readonly perMicrosecond: number;
  readonly offset: number;
}

export class PcapngFile implements CaptureFormat {
  damage = "";
  readonly #to: CapturedPackets;
  #little = false;
  /** Of all sections: those of the current one begin at `first`. */
  readonly #interfaces: Interface[] = [];
  #first = 0;
  /** By interface: the last count of missed packets. */
  readonly #drops = new Map<number, number>();
  /** Of the last packet: a simple packet block has no stamp. */
  #time = 0;

  constructor(to: CapturedPackets) {
    this.#to = to;
  }

  get missed(): number {
    return [...this.#drops.values()].reduce((sum, n) => sum + n, 0);
  }

  take(bytes: ByteQueue): void {
    while (bytes.size >= BLOCK_MIN && this.damage === "") {
      const { view, o } = bytes;
      // The section header's own type reads the same in both orders.
      if (view.getUint32(o) === SECTION_HEADER && !this.#begin(view, o)) return;
      const length = view.getUint32(o + 4, this.#little);
      if (length < BLOCK_MIN || length > BLOCK_MAX) {
        this.damage = `a block would have ${length} bytes`;
        return;
      }
      // Some programs leave out the padding in the length.
      const whole = (length + 3) & ~3;
      if (bytes.size < whole) return;
      bytes.o += whole;
      this.#block(view, o, length);
    }
  }

  #begin(v: DataView, o: number): boolean {
    const order = v.getUint32(o + 8);
    this.#little = order !== BYTE_ORDER_MAGIC;
    if (this.#little && v.getUint32(o + 8, true) !== BYTE_ORDER_MAGIC) {
      this.damage = "the byte order of a section is not known";
      return false;
    }
    this.#first = this.#interfaces.length;
    return true;
  }

  #block(v: DataView, o: number, length: number): void {
    const little = this.#little;
    const end = o + length - 4;
    switch (v.getUint32(o, little)) {
      case INTERFACE_DESCRIPTION:
        if (length >= 20) this.#interfaces.push(this.#interface(v, o, end));
        break;
      case ENHANCED_PACKET:
        if (length >= 32) this.#packet(v, o, end, v.getUint32(o + 8, little));
        break;
      case OBSOLETE_PACKET:
        if (length >= 32) this.#packet(v, o, end, v.getUint16(o + 8, little));
        break;
      case SIMPLE_PACKET:
        if (length >= 16) this.#simple(v, o, end);
        break;
      case INTERFACE_STATISTICS:
        if (length >= 24) this.#statistics(v, o, end);
        break;
    }
  }

  #interface(v: DataView, o: number, end: number): Interface {
    let perMicrosecond = 1;
    let offset = 0;
    this.#options(v, o + 16, end, (code, at, n) => {
      if (code === IF_TSRESOL && n === 1) {
        const power = v.getUint8(at);
        perMicrosecond = (power & 0x80 ? 2 ** (power & 0x7f) : 10 ** power) / 1e6;
      } else if (code === IF_TSOFFSET && n === 8) offset = Number(v.getBigInt64(at, this.#little)) * 1e6;
    });
    const snap = v.getUint32(o + 12, this.#little);
    return { linkType: v.getUint16(o + 8, this.#little), snap, perMicrosecond, offset };
  }

  #packet(v: DataView, o: number, end: number, number: number): void {
    const little = this.#little;
    const place = this.#first + number;
    const { [place]: from } = this.#interfaces;
    if (from === undefined) {
      this.damage = `a packet is of interface ${number}, which is not described`;
      return;
    }
    const high = v.getUint32(o + 12, little);
    const low = v.getUint32(o + 16, little);
    const time = high * (2 ** 32 / from.perMicrosecond) + low / from.perMicrosecond + from.offset;
    // A stamp that no clock has is left out; the packet stays.
    if (time >= 0 && time < 2 ** 52) this.#time = Math.round(time);
    const kept = Math.min(v.getUint32(o + 20, little), end - o - 28);
    const n = v.getUint32(o + 24, little);
    this.#to.packet(this.#time, from.linkType, v, o + 28, kept, Math.max(n, kept), place);
  }

  #simple(v: DataView, o: number, end: number): void {
    const { [this.#first]: from } = this.#interfaces;
    if (from === undefined) {
      this.damage = "a packet comes before the description of its interface";
      return;
    }
    const n = v.getUint32(o + 8, this.#little);
    const kept = Math.min(n, end - o - 12, from.snap === 0 ? n : from.snap);
    this.#to.packet(this.#time, from.linkType, v, o + 12, kept, n, this.#first);
  }

  #statistics(v: DataView, o: number, end: number): void {
    const place = this.#first + v.getUint32(o + 8, this.#little);
    this.#options(v, o + 20, end, (code, at, n) => {
      if (code === ISB_IFDROP && n === 8) this.#drops.set(place, Number(v.getBigUint64(at, this.#little)));
    });
  }

  #options(v: DataView, o: number, end: number, take: (code: number, o: number, n: number) => void): void {
    while (o + 4 <= end) {
      const code = v.getUint16(o, this.#little);
      const n = v.getUint16(o + 2, this.#little);
      if (code === OPT_END || o + 4 + n > end) return;
      take(code, o + 4, n);
      o += 4 + ((n + 3) & ~3);
    }
  }
}
