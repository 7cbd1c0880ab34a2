/** What a sender remembers of the segment that was polled last, in case the device refuses it. */
import { NEVER } from "#base/time";
import { NONE } from "./records.ts";

// What the segment was.
/** Nothing that needs to be taken back: an ACK, an RST, a first SYN. */
export const ATTEMPT_PLAIN = 0;
/** Octets or a FIN that were never sent before. */
export const ATTEMPT_NEW = 1;
/** A record of the scoreboard, again. */
export const ATTEMPT_AGAIN = 2;
/** A SYN, again. */
export const ATTEMPT_SYN = 3;
export const ATTEMPT_KEEPALIVE = 4;
/** A probe of a closed window, without data. */
export const ATTEMPT_WINDOW_PROBE = 5;

// Why data or a record went.
export const FOR_ITSELF = 0;
export const FOR_TIMEOUT = 1;
export const FOR_TAIL_PROBE = 2;
export const FOR_WINDOW_PROBE = 3;

/** One for all connections of a stack: a device answers before anything else is polled. Times are us. */
export class Attempt {
  /** The connection's id; -1: it was no segment of a connection. */
  connection = -1;
  kind = ATTEMPT_PLAIN;
  reason = FOR_ITSELF;
  /** The sender's timers before it went. */
  retransmit = NEVER;
  lossProbe = NEVER;
  reorder = NEVER;
  persist = NEVER;
  stalledSince = NEVER;

  /** New data: the end of the last small segment before, and the piece of the queue that ended with it, if it was not the last one. */
  small = 0;
  pieceEnds = false;
  pieceEnd = 0;
  piecePushes = false;

  /** A record, and whether a copy of it counted as in flight before. */
  record = NONE;
  wasResent = false;
  /** Segments counted for the reduction of cwnd under way (RFC 6937). */
  reduced = 0;

  /** A window probe: what had been counted before. */
  probes = 0;
  backoff = 0;
  probingSince = NEVER;
}
