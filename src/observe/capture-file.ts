import { type Mark, markMeaning } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import type { CaptureSink } from "#device/capture";
import { type OutputError, OutputFile, type OutputOptions } from "./output-file.ts";
import type { Units } from "./output-stream.ts";
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

const BLOCKS: Units = {
  endOf: ({ view }, o) => o + pcapng.blockLength(view, o),
  isCounted: ({ view }, o) => pcapng.blockType(view, o) === pcapng.ENHANCED_PACKET,
};

/**
 * A pcapng file that packets are copied into, for Wireshark: one interface, stamps in nanoseconds, which way each packet
 * went, and why it was sent. A packet that a slow reader leaves no room for is left out and counted: the stack never waits.
 */
export class CaptureFile implements CaptureSink {
  /** Packets in the file; those that a slow reader left no room for; and those after the file took no more. */
  packets = 0;
  dropped = 0;
  missed = 0;
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
  #closed: Promise<void> | undefined;

  /** @throws OutputError where the file cannot be made. */
  constructor(options: CaptureOptions) {
    this.#file = new OutputFile("the capture", BLOCKS, options);
    this.#name = options.name;
    this.#snap = options.snapLength ?? PACKET_MAX;
    this.#epoch = options.epoch ?? Math.floor(performance.timeOrigin * 1_000);
    this.#commented = options.comments ?? true;
    this.#begin();
  }

  /** The buffer of the packet that `begin` made room for. */
  get u8(): Uint8Array {
    return this.#file.u8;
  }

  get view(): DataView {
    return this.#file.view;
  }

  begin(n: number, now: number, outbound: boolean, cause: Mark): number {
    const file = this.#file;
    if (!file.room(BLOCK_MAX)) {
      if (file.isOpen) this.dropped++;
      else if (!this.#closed) this.missed++;
      return -1;
    }
    this.#kept = Math.min(n, this.#snap);
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    this.#cause = cause;
    return pcapng.writePacketLead(file.view, file.end, this.#epoch + now, this.#kept, n);
  }

  end(): void {
    const comment = this.#comment(this.#cause);
    this.#file.commit(pcapng.writePacketTail(this.#file.view, this.#file.end, this.#kept, this.#direction, comment));
    this.packets++;
  }

  /** False once the file took no more: what came later is missing. */
  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /** Why the file took no more; null: it took all. */
  get error(): OutputError | null {
    return this.#file.error;
  }

  /** Begins to write everything so far. */
  flush(): void {
    this.#file.flush();
  }

  /** Waits until everything so far is written, but not for ever. */
  drain(): Promise<void> {
    return this.#file.drain();
  }

  /** Begins the file anew under its name: a log rotator has moved the old one away. Throws OutputError; then the old one goes on. */
  reopen(): void {
    if (this.#file.reopen()) this.#begin();
  }

  /** Writes what is left, for so long at most if its reader is slow, and completes the file; then the counts are final. */
  close(limitMs?: number): Promise<void> {
    return (this.#closed ??= this.#close(limitMs));
  }

  async #close(limitMs?: number): Promise<void> {
    await this.#file.close(limitMs);
    const { lost, error } = this.#file;
    this.packets -= lost;
    if (error === null) this.dropped += lost;
    else this.missed += lost;
  }

  #begin(): void {
    const { view, end } = this.#file;
    const at = pcapng.writeSectionHeader(view, end, "tcpnet");
    this.#file.commit(pcapng.writeInterface(view, at, this.#name, this.#snap));
  }

  #comment(cause: Mark): Uint8Array | null {
    if (cause === 0 || !this.#commented) return null;
    return (this.#comments[cause] ??= encoder.encode(markMeaning(cause)).subarray(0, COMMENT_MAX));
  }
}
