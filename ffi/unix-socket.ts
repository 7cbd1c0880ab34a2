import { EAGAIN, ECONNREFUSED, ENAMETOOLONG } from "./errno.ts";
import { close } from "./libc.ts";
import { connect, getOption, SOCK_STREAM, SOL_SOCKET, socket, unixAddress } from "./sockets.ts";

const AF_UNIX = 1;
const SO_PEERCRED = 17;
/**
 * A descriptor that is connected to the socket at a path and does not block; or the negated error number: -ECONNREFUSED where the
 * program that made the socket has ended, -EAGAIN where too many others wait to be heard. Throws where the path is too long.
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

/** Who listens at the other end: the user id that the kernel noted when that program began to listen. Or the negated error number. */
export function peerUser(fd: number): number {
  // struct ucred: process, user, group.
  const credentials = new Uint8Array(12);
  const n = getOption(fd, SOL_SOCKET, SO_PEERCRED, credentials);
  return n < 0 ? n : new DataView(credentials.buffer).getUint32(4, true);
}

/** Connects to the socket at a path and closes again; 0, or the negated error number as `connectTo` has it. */
function tryConnect(path: string): number {
  let fd: number;
  try {
    fd = connectTo(path);
  } catch {
    // No socket has such a path.
    return -ENAMETOOLONG;
  }
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

/** Whether a program listens there, even one that is stopped and does not answer. */
export function isHeard(path: string): boolean {
  const result = tryConnect(path);
  return result === 0 || result === -EAGAIN;
}

/** Whether the program that made the socket at a path has ended. False also where that cannot be told. */
export function isAbandoned(path: string): boolean {
  return tryConnect(path) === -ECONNREFUSED;
}
