import { MILLISECOND } from "#base/time";

/** When ACKs are sent (RFC 9293 §3.8.6.3, RFC 5681 §4.2), and what they report. Times are microseconds. */
export interface Acknowledging {
  /** RFC 9293 §3.8.6.3: an ACK is delayed by at most this time (MUST-40: below 0.5 s). Linux: 40 ms, FreeBSD: 100 ms. */
  readonly delayedAck: number;
  /**
   * The delay follows the pace of segments: it doubles where nothing rode on an ACK, up to a round trip, 200 ms and the RTO, and falls back to
   * `delayedAck` where segments come quickly (Linux: icsk_ack.ato). False: it is always `delayedAck`.
   */
  readonly delayFollowsPace: boolean;
  /**
   * ACKs sent at once at the beginning of a connection, while the peer's slow start lives on them: as many as half the window has segments, and
   * no more than this (Linux: 16).
   */
  readonly quickAcks: number;
  /** The second full segment is acknowledged at once only where the user has read, or the window need not shrink (Linux). SHLD-19: always. */
  readonly secondAckNeedsWindow: boolean;
  /**
   * After three duplicate ACKs for one gap up to so many more are held back, to go as one (Linux: 44, tcp_comp_sack_nr), for 5 % of the round
   * trip, at most `compressedSacksDelay`, and segments out of order do not make ACKs quick again; 0: each goes at once (RFC 5681 §4.2).
   */
  readonly compressedSacks: number;
  readonly compressedSacksDelay: number;
  /** The ACK of a FIN is delayed if the user may answer, as in Linux. */
  readonly delayFinAck: boolean;
  /**
   * After a read an ACK tells of a larger window: only once it doubles (Linux), or as well once it grows by two segments and a quarter of the buffer
   * (FreeBSD), so that a sender who was told of more than half of it learns of the rest without sending. Both keep RFC 9293 MUST-39.
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
