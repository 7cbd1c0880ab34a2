/** How much may be in flight (RFC 5681, RFC 6928, RFC 9406), whichever congestion control is in use. */
export interface Growing {
  /** RFC 6928: segments of the initial congestion window. */
  readonly initialWindow: number;
  /** The window of the control `fixed`, segments. */
  readonly fixedWindow: number;
  /**
   * Which share of segments may be lost while the round trip shows no queue, until BBR v3 takes it for congestion. The draft has 0 in general and
   * 2 % while it probes, which wireless links exceed. docs/adr/0064.
   */
  readonly bbrLossWithoutQueue: number;
  /** RFC 5681 §4.1: shrink cwnd after an idle time of one RTO. */
  readonly slowStartAfterIdle: boolean;
  /**
   * What ends the first slow start before a loss: HyStart++ (RFC 9406) of CUBIC and NewReno; the HyStart of CUBIC, as in Linux, where NewReno has
   * none; or nothing.
   */
  readonly slowStartExit: "hystart++" | "hystart" | "none";
  /** What HyStart uses: 1 trains of ACKs, 2 the growth of the round trip, 3 both, 0 nothing. */
  readonly hystart: number;
  /** The minimum size of a super-segment, segments (Linux: 2, tcp_min_tso_segs), even on a slow path. */
  readonly superSegmentMin: number;
}

const rfc9293: Growing = Object.freeze({
  initialWindow: 10,
  fixedWindow: 100,
  bbrLossWithoutQueue: 0.1,
  slowStartAfterIdle: true,
  slowStartExit: "hystart++",
  hystart: 3,
  superSegmentMin: 0,
});

export const GROWING = {
  rfc9293,
  linux: Object.freeze<Growing>({ ...rfc9293, slowStartExit: "hystart", superSegmentMin: 2 }),
} as const;
