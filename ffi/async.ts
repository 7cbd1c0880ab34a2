import { fcntl, gettid, libraryOf, O_ASYNC, O_NONBLOCK } from "./libc.ts";
import { check } from "./system-error.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN_EX = 15;
const F_OWNER_TID = 0;

/**
 * Makes this thread, the one that runs Bun's loop, the receiver of SIGIO for this descriptor, so that the signal interrupts its wait.
 * Returns the descriptor's status flags, which `setAsync` needs.
 */
export function ownSignals(fd: number, target: string): number {
  const owner = new Uint8Array(8);
  const view = new DataView(owner.buffer);
  view.setInt32(0, F_OWNER_TID, true);
  view.setInt32(4, gettid(), true);
  check(fcntl(fd, F_SETOWN_EX, owner), "fcntl(F_SETOWN_EX)", target);
  return check(statusFlags(fd), "fcntl(F_GETFL)", target);
}

/** Turns SIGIO on or off. Returns a negated error number if the descriptor is closed. */
export function setAsync(fd: number, flags: number, on: boolean): number {
  return fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

const libc = libraryOf({ kill: { args: ["i32", "i32"], returns: "i32" } } as const);
const SIGIO = 29;

/** Sends this program the signal that a descriptor sends. */
export function ringProcess(): void {
  libc().kill(process.pid, SIGIO);
}

/** Makes reads and writes return at once. Returns a negated error number if the descriptor is closed. */
export function setNonBlocking(fd: number): number {
  const flags = statusFlags(fd);
  return flags < 0 ? flags : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/** The descriptor's status flags, or a negated error number. */
export function statusFlags(fd: number): number {
  return fcntl(fd, F_GETFL, 0);
}
