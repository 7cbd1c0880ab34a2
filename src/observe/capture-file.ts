import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { type Mark, markMeaning } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import type { CaptureSink } from "#device/capture";
import * as pcapng from "./pcapng.ts";

/** Bytes that wait for one write. */
const BUFFER = 1 << 20;
/** Longest cause in words that is kept, and with it the room of a block. */
const COMMENT_MAX = 512;
const BLOCK_MAX = pcapng.PACKET_LEAD + PACKET_MAX + 3 + pcapng.PACKET_TAIL + 4 + COMMENT_MAX;
/** ms until a packet is in the file although the buffer is not full: someone may be watching. */
const FLUSH_AFTER = 100;
const STDOUT = 1;
const encoder = new TextEncoder();

export interface CaptureOptions {
  /** A file, which is overwritten, or "-": standard output. */
  readonly path: string;
  /** The interface's name in the file. */
  readonly name: string;
  /** Bytes kept of each packet, from the IP header on. Default: all. */
  readonly snapLength?: number;
  /** µs since 1970 when the driver's clock shows 0. Default: that of the system's monotonic clock. */
  readonly epoch?: number;
  /** Whether each packet says why it was sent, in words. Default true. */
  readonly comments?: boolean;
  /** Called once, when the file takes no more: the capture ends, the program goes on. */
  readonly onEnd?: ((error: CaptureError) => void) | undefined;
}

/** A capture cannot be written. The message says what failed and why; EPIPE: whoever was reading has gone. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * A pcapng file that packets are copied into, for Wireshark: one interface, stamps in nanoseconds, which way each packet
 * went, and why it was sent. What does not fit waits for no reader: a packet is left out and counted rather than the
 * stack stopped.
 */
export class CaptureFile implements CaptureSink {
  readonly u8 = new Uint8Array(BUFFER);
  readonly view = new DataView(this.u8.buffer);
  /** Packets written, and packets that the reader of a pipe was too slow for. */
  packets = 0;
  dropped = 0;
  readonly #options: CaptureOptions;
  readonly #snap: number;
  readonly #epoch: number;
  /** By mark: its meaning in UTF-8. */
  readonly #comments: (Uint8Array | null)[] = [null];
  #fd: number;
  /** Bytes in the buffer, and bytes of whole blocks in the file. */
  #n = 0;
  #written = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The packet that is being copied. */
  #length = 0;
  #direction = 0;
  #cause: Mark = 0;

  /** @throws CaptureError where the file cannot be made. */
  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#snap = options.snapLength ?? PACKET_MAX;
    this.#epoch = options.epoch ?? Math.floor(performance.timeOrigin * 1_000);
    this.#fd = this.#open();
  }

  begin(n: number, now: number, outbound: boolean, cause: Mark): number {
    if (this.#fd < 0) return -1;
    if (this.#n + BLOCK_MAX > BUFFER) this.flush();
    if (this.#n + BLOCK_MAX > BUFFER || this.#fd < 0) {
      this.dropped++;
      return -1;
    }
    this.#length = n;
    this.#direction = outbound ? pcapng.OUTBOUND : pcapng.INBOUND;
    this.#cause = cause;
    return pcapng.writePacketLead(this.view, this.#n, this.#epoch + now, Math.min(n, this.#snap), n);
  }

  end(): void {
    const kept = Math.min(this.#length, this.#snap);
    this.#n = pcapng.writePacketTail(this.view, this.#n, kept, this.#direction, this.#comment(this.#cause));
    this.packets++;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
  }

  /** Everything so far into the file. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let done = 0;
    try {
      while (done < this.#n && this.#fd >= 0) done += writeSync(this.#fd, this.u8, done, this.#n - done);
      this.#written += this.#n;
      this.#n = 0;
    } catch (error) {
      this.#refused(error as NodeJS.ErrnoException, done);
    }
  }

  /** Begins the file anew under its name: a log rotator has moved the old one away. Nothing on standard output. */
  reopen(): void {
    if (this.#fd < 0 || this.#fd === STDOUT) return;
    this.flush();
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
    try {
      this.#fd = this.#open();
    } catch (error) {
      this.#options.onEnd?.(error as CaptureError);
    }
  }

  /** The file is complete; packets after it are not wanted. */
  close(): void {
    if (this.#fd < 0) return;
    this.flush();
    this.#release();
  }

  #open(): number {
    const { path, name } = this.#options;
    let fd: number;
    try {
      fd = path === "-" ? STDOUT : openSync(path, "w");
    } catch (error) {
      throw captureError(error as NodeJS.ErrnoException, `cannot write the capture ${path}`);
    }
    this.#written = 0;
    this.#n = pcapng.writeSectionHeader(this.view, 0, "tcpnet");
    this.#n = pcapng.writeInterface(this.view, this.#n, name, this.#snap);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
    return fd;
  }

  /** A write went wrong after `done` bytes of the buffer. */
  #refused(error: NodeJS.ErrnoException, done: number): void {
    if (error.code === "EAGAIN" || error.code === "EINTR") {
      // The reader of the pipe is slow: the rest stays for the next time.
      this.u8.copyWithin(0, done, this.#n);
      this.#n -= done;
      this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER).unref();
      return;
    }
    const { path } = this.#options;
    this.#cutBack();
    this.#release();
    const what = path === "-" ? "the capture to standard output ends" : `the capture ${path} ends here`;
    this.#options.onEnd?.(captureError(error, what));
  }

  /** Half a block at the end would make the file unreadable from there on. */
  #cutBack(): void {
    if (this.#fd === STDOUT) return;
    try {
      ftruncateSync(this.#fd, this.#written);
    } catch {
      // Not a file that has an end, such as a device.
    }
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#fd !== STDOUT) closeSync(this.#fd);
    this.#fd = -1;
    this.#n = 0;
  }

  #comment(cause: Mark): Uint8Array | null {
    if (cause === 0 || this.#options.comments === false) return null;
    return (this.#comments[cause] ??= encoder.encode(markMeaning(cause)).subarray(0, COMMENT_MAX));
  }
}

function captureError(error: NodeJS.ErrnoException, what: string): CaptureError {
  const code = error.code ?? "EIO";
  const reasons: Record<string, string> = {
    ENOSPC: "the disk is full",
    EPIPE: "its reader has gone",
    EACCES: "no permission",
    ENOENT: "there is no such directory",
    EISDIR: "that is a directory",
    EROFS: "the file system is read-only",
  };
  return new CaptureError(code, `${what}: ${reasons[code] ?? error.message} (${code})`);
}
