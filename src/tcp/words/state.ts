/**
 * The states of RFC 9293 §3.3.2, one bit each, so that `tcb.state & (FIN_WAIT_1 | CLOSING | LAST_ACK)` reads as the RFC's
 * sentence does.
 */

import { STATE_NAMES } from "./names.ts";

export const CLOSED = 1 << 0;
export const LISTEN = 1 << 1;
export const SYN_SENT = 1 << 2;
export const SYN_RECEIVED = 1 << 3;
export const ESTABLISHED = 1 << 4;
export const FIN_WAIT_1 = 1 << 5;
export const FIN_WAIT_2 = 1 << 6;
export const CLOSE_WAIT = 1 << 7;
export const CLOSING = 1 << 8;
export const LAST_ACK = 1 << 9;
export const TIME_WAIT = 1 << 10;

/** Both sides know each other's sequence numbers (RFC 9293 §3.5). */
export const SYNCHRONIZED = ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT | CLOSING | LAST_ACK | TIME_WAIT;
/** The peer may still send: its FIN has not arrived in order. */
export const MAY_RECEIVE = ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2;

/** A state of RFC 9293 §3.3.2. */
export type StateName = (typeof STATE_NAMES)[number];

/** The RFC's name of a one-hot state. */
export function stateName(state: number): StateName {
  return STATE_NAMES[31 - Math.clz32(state)] ?? "CLOSED";
}
