/** What limited this connection: measures the time in which data was waiting, by what held it back (RFC 4898 §3.3). */
import { EV_LIMIT } from "#base/trace";
import type { Tcb } from "./tcb.ts";

// What holds a sender back (tcp_info's busy, rwnd_limited, sndbuf_limited).
export const LIMITED_BY_NOTHING = 0;
export const LIMITED_BY_NETWORK = 1;
export const LIMITED_BY_WINDOW = 2;
export const LIMITED_BY_BUFFER = 3;

// The same, more exactly, for the trace: what the sender waits for.
/** The handshake. */
export const LIMIT_HANDSHAKE = 0;
/** Nothing is queued: the application has not written more. */
export const LIMIT_APPLICATION = 1;
/** The congestion window is full. */
export const LIMIT_CONGESTION = 2;
/** The peer's window is full, or closed. */
export const LIMIT_RECEIVER = 3;
/** The application waits for room in the send buffer. */
export const LIMIT_SEND_BUFFER = 4;
/** A small segment waits for more data, or for an ACK (Nagle, MSG_MORE, super-segments). */
export const LIMIT_SMALL_SEGMENT = 5;
/** Paced data waits for its time. */
export const LIMIT_PACING = 6;
/** Everything is sent, our FIN too: ACKs are missing. */
export const LIMIT_LAST_ACKS = 7;
/** There is nothing more to send. */
export const LIMIT_DONE = 8;

/** Records in the trace what limits the sender from now on. */
export function traceLimit(tcb: Tcb, kind: number, now: number): void {
  if (tcb.limited.traced === kind) return;
  tcb.env.trace.record(now, EV_LIMIT, 0, tcb.id, tcb.limited.traced, kind);
  tcb.limited.traced = kind;
}

/** From now on, time counts as `kind`. */
export function countAs(tcb: Tcb, kind: number, now: number): void {
  if (tcb.limited.by === kind) return;
  countTime(tcb, now);
  tcb.limited.by = kind;
  tcb.limited.since = now;
}

/** Adds the time since the last change to the current kind. */
export function countTime(tcb: Tcb, now: number): void {
  if (tcb.limited.by === LIMITED_BY_NOTHING) return;
  const time = now - tcb.limited.since;
  tcb.limited.since = now;
  tcb.limited.busyTime += time;
  if (tcb.limited.by === LIMITED_BY_WINDOW) tcb.limited.windowTime += time;
  else if (tcb.limited.by === LIMITED_BY_BUFFER) tcb.limited.bufferTime += time;
}
