import { EAGAIN, ECONNREFUSED, ENAMETOOLONG } from "./errno.ts";
import { close } from "./libc.ts";
import { connect, getOption, SOCK_STREAM, SOL_SOCKET, socket, unixAddress } from "./sockets.ts";

const AF_UNIX = 1;
const SO_PEERCRED = 17;
/**
 * Returns a descriptor that is connected to the socket at a path and does not block; or the negated error number: -ECONNREFUSED if the
 * program that made the socket has ended, -EAGAIN if its backlog is full. Throws if the path is too long.
 */
export function connectTo(path: string): number {
  const address = unixAddress(path);
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  const result = connect(fd, address);
  if (result >= 0) return fd;
  close(fd);
  return result;
}

/** The user id of the listener at the other end, which the kernel recorded at listen(2). Or the negated error number. */
export function peerUser(fd: number): number {
  // struct ucred: process, user, group.
  const credentials = new Uint8Array(12);
  const n = getOption(fd, SOL_SOCKET, SO_PEERCRED, credentials);
  return n < 0 ? n : new DataView(credentials.buffer).getUint32(4, true);
}

/** Connects to the socket at a path and closes again. Returns 0, or the negated error number as `connectTo` does. */
function tryConnect(path: string): number {
  let fd: number;
  try {
    fd = connectTo(path);
  } catch {
    // The path is too long, so no socket can have it.
    return -ENAMETOOLONG;
  }
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

/** Whether a program listens there, even a stopped one that does not answer. */
export function isHeard(path: string): boolean {
  const result = tryConnect(path);
  return result === 0 || result === -EAGAIN;
}

/** Whether the program that made the socket at a path has ended. False also if that is unknown. */
export function isAbandoned(path: string): boolean {
  return tryConnect(path) === -ECONNREFUSED;
}
