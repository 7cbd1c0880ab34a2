import { MILLISECOND, SECOND } from "#base/time";

/** When what is in flight is sent again, and for how long it is tried (RFC 6298, RFC 9293 §3.8.3, RFC 8985). Times are microseconds. */
export interface Retransmitting {
  /** RFC 6298 (2.1): the RTO before the first sample. */
  readonly rtoInitial: number;
  /** RFC 6298 (2.4) rounds up to 1 s; 200 ms here, as Linux: a LAN would idle a full second per loss. docs/adr/0003. */
  readonly rtoMin: number;
  /** RFC 6298 (2.5): at least 60 s. */
  readonly rtoMax: number;
  /** Not negative: RTO = SRTT + 4 RTTVAR + this (FreeBSD: 200 ms); else the formula of `rtoMin`. */
  readonly rtoSlop: number;
  /** RFC 9293 R1 (MUST-20, SHLD-10): retransmissions after which the user is told that delivery is in doubt. */
  readonly retriesR1: number;
  /** RFC 9293 R2 (SHLD-11: at least 100 s): retransmissions after which the connection is given up. 15 is 924 s at the least. */
  readonly retriesR2: number;
  /** With fewer than four segments in flight six timeouts in a row go by before the RTO begins to double (Linux' thin streams). */
  readonly thinLinearTimeouts: boolean;
  /**
   * The user timeout ends a connection whose window stays closed although the peer answers every probe (Linux); RFC 9293 §3.8.6.1 keeps
   * it (MUST-37), and only silence counts.
   */
  readonly userTimeoutEndsClosedWindow: boolean;
  /** A zero-window probe carries an octet of data (RFC 9293 §3.8.6.1); false: an empty old segment, as Linux sends. */
  readonly probeWithData: boolean;
  /** Reductions for losses that were none are taken back (RFC 3522, 3708). */
  readonly undo: boolean;
  /** Whether a timeout was spurious is found out by F-RTO (RFC 5682). */
  readonly frto: boolean;
  /** Tail loss probes (RFC 8985 §7), where the peer has SACK. */
  readonly tailLossProbe: boolean;
  /** Duplicates that mean a loss (RFC 5681). */
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
