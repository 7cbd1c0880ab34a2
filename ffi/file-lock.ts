import { libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({ flock: { args: ["i32", "i32"], returns: "i32" } } as const);

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * flock(2): locks the file for this descriptor alone, or returns -EAGAIN at once. The kernel releases the lock when the descriptor is
 * closed, even if the program is killed.
 */
export function lockFile(fd: number): number {
  return resultOf(libc().flock(fd, LOCK_EX | LOCK_NB));
}
