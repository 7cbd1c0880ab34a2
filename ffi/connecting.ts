import { isWritable } from "./descriptor.ts";
import { EINPROGRESS } from "./errno.ts";
import { AF_INET, AF_INET6, close } from "./libc.ts";
import { connect, getOption, SOCK_STREAM, SOL_SOCKET, socket, socketAddress } from "./sockets.ts";

/** Connects without waiting, and tells the kernel's own error; Bun.connect calls nearly every failure ECONNREFUSED. */

const SO_ERROR = 4;
const TCP = 6;

/** Begins to connect to an address of 4 or 16 bytes. Returns a descriptor, or the negated error number if it failed at once. */
export function beginConnect(address: Uint8Array, port: number): number {
  const fd = socket(address.length === 4 ? AF_INET : AF_INET6, SOCK_STREAM, TCP);
  if (fd < 0) return fd;
  const result = connect(fd, socketAddress(address, port));
  if (result === 0 || result === -EINPROGRESS) return fd;
  close(fd);
  return result;
}

/** 0: connected. -EINPROGRESS: not yet. Else the negated error number, and the descriptor is closed. */
export function connectResult(fd: number): number {
  // A signal, such as the driver's SIGIO, can interrupt even a poll that does not wait: that says nothing about the connection.
  if (isWritable(fd) <= 0) return -EINPROGRESS;
  const value = new Uint8Array(4);
  const got = getOption(fd, SOL_SOCKET, SO_ERROR, value);
  const errno = got < 0 ? -got : new DataView(value.buffer).getInt32(0, true);
  if (errno !== 0) close(fd);
  return errno === 0 ? 0 : -errno;
}
