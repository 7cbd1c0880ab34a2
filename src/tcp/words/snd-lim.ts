/** What limited this connection: the time in which data was there to send, by what held it back (RFC 4898 §3.3). */
import type { Tcb } from "./tcb.ts";

// What holds a sender back (tcp_info's busy, rwnd_limited, sndbuf_limited).
export const CHRONO_IDLE = 0;
export const CHRONO_BUSY = 1;
export const CHRONO_WINDOW = 2;
export const CHRONO_BUFFER = 3;

/** From now on time counts as `kind`. */
export function enter(tcb: Tcb, kind: number, now: number): void {
  if (tcb.chrono === kind) return;
  settle(tcb, now);
  tcb.chrono = kind;
}

/** Adds the time that has passed to what it counts as. */
export function settle(tcb: Tcb, now: number): void {
  const time = now - tcb.chronoSince;
  tcb.chronoSince = now;
  if (tcb.chrono === CHRONO_IDLE) return;
  tcb.busyTime += time;
  if (tcb.chrono === CHRONO_WINDOW) tcb.windowLimitedTime += time;
  else if (tcb.chrono === CHRONO_BUFFER) tcb.bufferLimitedTime += time;
}
