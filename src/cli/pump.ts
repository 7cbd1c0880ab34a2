/** Moves bytes between files and connections: one reused buffer per direction, and back-pressure in both. */
import { constants, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { Writer } from "#observe/writer";
import { SharedBytes } from "#socket/shared-bytes";
import type { Socket } from "#socket/types";
import { fileError } from "./cli-error.ts";
import { handover } from "./handover.ts";
import { outputFailure } from "./print.ts";
import { isTerminal } from "./terminal.ts";

/** Octets moved at once. */
const CHUNK = 256 * 1024;
/** How long to wait if a descriptor that somebody made non-blocking is empty, ms. */
const RETRY_MS = 5;

/** The source of the data to send. */
export interface Source {
  /** Fills `into` from its beginning; returns 0 at the end. */
  read(into: Uint8Array): number | Promise<number>;
}

/** The destination of received data. */
export interface Sink {
  /** Resolves when all `n` octets are written. */
  write(from: Uint8Array, n: number): void | Promise<void>;
  /** The peer has closed its direction. */
  end?(): void;
}

/** Octets, and the time they took in µs. */
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

  /** The acknowledged part of the data given to the stack: `bytes` octets until now. */
  acknowledged(bytes: number): Amount {
    return bytes < this.bytes ? { bytes, took: performance.now() * 1000 - this.first } : this;
  }
}

/**
 * Sends all of the source, then the FIN, and waits until the peer has acknowledged everything.
 * @param onWritten called when all data is in the send buffer
 */
export async function send(socket: Socket, source: Source, flow: Flow, onWritten?: () => void): Promise<void> {
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    const read = source.read(chunk);
    const n = typeof read === "number" ? read : await read;
    if (n === 0) break;
    await sendAll(socket, chunk, n, flow);
  }
  await finish(socket, flow, onWritten);
}

/** The same for `total` octets of the pattern. */
export async function sendPattern(socket: Socket, total: number, flow: Flow, onWritten?: () => void): Promise<void> {
  while (!writePattern(socket, total, flow)) await socket.drained();
  await finish(socket, flow, onWritten);
}

async function finish(socket: Socket, flow: Flow, onWritten?: () => void): Promise<void> {
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

/** Sends received data back; the FIN follows the peer's. */
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
const PATTERN_PERIOD = 256;

/** As much of it as goes into a super-segment. */
const PIECE = 64 * 1024;

/** A piece that begins anywhere in the period. All connections send the same octets, so these are not copied, and stay in the processor's cache. */
const PATTERN = new SharedBytes(Uint8Array.from({ length: PIECE + PATTERN_PERIOD }, (_, i) => i));

/** Writes what the send buffer takes of `total` octets of the pattern; returns whether that is the rest. */
export function writePattern(socket: Socket, total: number, flow: Flow): boolean {
  while (flow.bytes < total) {
    const n = Math.min(PIECE, total - flow.bytes);
    const taken = socket.writeShared(PATTERN, flow.bytes % PATTERN_PERIOD, n);
    if (taken > 0) flow.add(taken);
    if (taken < n) return false;
  }
  return true;
}

export const DISCARD: Sink = { write: () => undefined };

/**
 * An open descriptor as a source. It is read by another thread, since a pipe may be empty and a disk may take its time (a file
 * server, a disk that starts). If a pipe then has more, it is read directly, since each read by the thread costs a turn of the
 * event loop.
 *
 * Connections may read from it one after another. A pending read of the first one goes on, and the next one gets
 * the octets: a line that is typed while nobody is connected is not lost.
 */
export class FileSource implements Source {
  /** Octets read so far. */
  bytes = 0;
  /** The end was reached, and no data can follow: a terminal can go on after Ctrl-D, a pipe cannot. */
  isSpent = false;
  readonly #fd: number;
  readonly #path: string;
  /** A non-blocking descriptor, or -1. */
  readonly #ready: number;
  readonly #kind: Kind;
  /** The position of the next read; null: that of the descriptor. */
  #position: number | null;
  /** The pending read of the other thread, and its buffer. */
  #pending: Promise<number | Failure> | null = null;
  #buffer: Uint8Array | null = null;
  /** The number of connections that have read. Only the last one gets the data. */
  #reader = 0;

  /** @param position where to begin, for a file that is read several times; null: that of the descriptor */
  constructor(fd: number, path: string, position: number | null = null) {
    this.#fd = fd;
    this.#path = path;
    this.#kind = kindOf(fd);
    this.#ready = withoutWaiting(fd);
    this.#position = position;
  }

  read(into: Uint8Array): number | Promise<number> {
    if (this.#ready < 0 || this.#pending !== null) return this.#wait(into);
    try {
      return this.#took(readSync(this.#ready, into, 0, into.length, this.#position));
    } catch (error) {
      const failure = error as Failure;
      if (failure.code === "EAGAIN") return this.#wait(into);
      throw fileError(this.#path, failure.code ?? "", failure.message, "read");
    }
  }

  /** The connection is over: a pending read goes on for the next one. */
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
      // The terminal was closed, which also ends the input.
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

/** The kind of a descriptor for reading. A stream (pipe, socket) gives each octet only once. */
export type Kind = "file" | "disk" | "stream" | "terminal" | "other";

export function kindOf(fd: number): Kind {
  try {
    const stats = fstatSync(fd);
    if (stats.isFile()) return "file";
    if (stats.isBlockDevice()) return "disk";
    if (stats.isFIFO() || stats.isSocket()) return "stream";
    return isTerminal(fd) ? "terminal" : "other";
  } catch {
    // The descriptor is not open.
    return "other";
  }
}

/** The handover's name for pipes to read from. */
const PIPE = "pipe";

/**
 * Opens the same pipe once more, non-blocking: the flag of the inherited one is shared with other programs. Only its owner
 * may open it, so this is done before root is given up.
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

/** An open descriptor as a sink. A slow reader or disk makes the sender wait, but not the stack. */
export class FileSink implements Sink {
  readonly #writer: Writer;
  readonly #path: string;

  constructor(fd: number, path: string) {
    this.#writer = new Writer(fd);
    this.#path = path;
  }

  /** Whether a write is pending. */
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
