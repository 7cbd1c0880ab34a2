import { ECONNREFUSED, ENAMETOOLONG } from "./errno.ts";
import { close } from "./libc.ts";
import { connect, SOCK_STREAM, socket } from "./sockets.ts";

const AF_UNIX = 1;
/** Bytes of sun_path; the last is zero. */
const PATH_MAX = 108;

/**
 * Connects to the socket at a path, and closes again: 0 where a program listens there, even one that is stopped; -ECONNREFUSED
 * where the one that made it has ended.
 */
export function tryConnect(path: string): number {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length >= PATH_MAX) return -ENAMETOOLONG;
  const address = new Uint8Array(2 + PATH_MAX);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  const result = connect(fd, address);
  close(fd);
  return result;
}

/** Whether the program that made the socket at a path has ended. False also where that cannot be told. */
export function isAbandoned(path: string): boolean {
  return tryConnect(path) === -ECONNREFUSED;
}
