import type { Mark } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import { CaptureComments, COMMENT_MAX } from "./capture-comments.ts";
import type { FateSink } from "./marked-capture.ts";
import { type OutputError, OutputFile, type OutputOptions } from "./output-file.ts";
import type { Units } from "./output-stream.ts";
import * as pcapng from "./pcapng.ts";

const BLOCK_MAX = pcapng.PACKET_LEAD + PACKET_MAX + 3 + pcapng.PACKET_TAIL + 4 + COMMENT_MAX;

/** Options of a `CaptureFile`. */
export interface CaptureOptions extends OutputOptions {
  /** The interface's name in the file. */
  readonly name: string;
  /** How many bytes to keep of each packet, from the IP header on. Default: all. */
  readonly snapLength?: number;
  /** µs since 1970 at time 0 of the driver's clock. Default: that of the system's monotonic clock. */
  readonly epoch?: number;
  /** Whether each packet gets a comment with why it was sent, or what it was for the stack. Default true. */
  readonly comments?: boolean;
}

const BLOCKS: Units = {
  endOf: ({ view }, o) => o + pcapng.blockLength(view, o),
  isCounted: ({ view }, o) => pcapng.blockType(view, o) === pcapng.ENHANCED_PACKET,
};

/**
 * A pcapng file for Wireshark: one interface, timestamps in nanoseconds, the direction of each packet, and why it was sent.
 * The stack never waits: if a slow reader leaves no room, packets are omitted and counted.
 */
export class CaptureFile implements FateSink {
  /** Packets in the file. */
  packets = 0;
  /** Packets omitted because of a slow reader. */
  dropped = 0;
  /** Packets after writing failed. */
  missed = 0;
  readonly #file: OutputFile;
  readonly #name: string;
  readonly #snap: number;
  readonly #epoch: number;
  readonly #commented: boolean;
  readonly #comments = new CaptureComments();
  /** A packet is being copied, or waits for what the stack says of it. */
  #isBegun = false;
  /** Octets that are kept of it, and its direction. */
  #kept = 0;
  #direction = 0;
  #closed: Promise<void> | undefined;

  /** @throws OutputError if the file cannot be made */
  constructor(options: CaptureOptions) {
    this.#file = new OutputFile("the capture", BLOCKS, options);
    this.#name = options.name;
    this.#snap = options.snapLength ?? PACKET_MAX;
    this.#epoch = options.epoch ?? Math.floor(performance.timeOrigin * 1_000);
    this.#commented = options.comments ?? true;
    this.#begin();
  }

  /** The buffer for the packet, after `begin`. */
  get u8(): Uint8Array {
    return this.#file.u8;
  }

  /** The same buffer as a DataView. */
  get view(): DataView {
    return this.#file.view;
  }

  begin(n: number, now: number, outbound: boolean): number {
    const file = this.#file;
    if (!file.reserve(BLOCK_MAX)) {
      if (file.isOpen) this.dropped++;
      else if (!this.#closed) this.missed++;
      return -1;
    }
    this.#isBegun = true;
    this.#kept = Math.min(n, this.#snap);
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    return pcapng.writePacketLead(file.view, file.end, this.#epoch + now, this.#kept, n);
  }

  /** The packet is in the buffer. @param fate what the link did to it */
  end(cause: Mark, fate: Mark = 0): void {
    if (!this.#isBegun) return;
    this.#isBegun = false;
    const comment = this.#commented ? this.#comments.of(cause, fate) : null;
    this.#file.commit(pcapng.writePacketTail(this.#file.view, this.#file.end, this.#kept, this.#direction, comment));
    this.packets++;
  }

  /** False after writing failed: later packets are missing. */
  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /** Why writing failed; null if it did not. */
  get error(): OutputError | null {
    return this.#file.error;
  }

  /** Whatever the stack will say of the packet that was copied last, it comes too late for the capture. */
  #settle(): void {
    if (this.#isBegun) this.end(0);
  }

  /** Begins to write everything so far. */
  flush(): void {
    this.#settle();
    this.#file.flush();
  }

  /** Waits until everything so far is written, with a time limit. */
  drain(): Promise<void> {
    this.#settle();
    return this.#file.drain();
  }

  /** Makes a new file under the same name, after a log rotator has moved the old one away. Throws OutputError; then the old one stays in use. */
  reopen(): void {
    this.#settle();
    if (this.#file.reopen()) this.#begin();
  }

  /** Writes the rest, with a time limit for a slow reader, and closes the file. Then the counts are final. */
  close(limitMs?: number): Promise<void> {
    return (this.#closed ??= this.#close(limitMs));
  }

  async #close(limitMs?: number): Promise<void> {
    this.#settle();
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
}
