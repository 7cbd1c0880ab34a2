import { type Mark, markMeaning } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import type { CaptureSink } from "#device/capture";
import { OutputFile, type OutputOptions } from "./output-file.ts";
import * as pcapng from "./pcapng.ts";

/** The longest cause that is kept, in bytes, and with it the room of a block. */
const COMMENT_MAX = 512;
const BLOCK_MAX = pcapng.PACKET_LEAD + PACKET_MAX + 3 + pcapng.PACKET_TAIL + 4 + COMMENT_MAX;
const encoder = new TextEncoder();

export interface CaptureOptions extends OutputOptions {
  /** The interface's name in the file. */
  readonly name: string;
  /** Bytes kept of each packet, from the IP header on. Default: all. */
  readonly snapLength?: number;
  /** µs since 1970 when the driver's clock shows 0. Default: that of the system's monotonic clock. */
  readonly epoch?: number;
  /** Whether each packet says why it was sent, in words. Default true. */
  readonly comments?: boolean;
}

/**
 * A pcapng file that packets are copied into, for Wireshark: one interface, stamps in nanoseconds, which way each packet
 * went, and why it was sent. A packet that a slow reader leaves no room for is left out and counted: the stack never waits.
 */
export class CaptureFile implements CaptureSink {
  readonly u8: Uint8Array;
  readonly view: DataView;
  /** Packets captured, and those that a slow reader left no room for. */
  packets = 0;
  dropped = 0;
  readonly #file: OutputFile;
  readonly #name: string;
  readonly #snap: number;
  readonly #epoch: number;
  readonly #commented: boolean;
  /** By mark: its meaning in UTF-8. */
  readonly #comments: Uint8Array[] = [];
  /** The packet that is being copied. */
  #kept = 0;
  #direction = 0;
  #cause: Mark = 0;

  /** @throws OutputError where the file cannot be made. */
  constructor(options: CaptureOptions) {
    this.#file = new OutputFile("the capture", options);
    this.u8 = this.#file.u8;
    this.view = this.#file.view;
    this.#name = options.name;
    this.#snap = options.snapLength ?? PACKET_MAX;
    this.#epoch = options.epoch ?? Math.floor(performance.timeOrigin * 1_000);
    this.#commented = options.comments ?? true;
    this.#begin();
  }

  begin(n: number, now: number, outbound: boolean, cause: Mark): number {
    const file = this.#file;
    if (!file.isOpen) return -1;
    if (!file.room(BLOCK_MAX)) {
      // Full of what its reader did not take yet; or it took no more, and has ended by now.
      if (file.isOpen) this.dropped++;
      return -1;
    }
    this.#kept = Math.min(n, this.#snap);
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    this.#cause = cause;
    return pcapng.writePacketLead(this.view, file.end, this.#epoch + now, this.#kept, n);
  }

  end(): void {
    const comment = this.#comment(this.#cause);
    this.#file.commit(pcapng.writePacketTail(this.view, this.#file.end, this.#kept, this.#direction, comment));
    this.packets++;
  }

  /** False once the file took no more: what came later is missing. */
  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /** Everything so far into the file. */
  flush(): void {
    this.#file.flush();
  }

  /** Begins the file anew under its name: a log rotator has moved the old one away. Nothing on standard output. */
  reopen(): void {
    if (this.#file.reopen()) this.#begin();
  }

  /** The file is complete; packets after it are not wanted. */
  close(): void {
    this.#file.close();
  }

  #begin(): void {
    const at = pcapng.writeSectionHeader(this.view, this.#file.end, "tcpnet");
    this.#file.commit(pcapng.writeInterface(this.view, at, this.#name, this.#snap));
  }

  #comment(cause: Mark): Uint8Array | null {
    if (cause === 0 || !this.#commented) return null;
    return (this.#comments[cause] ??= encoder.encode(markMeaning(cause)).subarray(0, COMMENT_MAX));
  }
}
