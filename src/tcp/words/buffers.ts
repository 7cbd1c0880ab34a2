/**
 * The sizes of buffers that tune themselves (docs/adr/0067), octets of payload. A buffer takes memory only for what is in it, so neither
 * size costs anything for an idle connection; the least that a queue may hold under memory pressure is a page of the slab (docs/adr/0061).
 */
import { SECOND } from "#base/time";

/** After so long without data a buffer has its initial size again: what it grew to says nothing of the time to come. */
export const BUFFER_IDLE = 10 * SECOND;

interface Limits {
  /** When the connection opens, and again after it was idle. */
  readonly initial: number;
  /** The most that it grows to. */
  readonly max: number;
}

/** Enough for 10 Gbit/s over 10 ms (12.5 MB), and as much again for what is on its way while the user is told of it. */
export const RECEIVE_BUFFER: Limits = { initial: 512 << 10, max: 32 << 20 };
export const SEND_BUFFER: Limits = { initial: 512 << 10, max: 32 << 20 };

/** The size with which a receive buffer begins. @param receiveBuffer the parameter: fixed, or 0 */
export function receiveBufferAt(receiveBuffer: number, most: number): number {
  return receiveBuffer > 0 ? receiveBuffer : Math.min(RECEIVE_BUFFER.initial, most);
}

/** The same for a send buffer. */
export function sendBufferAt(sendBuffer: number, most: number): number {
  return sendBuffer > 0 ? sendBuffer : Math.min(SEND_BUFFER.initial, most);
}
