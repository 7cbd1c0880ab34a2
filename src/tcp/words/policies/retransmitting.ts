import { MILLISECOND, SECOND } from "#base/time";

/** When data in flight is retransmitted, and for how long (RFC 6298, RFC 9293 §3.8.3, RFC 8985). Times are microseconds. */
export interface Retransmitting {
  /** RFC 6298 (2.1): the RTO before the first sample. */
  readonly rtoInitial: number;
  /** RFC 6298 (2.4) rounds up to 1 s; 200 ms here, as Linux: a LAN would idle a full second per loss. docs/adr/0003. */
  readonly rtoMin: number;
  /** RFC 6298 (2.5): at least 60 s. */
  readonly rtoMax: number;
  /** Not negative: RTO = SRTT + 4 RTTVAR + this (FreeBSD: 200 ms); otherwise the formula of `rtoMin`. */
  readonly rtoSlop: number;
  /** RFC 9293 R1 (MUST-20, SHLD-10): retransmissions after which the user is told that delivery is in doubt. */
  readonly retriesR1: number;
  /** RFC 9293 R2 (SHLD-11: at least 100 s): retransmissions after which the connection is given up. 15 take at least 924 s. */
  readonly retriesR2: number;
  /** With fewer than four segments in flight, the RTO begins to double only after six timeouts in a row (Linux's thin streams). */
  readonly thinLinearTimeouts: boolean;
  /**
   * The user timeout ends a connection whose window stays closed, even if the peer answers every probe (Linux). RFC 9293 §3.8.6.1 keeps it
   * (MUST-37): only unanswered probes count.
   */
  readonly userTimeoutEndsClosedWindow: boolean;
  /** A zero-window probe carries one octet of data (RFC 9293 §3.8.6.1); false: it is an empty old segment, as in Linux. */
  readonly probeWithData: boolean;
  /**
   * Takes round-trip samples from segments sent before the last timeout, as Linux does. False, because the RTO of a short path with much loss
   * would become minutes; `test/kernel/explore.ts` sets it to find the other differences from a kernel.
   */
  readonly staleSamples: boolean;
  /** Undoes a reduction of cwnd if nothing was lost (RFC 3522, 3708). */
  readonly undo: boolean;
  /** Detects spurious timeouts with F-RTO (RFC 5682). */
  readonly frto: boolean;
  /** Sends tail loss probes (RFC 8985 §7) if the peer supports SACK. */
  readonly tailLossProbe: boolean;
  /** The number of duplicate ACKs that indicates a loss (RFC 5681). */
  readonly dupThresh: number;
}

const rfc9293: Retransmitting = Object.freeze({
  rtoInitial: 1 * SECOND,
  rtoMin: 200 * MILLISECOND,
  rtoMax: 120 * SECOND,
  rtoSlop: -1,
  retriesR1: 3,
  retriesR2: 15,
  thinLinearTimeouts: false,
  userTimeoutEndsClosedWindow: false,
  probeWithData: false,
  staleSamples: false,
  undo: true,
  frto: true,
  tailLossProbe: true,
  dupThresh: 3,
});

export const RETRANSMITTING = {
  rfc9293,
  linux: Object.freeze<Retransmitting>({ ...rfc9293, userTimeoutEndsClosedWindow: true }),
  /** RTO = SRTT + 4 RTTVAR + 200 ms, and 12 retransmissions. */
  freebsd: Object.freeze<Retransmitting>({
    ...rfc9293,
    rtoMin: 30 * MILLISECOND,
    rtoSlop: 200 * MILLISECOND,
    rtoMax: 64 * SECOND,
    retriesR2: 12,
  }),
} as const;
