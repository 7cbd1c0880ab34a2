/** What a sender records about the segment polled last, in case the device refuses it. */
import { NEVER } from "#base/time";
import { NONE } from "./records.ts";

// Kinds of segments.
/** Nothing to undo if refused: an ACK, an RST, a first SYN. */
export const ATTEMPT_PLAIN = 0;
/** Octets or a FIN sent for the first time. */
export const ATTEMPT_NEW = 1;
/** A retransmitted record of the scoreboard. */
export const ATTEMPT_AGAIN = 2;
/** A retransmitted SYN. */
export const ATTEMPT_SYN = 3;
export const ATTEMPT_KEEPALIVE = 4;
/** A probe of a closed window, without data. */
export const ATTEMPT_WINDOW_PROBE = 5;

// Why data or a record was sent.
export const FOR_ITSELF = 0;
export const FOR_TIMEOUT = 1;
export const FOR_TAIL_PROBE = 2;
export const FOR_WINDOW_PROBE = 3;

/** One for all connections of a stack, because the device answers before the next poll. Times are µs. */
export class Attempt {
  /** The connection's id; -1: the packet was not a segment of a connection. */
  connection = -1;
  kind = ATTEMPT_PLAIN;
  reason = FOR_ITSELF;
  /** The sender's timers before the segment was polled. */
  retransmit = NEVER;
  lossProbe = NEVER;
  reorder = NEVER;
  persist = NEVER;
  stalledSince = NEVER;

  /**
   * For new data: the end of the last small segment before it, and the end of the queue's piece that it ended, unless that was the last
   * piece.
   */
  small = 0;
  pieceEnds = false;
  pieceEnd = 0;
  piecePushes = false;

  /** For a record: its index, and whether a retransmission of it already counted as in flight. */
  record = NONE;
  wasResent = false;
  /** Segments counted for the current reduction of cwnd (RFC 6937). */
  reduced = 0;

  /** For a window probe: the counters before it. */
  probes = 0;
  backoff = 0;
  probingSince = NEVER;
}
