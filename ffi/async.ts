import { fcntl, gettid, O_ASYNC } from "./libc.ts";
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
  return check(fcntl(fd, F_GETFL, 0), "fcntl(F_GETFL)", target);
}

/** Turns SIGIO on or off. Returns a negated error number if the descriptor is closed. */
export function setAsync(fd: number, flags: number, on: boolean): number {
  return fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}
