/** One connection of the command, and the host's socket that it goes on with: octets, ends and resets pass both ways, and so does waiting. */
import { EAGAIN, EINTR, ENOBUFS } from "#ffi/errno";
import { readInto } from "#ffi/stream-read";
import type { ConnectionError } from "#socket/connection-error";
import type { Socket as StackSocket } from "#socket/types";

/** Bun's socket of this machine; its data is the relay. */
export type HostSocket = Bun.Socket<Relay>;

/**
 * What is read at once. While a connection is busy, octets go from the kernel directly into the stack's send buffer; Bun would make a new array for
 * each piece.
 */
const PIECE = 1024 * 1024;
/** The most pieces before others have their turn. */
const PIECES_MAX = 8;
/** A piece that Bun has read of at least so many octets is probably not the last one. */
const BUSY_FROM = 64 * 1024;

export class Relay {
  host: HostSocket | null = null;
  stack: StackSocket | null = null;
  /** There is no connection of the stack yet, or the command has ended its direction and the host's socket took all of it. */
  isSettled = true;
  /** What the stack's send buffer had no room for; the host's socket is paused meanwhile. */
  #rest: Uint8Array | null = null;
  /** The host's side has ended, and everything of it was written. */
  #hostEnded = false;
  /** The host's side was reset. */
  #hostFailed = false;
  /** What was received from the host before there was a connection of the stack. */
  #early: Uint8Array[] = [];
  readonly #onOver: () => void;
  #isOver = false;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  // --- From the stack ------------------------------------------------------------------------------------------------

  /** Returns how many octets the host's socket took; it calls `hostDrained` when it takes more. */
  toHost(bytes: Uint8Array): number {
    const n = this.host?.write(bytes) ?? 0;
    return n < 0 ? bytes.length : n;
  }

  stackEnded(): void {
    this.isSettled = true;
    this.host?.shutdown();
  }

  stackDrained(): void {
    const { stack } = this;
    if (stack === null) return;
    if (this.#rest !== null) {
      const n = stack.write(this.#rest);
      this.#rest = n < this.#rest.length ? this.#rest.subarray(n) : null;
      if (this.#rest !== null) return;
    }
    if (this.#hostEnded) stack.closeWrite();
    else this.#pump();
  }

  /** Moves what the host's socket has, until that is empty or the stack is full. The socket is paused. */
  readonly #pump = (): void => {
    for (let i = 0; i < PIECES_MAX; i++) {
      const { host, stack } = this;
      if (host === null || stack === null) return;
      const read = this.#read(stack, (host as HostSocket & { readonly fd: number }).fd);
      // `stackDrained` follows, or `stackClosed`.
      if (read === -ENOBUFS) return;
      // Bun waits for more, and tells of the end.
      if (read === 0 || read === -EAGAIN || read === -EINTR) {
        host.resume();
        return;
      }
      if (read < 0) {
        host.terminate();
        this.hostClosed(true);
        return;
      }
    }
    setImmediate(this.#pump);
  };

  /** Reads a piece into the send buffer. Returns the octets (0: the end), or the negated error number: ENOBUFS if there is no room. */
  #read(stack: StackSocket, fd: number): number {
    let read = -ENOBUFS;
    try {
      stack.writeFrom((room) => (read = readInto(fd, room)), PIECE);
    } catch {
      // The connection has ended.
    }
    return read;
  }

  stackClosed(error: ConnectionError | null): void {
    const { host } = this;
    this.host = null;
    this.stack = null;
    this.#rest = null;
    if (error === null) host?.end();
    else host?.terminate();
    this.#over();
  }

  // --- From the host -------------------------------------------------------------------------------------------------

  /** The stack's connection is there. */
  joined(stack: StackSocket): void {
    if (this.#hostFailed) {
      // That was before the stack's connection was there: the command is told now.
      stack.abort();
      return;
    }
    this.stack = stack;
    this.isSettled = false;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) this.toStack(bytes);
    if (this.#hostEnded && this.#rest === null) stack.closeWrite();
  }

  toStack(bytes: Uint8Array): void {
    const { stack } = this;
    if (stack === null) {
      this.#early.push(bytes);
      return;
    }
    try {
      if (this.#rest !== null) this.#rest = Buffer.concat([this.#rest, bytes]);
      else {
        const n = stack.write(bytes);
        if (n < bytes.length) this.#rest = bytes.subarray(n);
        else if (bytes.length < BUSY_FROM) return;
      }
      this.host?.pause();
      if (this.#rest === null) this.#pump();
    } catch {
      // The connection has ended; `stackClosed` follows.
    }
  }

  hostDrained(): void {
    this.stack?.resume();
  }

  hostEnded(): void {
    if (this.#hostEnded) return;
    this.#hostEnded = true;
    if (this.#rest === null) this.stack?.closeWrite();
  }

  /** @param failed by a reset, or because its destination vanished */
  hostClosed(failed: boolean): void {
    this.host = null;
    if (failed) {
      this.#hostFailed = true;
      this.stack?.abort();
    } else this.hostEnded();
    if (this.stack === null) this.#over();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}
