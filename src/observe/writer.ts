import { closeSync, constants, fstatSync, openSync, write as writeByThread } from "node:fs";
import { isatty } from "node:tty";
import { assert } from "#base/assert";
import { sendNow, write, writeIfRoom } from "#ffi/descriptor";
import { EAGAIN, EINTR, errnoName } from "#ffi/errno";
import { O_CLOEXEC } from "#ffi/libc";

/** For so many ms a full pipe is tried again in each turn of the event loop: a fast reader makes room by then. */
const SPIN_MS = 0.5;
/** The longest pause between two tries, ms. */
const PAUSE_MAX_MS = 10;

const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC;

/** Returns the number of octets written, or the negated error number. */
type Port = (bytes: Uint8Array) => number;

/**
 * Writes to a descriptor in pieces, one after the other, and never blocks the event loop, neither for a slow reader
 * nor for a slow disk. It does not change the flags of an inherited descriptor, since O_NONBLOCK belongs to the open
 * file and would affect every program that shares it (ADR 53). So each kind of file is written in its own way:
 *
 * - pipes and terminals are opened once more through /proc, which makes another open file, with O_NONBLOCK. If
 *   that fails, they are polled for room before each write.
 * - sockets are written with MSG_DONTWAIT.
 * - files on a disk are written by a thread: O_NONBLOCK has no effect on them.
 */
export class Writer {
  /** Written octets of the current piece. */
  taken = 0;
  readonly #fd: number;
  /** Null for a file: a thread writes it. */
  readonly #port: Port | null;
  /** Our own second descriptor of a pipe or terminal; or -1. */
  readonly #own: number;
  #piece: Uint8Array | null = null;
  #settled: (code: string) => void = () => {};
  /** Failed tries since the last progress, and the time of the first of them. */
  #tries = 0;
  #full = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;
  #whenIdle: (() => void) | null = null;

  /** @param reopens false, in tests: as if a pipe could not be opened once more */
  constructor(fd: number, reopens = true) {
    this.#fd = fd;
    const kind = kindOf(fd);
    const waits = kind === "pipe" || kind === "terminal";
    this.#own = waits && reopens ? ownOpening(fd) : -1;
    if (kind === "file") this.#port = null;
    else if (kind === "socket") this.#port = (bytes) => sendNow(fd, bytes);
    else if (waits && this.#own < 0) this.#port = (bytes) => writeIfRoom(fd, bytes, kind === "terminal");
    else this.#port = (bytes) => write(this.#own < 0 ? fd : this.#own, bytes);
  }

  /** Whether a piece is being written. */
  get busy(): boolean {
    return this.#piece !== null;
  }

  /**
   * Writes all of `bytes`, which must not change until `settled` is called: with "" when all is written, or with the error's code
   * ("ENOSPC"). It may be called before this returns. One piece at a time.
   */
  write(bytes: Uint8Array, settled: (code: string) => void): void {
    assert(!this.busy, "only one piece may be written at a time");
    this.#piece = bytes;
    this.#settled = settled;
    this.taken = 0;
    this.#tries = 0;
    this.#try();
  }

  /** Tries a waiting piece again at once. */
  nudge(): void {
    if (this.#timer === undefined && this.#immediate === undefined) return;
    this.#stopWaiting();
    this.#try();
  }

  /** Gives up the current piece, and calls `closed` when the descriptor may be closed: a thread may still be writing. */
  close(closed: () => void = () => {}): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWaiting();
    if (this.#own >= 0) closeSync(this.#own);
    if (this.#port === null && this.busy) this.#whenIdle = closed;
    else closed();
  }

  #try(): void {
    const piece = this.#piece!;
    if (this.#port === null) {
      writeByThread(this.#fd, piece, this.taken, piece.length - this.taken, null, (error, n) => {
        this.#wrote(error === null ? n : (error.code ?? "EIO"));
      });
      return;
    }
    while (this.taken < piece.length) {
      const n = this.#port(piece.subarray(this.taken));
      if (n === -EAGAIN || n === -EINTR || n === 0) {
        this.#waitForRoom();
        return;
      }
      if (n < 0) {
        this.#settle(errnoName(-n));
        return;
      }
      this.taken += n;
      this.#tries = 0;
    }
    this.#settle("");
  }

  /** Handles the thread's result. */
  #wrote(result: number | string): void {
    if (this.#closed) {
      this.#piece = null;
      this.#whenIdle?.();
      return;
    }
    if (typeof result === "string") {
      this.#settle(result);
      return;
    }
    this.taken += result;
    if (this.taken < this.#piece!.length) this.#try();
    else this.#settle("");
  }

  /** Schedules the next try by a timer, since Bun's event loop cannot watch a descriptor for room. */
  #waitForRoom(): void {
    const again = () => {
      this.#timer = undefined;
      this.#immediate = undefined;
      this.#try();
    };
    const now = performance.now();
    if (this.#tries++ === 0) this.#full = now;
    const waited = now - this.#full;
    if (waited < SPIN_MS) this.#immediate = setImmediate(again);
    else this.#timer = setTimeout(again, Math.min(Math.ceil(waited), PAUSE_MAX_MS));
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  #settle(code: string): void {
    this.#piece = null;
    this.#settled(code);
  }
}

type Kind = "file" | "pipe" | "terminal" | "socket" | "device";

function kindOf(fd: number): Kind {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return "file";
    if (stat.isFIFO()) return "pipe";
    if (stat.isSocket()) return "socket";
  } catch {
    // The descriptor is closed. The first write reports that.
  }
  return isatty(fd) ? "terminal" : "device";
}

/** By descriptor: another open file of the same pipe or terminal, made with more privileges. */
const lent = new Map<number, number>();

/** Makes the next `Writer` to `fd` use this open file of the same pipe or terminal, as returned by `withoutWaiting`. */
export function lendOpening(fd: number, opening: number): void {
  lent.set(fd, opening);
}

function ownOpening(fd: number): number {
  const opening = lent.get(fd) ?? withoutWaiting(fd);
  lent.delete(fd);
  return opening;
}

/** Opens the same pipe or terminal as another open file with O_NONBLOCK; -1 for other files, or if that fails. */
export function withoutWaiting(fd: number): number {
  const kind = kindOf(fd);
  if (kind !== "pipe" && kind !== "terminal") return -1;
  try {
    return openSync(`/proc/self/fd/${fd}`, FLAGS);
  } catch {
    // No /proc, or it belongs to another user, or the last reader has gone: the first write reports that.
    return -1;
  }
}
