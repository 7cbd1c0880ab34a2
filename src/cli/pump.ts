/** Bytes between files and connections: one buffer per direction, used again and again, and back-pressure both ways. */
import { constants, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { Writer } from "#observe/writer";
import type { Socket } from "#socket/types";
import { fileError } from "./cli-error.ts";
import { handover } from "./handover.ts";
import { outputFailure } from "./print.ts";
import { isTerminal } from "./terminal.ts";

/** Octets moved at once. */
const CHUNK = 256 * 1024;
/** How long to wait where a descriptor that somebody made non-blocking has nothing, ms. */
const RETRY_MS = 5;

/** Where what is sent comes from. */
export interface Source {
  /** Fills `into` from its beginning; 0 is the end. */
  read(into: Uint8Array): number | Promise<number>;
}

/** Where what is received goes. */
export interface Sink {
  /** Takes all `n` octets before it settles. */
  write(from: Uint8Array, n: number): void | Promise<void>;
  /** The peer has closed its direction: nothing more comes from this connection. */
  end?(): void;
}

/** So many octets in so many µs. */
export interface Amount {
  readonly bytes: number;
  readonly took: number;
}

/** A direction's progress, for the line at the bottom and the summary. Times are µs of `performance`. */
export class Flow implements Amount {
  bytes = 0;
  /** When the first and the last octet moved; 0 before that. */
  first = 0;
  last = 0;

  add(n: number): void {
    const now = performance.now() * 1000;
    if (this.bytes === 0) this.first = now;
    this.last = now;
    this.bytes += n;
  }

  /** µs from the first octet to the last. */
  get took(): number {
    return this.last - this.first;
  }

  /** Of what was handed over for sending, the part that the peer has: `bytes` octets of it, until now. */
  acknowledged(bytes: number): Amount {
    return bytes < this.bytes ? { bytes, took: performance.now() * 1000 - this.first } : this;
  }
}

/**
 * Sends all of the source, then the FIN, and waits until the peer has acknowledged everything.
 * @param onWritten the connection has taken all of it.
 */
export async function send(socket: Socket, source: Source, flow: Flow, onWritten?: () => void): Promise<void> {
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    const read = source.read(chunk);
    const n = typeof read === "number" ? read : await read;
    if (n === 0) break;
    await sendAll(socket, chunk, n, flow);
  }
  onWritten?.();
  socket.closeWrite();
  await socket.flushed();
  if (flow.bytes > 0) flow.last = performance.now() * 1000;
}

/** Receives until the peer's FIN. */
export async function receive(socket: Socket, sink: Sink, flow: Flow): Promise<void> {
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    const read = socket.read(chunk);
    const n = typeof read === "number" ? read : await read;
    if (n === 0) {
      sink.end?.();
      return;
    }
    flow.add(n);
    const written = sink.write(chunk, n);
    if (written !== undefined) await written;
  }
}

/** Sends back what comes, as it comes; the FIN follows the peer's. */
export async function echo(socket: Socket, received: Flow, sent: Flow): Promise<void> {
  await receive(socket, { write: (from, n) => sendAll(socket, from, n, sent) }, received);
  socket.closeWrite();
  await socket.flushed();
}

async function sendAll(socket: Socket, from: Uint8Array, n: number, flow: Flow): Promise<void> {
  for (let at = 0; at < n; ) {
    const taken = socket.write(from, at, n - at);
    at += taken;
    if (taken > 0) flow.add(taken);
    if (at < n) await socket.drained();
  }
}

/** The pattern repeats itself after so many octets: the low bytes of a counter, so that a shift or a gap shows. */
export const PATTERN_PERIOD = 256;

/** As much of it as is moved at once. */
export const PATTERN = Uint8Array.from({ length: CHUNK }, (_, i) => i);

/** `total` octets of the pattern. */
export class PatternSource implements Source {
  #left: number;

  constructor(total: number) {
    this.#left = total;
  }

  read(into: Uint8Array): number {
    // Every chunk but the last is whole, and a multiple of the period long: the pattern goes on without a seam.
    const n = Math.min(into.length, this.#left);
    this.#left -= n;
    into.set(into.length === CHUNK ? PATTERN : PATTERN.subarray(0, into.length));
    return n;
  }
}

export const DISCARD: Sink = { write: () => undefined };

/**
 * An open descriptor as a source. A file is read at once: its pages are in memory, or the disk brings them soon. Whatever
 * may keep us waiting is read by another thread; of a pipe that has more, the rest is then taken at once, too, since each
 * such errand costs a turn of the event loop.
 *
 * One connection after the other may read from it. A read that the first one left behind goes on, and the next one gets
 * the octets: a line that is typed while nobody is connected is not lost.
 */
export class FileSource implements Source {
  /** Octets read so far. */
  bytes = 0;
  /** The end was reached, and nothing will ever follow: a terminal can go on after Ctrl-D, a pipe cannot. */
  isSpent = false;
  readonly #fd: number;
  readonly #path: string;
  /** A descriptor that answers at once, or -1. */
  readonly #ready: number;
  readonly #kind: Kind;
  /** Where the next read begins; null: wherever the descriptor stands. */
  #position: number | null;
  /** The read of the other thread, into this buffer. */
  #pending: Promise<number | Failure> | null = null;
  #buffer: Uint8Array | null = null;
  /** Counts the connections that have read: only the last one gets what comes. */
  #reader = 0;

