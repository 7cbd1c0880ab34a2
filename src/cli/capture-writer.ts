import { closeSync } from "node:fs";
import type { Mark } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import { CaptureComments, COMMENT_MAX } from "#observe/capture-comments";
import type { FateSink } from "#observe/marked-capture";
import * as pcapng from "#observe/pcapng";
import { RecordFile } from "./named-files.ts";
import { OutputClosed, outputFailure, STDOUT, writeWhole } from "./print.ts";

/** Octets of blocks per write. */
const CHUNK = 1 << 20;
const BLOCK_MAX = pcapng.PACKET_LEAD + PACKET_MAX + 3 + pcapng.PACKET_TAIL + 4 + COMMENT_MAX;

/** Writes packets as pcapng, and waits for a slow reader: for runs that nobody else waits for. Times are virtual: from 1970 on. */
export class CaptureWriter implements FateSink {
  readonly u8: Uint8Array = new Uint8Array(CHUNK + BLOCK_MAX);
  readonly view: DataView = new DataView(this.u8.buffer);
  packets = 0;
  readonly path: string;
  readonly #fd: number;
  readonly #comments = new CaptureComments();
  #end: number;
  #kept = 0;
  #direction = 0;

  /** @param path "-": standard output. @param name of the interface. Throws CliError. */
  constructor(path: string, name: string) {
    this.path = path === "-" ? "standard output" : path;
    this.#fd = path === "-" ? STDOUT : new RecordFile(path).open();
    const at = pcapng.writeSectionHeader(this.view, 0, "tcpnet");
    this.#end = pcapng.writeInterface(this.view, at, name, PACKET_MAX);
  }

  begin(n: number, now: number, outbound: boolean): number {
    if (this.#end > CHUNK) this.#flush();
    this.#kept = n;
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    return pcapng.writePacketLead(this.view, this.#end, now, n, n);
  }

  end(cause: Mark, fate: Mark = 0): void {
    const comment = this.#comments.of(cause, fate);
    this.#end = pcapng.writePacketTail(this.view, this.#end, this.#kept, this.#direction, comment);
    this.packets++;
  }

  /** Writes the rest. Throws CliError. */
  close(): void {
    this.#flush();
    if (this.#fd !== STDOUT) closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = this.u8.subarray(0, this.#end);
    this.#end = 0;
    try {
      writeWhole(this.#fd, bytes);
    } catch (error) {
      const failure = outputFailure(this.path, error as NodeJS.ErrnoException);
      // If the reader of the packets has gone, the rest of the output still has one.
      if (!(failure instanceof OutputClosed)) throw failure;
    }
  }
}
