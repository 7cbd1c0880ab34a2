import { ptr } from "./bun-ffi.ts";
import { libraryOf, pin, readv, resultOf } from "./libc.ts";
import { IOVEC, putIovec } from "./virtio.ts";

const libc = libraryOf({ recv: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" } } as const);

const MSG_DONTWAIT = 0x40;

/** Receives from a socket without waiting, into `bytes`. Returns the octets (0: the end), or the negated error number. */
export function readNow(fd: number, bytes: Uint8Array): number {
  return resultOf(libc().recv(fd, bytes, bytes.length, MSG_DONTWAIT));
}

/** What readv(2) takes at once. */
const PIECES_MAX = 128;

const vector = new Uint32Array((IOVEC / 4) * PIECES_MAX);
let vectorAddress = 0;

/**
 * Reads from a descriptor that does not block, into the first of these views, then into the next ones. Returns the octets (0: the end), or the
 * negated error number.
 */
export function readInto(fd: number, views: readonly Uint8Array[]): number {
  if (vectorAddress === 0) vectorAddress = pin(vector.buffer);
  const count = Math.min(PIECES_MAX, views.length);
  for (let i = 0; i < count; i++) putIovec(vector, i, ptr(views[i]!), views[i]!.length);
  return readv(fd, vectorAddress, count);
}
