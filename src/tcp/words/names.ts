/**
 * The names of states, limits and timers, each in the order of its numbers. Whatever shows a connection imports them, a page in a browser
 * as well, so nothing here may use more than the language.
 */

/** The states of RFC 9293 §3.3.2, in the order of their bits (state.ts). */
export const STATE_NAMES = [
  "CLOSED",
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
] as const;

/** What the sender waits for (limited-by.ts). */
export const LIMIT_NAMES = [
  "handshake",
  "application",
  "congestion-window",
  "receive-window",
  "send-buffer",
  "small-segment",
  "pacing",
  "last-acks",
  "done",
] as const;

/** The timers of a connection (tcb.ts). */
export const TIMER_NAMES = [
  "time-wait",
  "reorder",
  "loss-probe",
  "retransmit",
  "persist",
  "delayed-ack",
  "keep-alive",
  "user-timeout",
  "pace",
] as const;
