/** What limited this connection: measures the time in which data was waiting, by what held it back (RFC 4898 §3.3). */
import type { Tcb } from "./tcb.ts";

// What holds a sender back (tcp_info's busy, rwnd_limited, sndbuf_limited).
export const LIMITED_BY_NOTHING = 0;
export const LIMITED_BY_NETWORK = 1;
export const LIMITED_BY_WINDOW = 2;
export const LIMITED_BY_BUFFER = 3;

/** From now on, time counts as `kind`. */
export function countAs(tcb: Tcb, kind: number, now: number): void {
  if (tcb.limitedBy === kind) return;
  countTime(tcb, now);
  tcb.limitedBy = kind;
}

/** Adds the time since the last change to the current kind. */
export function countTime(tcb: Tcb, now: number): void {
  const time = now - tcb.limitedSince;
  tcb.limitedSince = now;
  if (tcb.limitedBy === LIMITED_BY_NOTHING) return;
  tcb.busyTime += time;
  if (tcb.limitedBy === LIMITED_BY_WINDOW) tcb.windowLimitedTime += time;
  else if (tcb.limitedBy === LIMITED_BY_BUFFER) tcb.bufferLimitedTime += time;
}
