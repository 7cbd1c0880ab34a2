import { EINPROGRESS } from "./errno.ts";
import { close, libraryOf, resultOf } from "./libc.ts";
import { connect, getOption, SOCK_STREAM, SOL_SOCKET, socket } from "./sockets.ts";

/** Connects without waiting, and tells the kernel's own error; Bun.connect calls nearly every failure ECONNREFUSED. */

const libc = libraryOf({ poll: { args: ["ptr", "u32", "i32"], returns: "i32" } } as const);

const POLLOUT = 0x4;
const SO_ERROR = 4;
const TCP = 6;

/** Begins to connect. Returns a descriptor, or the negated error number if it failed at once. */
export function beginConnect(family: number, address: Uint8Array): number {
  const fd = socket(family, SOCK_STREAM, TCP);
  if (fd < 0) return fd;
  const result = connect(fd, address);
  if (result === 0 || result === -EINPROGRESS) return fd;
  close(fd);
  return result;
}

/** 0: connected. -EINPROGRESS: not yet. Else the negated error number, and the descriptor is closed. */
export function connectResult(fd: number): number {
  const asked = new DataView(new ArrayBuffer(8));
  asked.setInt32(0, fd, true);
  asked.setInt16(4, POLLOUT, true);
  if (resultOf(libc().poll(new Uint8Array(asked.buffer), 1, 0)) === 0) return -EINPROGRESS;
  const value = new Uint8Array(4);
  const got = getOption(fd, SOL_SOCKET, SO_ERROR, value);
  const errno = got < 0 ? -got : new DataView(value.buffer).getInt32(0, true);
  if (errno !== 0) close(fd);
  return errno === 0 ? 0 : -errno;
}
