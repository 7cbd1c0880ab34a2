import { readlinkSync } from "node:fs";
import { AF_INET, close, datagramSocket } from "./libc.ts";
import { getOption, SOL_SOCKET } from "./sockets.ts";

const SO_NETNS_COOKIE = 71;

/** The inode number of this process's network namespace; "0" if /proc does not tell. */
export function networkInode(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/net"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

/**
 * A number of this process's network namespace that is unique until the next boot; inode numbers are reused after a namespace ends. null
 * before Linux 5.14.
 */
export function networkCookie(): string | null {
  const fd = datagramSocket(AF_INET);
  if (fd < 0) return null;
  const cookie = new Uint8Array(8);
  const n = getOption(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie);
  close(fd);
  return n < 0 ? null : `${new DataView(cookie.buffer).getBigUint64(0, true)}`;
}
