import type { Mark } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import type { CaptureSink } from "#device/capture";
import { CaptureComments, COMMENT_MAX } from "./capture-comments.ts";
import * as pcapng from "./pcapng.ts";

const BLOCK_MAX = pcapng.PACKET_LEAD + PACKET_MAX + 3 + pcapng.PACKET_TAIL + 4 + COMMENT_MAX;
const CHUNK = 1 << 16;
/** The longest name of an interface, and room for what stands before the first packet. */
const NAME_MAX = 64;
const HEAD_MAX = 512;

/** What a `CaptureChunks` captures, and how. */
export interface CaptureChunksOptions {
  /** The interface's name in the capture, up to 64 characters. Default "tcpnet". */
  readonly name?: string;
  /** µs since 1970 at time 0 of the driver's clock. Default: that of the system's monotonic clock; 0 for virtual time. */
  readonly epoch?: number;
  /** Whether each packet gets a comment with why it was sent, or what it was for the stack. Default true. */
  readonly comments?: boolean;
  /** Octets that are collected before they are handed over. Default 64 KiB; 0: each packet at once. */
  readonly chunk?: number;
}

/**
 * A pcapng capture, in pieces: each is a copy that the receiver may keep. Together, in order, they are a file for Wireshark. Needs nothing of
 * the system: in a browser, make a Blob of them; elsewhere, write them to a file.
 */
export class CaptureChunks implements CaptureSink {
  /** The packets captured so far. */
  packets = 0;
  /** The buffer for packets, as octets. */
  readonly u8: Uint8Array;
  /** The buffer, as a DataView. */
  readonly view: DataView;
  readonly #take: (chunk: Uint8Array<ArrayBuffer>) => void;
  readonly #chunk: number;
  readonly #epoch: number;
  readonly #comments: CaptureComments | null;
  #end: number;
  #kept = 0;
  #direction = 0;

  /** @param take gets each piece, within the stack's turn: it must not block for long, nor throw */
  constructor(take: (chunk: Uint8Array<ArrayBuffer>) => void, options: CaptureChunksOptions = {}) {
    const { name = "tcpnet", epoch, comments = true, chunk = CHUNK } = options;
    this.#take = take;
    this.#chunk = chunk;
    this.#epoch = epoch ?? Math.floor(performance.timeOrigin * 1_000);
    this.#comments = comments ? new CaptureComments() : null;
    this.u8 = new Uint8Array(Math.max(chunk, HEAD_MAX) + BLOCK_MAX);
    this.view = new DataView(this.u8.buffer);
    const at = pcapng.writeSectionHeader(this.view, 0, "tcpnet");
    this.#end = pcapng.writeInterface(this.view, at, name.slice(0, NAME_MAX), PACKET_MAX);
  }

  begin(n: number, now: number, outbound: boolean): number {
    this.#kept = n;
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    return pcapng.writePacketLead(this.view, this.#end, this.#epoch + now, n, n);
  }

  end(cause: Mark): void {
    const comment = this.#comments?.of(cause, 0) ?? null;
    this.#end = pcapng.writePacketTail(this.view, this.#end, this.#kept, this.#direction, comment);
    this.packets++;
    if (this.#end >= this.#chunk) this.finish();
  }

  /** Hands over what was collected. A `CaptureDevice` calls it when it is closed. */
  finish(): void {
    if (this.#end === 0) return;
    this.#take(this.u8.slice(0, this.#end) as Uint8Array<ArrayBuffer>);
    this.#end = 0;
  }
}