  /** @param position where in a file to begin, for a file that is read several times; null: where the descriptor stands. */
  constructor(fd: number, path: string, position: number | null = null) {
    this.#fd = fd;
    this.#path = path;
    this.#kind = kindOf(fd);
    this.#ready = this.#kind === "file" ? fd : withoutWaiting(fd);
    this.#position = position;
  }

  read(into: Uint8Array): number | Promise<number> {
    if (this.#ready < 0 || this.#pending !== null) return this.#wait(into);
    try {
      return this.#took(readSync(this.#ready, into, 0, into.length, this.#position));
    } catch (error) {
      const failure = error as Failure;
      if (this.#kind !== "file" && failure.code === "EAGAIN") return this.#wait(into);
      throw fileError(this.#path, failure.code ?? "", failure.message, "read");
    }
  }

  /** The connection is over: a read that waits goes on for the next one. */
  leave(): void {
    this.#reader++;
  }

  async #wait(into: Uint8Array): Promise<number> {
    const reader = this.#reader;
    for (;;) {
      this.#buffer ??= new Uint8Array(into.length);
      this.#pending ??= readFd(this.#fd, this.#buffer, this.#position);
      const result = await this.#pending;
      // This connection is over: the octets are for the next one.
      if (reader !== this.#reader) return 0;
      this.#pending = null;
      if (typeof result === "number") {
        into.set(this.#buffer.subarray(0, result));
        return this.#took(result);
      }
      if (result.code === "EAGAIN") await Bun.sleep(RETRY_MS);
      // The terminal was closed: that is an end, too.
      else if (result.code === "EIO" && this.#kind === "terminal") return this.#took(0);
      else throw fileError(this.#path, result.code ?? "", result.message, "read");
    }
  }

  #took(n: number): number {
    this.bytes += n;
    if (this.#position !== null) this.#position += n;
    if (n === 0) this.isSpent = this.#kind === "stream";
    return n;
  }
}

/** What a descriptor is, as far as reading goes: a stream (pipe, socket) gives each octet once. */
export type Kind = "file" | "disk" | "stream" | "terminal" | "other";

export function kindOf(fd: number): Kind {
  try {
    const stats = fstatSync(fd);
    if (stats.isFile()) return "file";
    if (stats.isBlockDevice()) return "disk";
    if (stats.isFIFO() || stats.isSocket()) return "stream";
    return isTerminal(fd) ? "terminal" : "other";
  } catch {
    // It is not open.
    return "other";
  }
}

/** In the handover: pipes to read from, in the order in which they are opened. */
const PIPE = "pipe";

/**
 * The same pipe once more, opened so that it never waits: the flag of the one that was given is shared with others. It belongs to
 * whoever made it, so it is opened before root is given up.
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return -1;
    const opening = handover.take(PIPE) ?? openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    handover.keep(PIPE, opening);
    return opening;
  } catch {
    return -1;
  }
}

/** An open descriptor as a sink. A slow reader, or a slow disk, keeps the sender waiting, and not the stack. */
export class FileSink implements Sink {
  readonly #writer: Writer;
  readonly #path: string;

  constructor(fd: number, path: string) {
    this.#writer = new Writer(fd);
    this.#path = path;
  }

  /** A write is under way. */
  get isBusy(): boolean {
    return this.#writer.busy;
  }

  write(from: Uint8Array, n: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer.write(from.subarray(0, n), (code) => {
        if (code === "") resolve();
        else reject(outputFailure(this.#path, Object.assign(new Error(code), { code })));
      });
    });
  }
}

/** Whether the descriptor is a file on a disk. */
export function isFile(fd: number): boolean {
  return kindOf(fd) === "file";
}

type Failure = NodeJS.ErrnoException;

function readFd(fd: number, into: Uint8Array, position: number | null): Promise<number | Failure> {
  return new Promise((resolve) =>
    readCallback(fd, into, 0, into.length, position, (error, n) => resolve(error === null ? n : error)),
  );
}
