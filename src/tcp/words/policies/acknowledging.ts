import { MILLISECOND } from "#base/time";

/** When ACKs are sent (RFC 9293 §3.8.6.3, RFC 5681 §4.2), and what they report. Times are microseconds. */
export interface Acknowledging {
  /** How long an ACK is delayed (RFC 9293 §3.8.6.3, MUST-40: below 0.5 s). Linux: 40 ms, FreeBSD: 100 ms. */
  readonly delayedAck: number;
  /**
   * The delay follows the time between segments (Linux: icsk_ack.ato). It doubles when an ACK waited in vain for more to acknowledge, up to the round
   * trip, the RTO and 200 ms, and returns to `delayedAck` when segments arrive quickly. False: it is always `delayedAck`.
   */
  readonly delayFollowsPace: boolean;
  /**
   * At the beginning of a connection ACKs are not delayed, because the peer's slow start grows with each of them: one ACK for each segment in half
   * of the window, but no more than this number (Linux: 16).
   */
  readonly quickAcks: number;
  /**
   * True (Linux): every second full segment is acknowledged at once only if the user has read everything or the window stays as large as before.
   * False: always (SHLD-19).
   */
  readonly secondAckNeedsWindow: boolean;
  /**
   * After three duplicate ACKs for one gap, up to this many more are replaced by a single one (Linux: 44, tcp_comp_sack_nr). It is sent after 5 % of
   * the round trip, at most `compressedSacksDelay`. Segments out of order then do not make ACKs quick. 0: each ACK is sent at once (RFC 5681 §4.2).
   */
  readonly compressedSacks: number;
  /** How long such a single ACK waits at most. */
  readonly compressedSacksDelay: number;
  /** The ACK of a FIN is delayed, as in Linux, because the user may answer. */
  readonly delayFinAck: boolean;
  /**
   * When a read makes the window larger, a window update is sent: only if the window has doubled (Linux), or also if it has grown by two segments and
   * a quarter of the buffer (FreeBSD). With the latter a peer that knows of more than half of the buffer hears of the rest before it sends
   * again. Both keep RFC 9293 MUST-39.
   */
  readonly windowUpdates: "doubled" | "quarter";
  /** Reports duplicates with D-SACK (RFC 2883). */
  readonly dsack: boolean;
}

const rfc9293: Acknowledging = Object.freeze({
  delayedAck: 40 * MILLISECOND,
  delayFollowsPace: false,
  quickAcks: 16,
  secondAckNeedsWindow: false,
  compressedSacks: 0,
  compressedSacksDelay: 0,
  delayFinAck: false,
  windowUpdates: "quarter",
  dsack: true,
});

export const ACKNOWLEDGING = {
  rfc9293,
  linux: Object.freeze<Acknowledging>({
    ...rfc9293,
    delayFollowsPace: true,
    secondAckNeedsWindow: true,
    compressedSacks: 44,
    compressedSacksDelay: 1 * MILLISECOND,
    delayFinAck: true,
    windowUpdates: "doubled",
  }),
  freebsd: Object.freeze<Acknowledging>({ ...rfc9293, quickAcks: 0, delayedAck: 100 * MILLISECOND }),
} as const;
