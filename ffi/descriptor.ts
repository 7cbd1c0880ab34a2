/** Writes to descriptors shared with other programs, without waiting for a reader and without changing the descriptor's flags. */
import { EAGAIN } from "./errno.ts";
import { ioctl, libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({
  write: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u32", "i32"], returns: "i32" },
} as const);

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 0x4;

/** A writable pipe takes at least this many octets at once (limits.h: PIPE_BUF). */
export const PIPE_BUF = 4096;

/** A writable terminal takes at least this many octets (n_tty.c: WAKEUP_CHARS). */
const TTY_ROOM = 256;

/** Returns the octets written, or the negated error number: -EAGAIN if the descriptor is O_NONBLOCK and has no room. */
export function write(fd: number, bytes: Uint8Array): number {
  return resultOf(libc().write(fd, bytes, bytes.length));
}

/** The same for a socket, whether or not it is O_NONBLOCK. */
export function sendNow(fd: number, bytes: Uint8Array): number {
  return resultOf(libc().send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** Whether a write would take octets or tell an error: 1 or 0; or the negated error number of the question. */
export function isWritable(fd: number): number {
  // struct pollfd: the descriptor, the requested events, and the result.
  const asked = new DataView(new ArrayBuffer(8));
  asked.setInt32(0, fd, true);
  asked.setInt16(4, POLLOUT, true);
  return resultOf(libc().poll(new Uint8Array(asked.buffer), 1, 0));
}

/**
 * `write` for a pipe or a terminal that is not O_NONBLOCK: polls it first, and writes no more than it then has room for. If another
 * program writes to the same pipe in between, the call can still block.
 */
export function writeIfRoom(fd: number, bytes: Uint8Array, terminal: boolean): number {
  const ready = isWritable(fd);
  if (ready <= 0) return ready === 0 ? -EAGAIN : ready;
  return write(fd, bytes.subarray(0, terminal ? TTY_ROOM : PIPE_BUF));
}

const TIOCGWINSZ = 0x5413;

/** The width of the terminal, in columns; 0 if the descriptor is not a terminal, or its width is unknown. */
export function terminalColumns(fd: number): number {
  // struct winsize: rows, columns, and both in pixels.
  const size = new Uint8Array(8);
  if (ioctl(fd, TIOCGWINSZ, size) < 0) return 0;
  return new DataView(size.buffer).getUint16(2, true);
}
