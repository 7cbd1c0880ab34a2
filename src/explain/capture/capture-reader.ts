/** Reads captures, pcap or pcapng, from bytes that come in pieces; it holds one record at a time. */
import { BYTE_ORDER_MAGIC, SECTION_HEADER } from "#observe/pcapng";
import { ByteQueue } from "./byte-queue.ts";
import { CaptureError } from "./capture-error.ts";
import { PcapFile, pcapMagic } from "./pcap-file.ts";
import { PcapngFile } from "./pcapng-file.ts";

/** Takes the packets of a capture, in the order of the file. */
export interface CapturedPackets {
  /**
   * A packet's bytes are at `o` until the call returns.
   * @param time µs since 1970
   * @param kept bytes in the file
   * @param n bytes that the packet had
   * @param place the interface in the file
   */
  packet(time: number, linkType: number, v: DataView, o: number, kept: number, n: number, place: number): void;
}

/** One of the two formats. */
export interface CaptureFormat {
  /** Why the rest of the file cannot be read; "" if all is well. */
  readonly damage: string;
  /** Packets that the capturing program says it missed. */
  readonly missed: number;
  /** Takes whole records from the queue. */
  take(bytes: ByteQueue): void;
}

/** Magic numbers of other files, by what they are: people give these by mistake. */
const OTHERS: readonly (readonly [number, string])[] = [
  [0x7b227363, "an event file: use tcpnet report"],
  [0x504b0304, "a zip archive: unpack it first"],
  [0xfd377a58, "compressed by xz: unpack it first (xz -dc FILE | tcpnet explain -)"],
  [0x28b52ffd, "compressed by zstd: unpack it first (zstd -dc FILE | tcpnet explain -)"],
  [0x425a6839, "compressed by bzip2: unpack it first (bzip2 -dc FILE | tcpnet explain -)"],
  [0x58435000, "a capture of NetXRay: convert it with editcap"],
  [0x736e6f6f, "a capture of snoop: convert it with editcap"],
];

/** The shortest beginning that tells the format: pcapng's byte order is in its third word. */
const BEGINNING = 12;

export class CaptureReader {
  readonly #name: string;
  readonly #bytes = new ByteQueue();
  readonly #to: CapturedPackets;
  #format: CaptureFormat | null = null;
  /** Bytes so far. */
  size = 0;

  /** @param name of the file, for messages */
  constructor(name: string, to: CapturedPackets) {
    this.#name = name;
    this.#to = to;
  }

  /** Why the end of the file could not be read; "" if it could. */
  get damage(): string {
    return this.#format?.damage ?? "";
  }

  get missed(): number {
    return this.#format?.missed ?? 0;
  }

  /** "pcap" or "pcapng". */
  get format(): string {
    return this.#format instanceof PcapFile ? "pcap" : "pcapng";
  }

  /** Takes the next bytes. Throws CaptureError if the file is no capture. */
  push(chunk: Uint8Array): void {
    this.size += chunk.length;
    if (this.damage !== "") return;
    this.#bytes.push(chunk);
    if (this.#format === null && this.#bytes.size < BEGINNING) return;
    this.#format ??= this.#begin();
    this.#format.take(this.#bytes);
  }

  /** The file is over. Returns the bytes of a torn last record. Throws CaptureError if the file is no capture. */
  end(): number {
    if (this.size === 0) throw new CaptureError(`${this.#name} is empty`);
    if (this.#format === null) throw new CaptureError(`${this.#name} is too short for a capture`);
    return this.damage === "" ? this.#bytes.size : 0;
  }

  #begin(): CaptureFormat {
    const { view, o } = this.#bytes;
    const first = view.getUint32(o);
    if (first === SECTION_HEADER) {
      const order = [false, true].some((little) => view.getUint32(o + 8, little) === BYTE_ORDER_MAGIC);
      if (order) return new PcapngFile(this.#to);
      throw new CaptureError(`${this.#name} begins like pcapng, but its first block is damaged`);
    }
    const magic = pcapMagic(view, o);
    if (magic !== null) return new PcapFile(this.#to, magic);
    const other = OTHERS.find(([word]) => word === first);
    throw new CaptureError(
      other === undefined ? `${this.#name} is neither a pcap nor a pcapng file` : `${this.#name} is ${other[1]}`,
    );
  }
}
