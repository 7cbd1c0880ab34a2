import { libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({ recv: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" } } as const);

const MSG_DONTWAIT = 0x40;

/** Receives from a socket without waiting, into `bytes`. Returns the octets (0: the end), or the negated error number. */
export function readNow(fd: number, bytes: Uint8Array): number {
  return resultOf(libc().recv(fd, bytes, bytes.length, MSG_DONTWAIT));
}
