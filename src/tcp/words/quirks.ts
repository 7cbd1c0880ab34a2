/**
 * Where stacks in use do other than the RFCs say, or leave it open: each a switch of its own, off by default. With those of
 * one stack on, scripts that were written for it find here what they expect (the drill's profiles). Times are microseconds.
 */
export interface Quirks {
  /**
   * The user timeout ends a connection whose window stays closed although the peer answers every probe (Linux); RFC 9293 §3.8.6.1 keeps
   * it (MUST-37), and only silence counts.
   */
  userTimeoutEndsClosedWindow: boolean;
  /** A super-segment of Linux' sender has at least so many segments (tcp_min_tso_segs), however slow the path is. */
  superSegmentMin: number;
  /** The window of a SYN is a whole number of segments, later ones follow the free space in Linux' steps (tcp_select_window). */
  linuxWindow: boolean;
  /** The second full segment is acknowledged at once only where the user has read, or the window need not shrink (Linux). */
  secondAckNeedsWindow: boolean;
  /**
   * After three duplicate ACKs for one gap up to so many more are held back, to go as one (Linux: 44), for 5 % of the round trip,
   * at most `compressedSacksDelay`, and segments out of order do not make ACKs quick again; 0: each goes at once (RFC 5681 §4.2).
   */
  compressedSacks: number;
  compressedSacksDelay: number;
  /** An ACK of data never sent draws no answer in ESTABLISHED (Linux before 6.14); RFC 9293 §3.10.7.4 wants one. */
  ignoreUnsentAck: boolean;
  /** The ACK of a FIN waits for the delayed ACK timer where the user may answer, as in Linux. */
  delayFinAck: boolean;
  /** What was received in order before an RST can still be read (Linux, FreeBSD); RFC 9293 flushes it. */
  resetKeepsReceived: boolean;
  /** Text that goes on beyond the peer's own FIN resets the connection (Linux); else it is cut off. */
  textBeyondFinResets: boolean;
  /** After the peer's FIN an RST may have the number of that FIN (Linux, for macOS), too, not only the next. */
  resetAtFin: boolean;
  /** Text on a SYN or SYN,ACK is dropped unless Fast Open takes it (Linux); RFC 9293 §3.10.7.2 keeps it until the connection is open. */
  dropSynText: boolean;
  /** A SYN that was answered by an unacceptable ACK or RST is sent again after this time, once (Linux); 0: in its time. */
  badAckResendsSyn: number;
  /** A segment with an MD5 signature (RFC 2385), which nobody asked for, is dropped (Linux); else the option is one of the unknown ones. */
  dropSigned: boolean;
  /** The ACK of a SYN,ACK waits so long for data to ride on, where the user is about to write (Linux: 200 ms); 0: it goes at once. */
  answerSynLater: number;
  /** Ticks by which a timestamp may lie behind TS.Recent: 1 in Linux, 0 in RFC 7323 §5.3. */
  pawsSlack: number;
  /** TIME-WAIT answers a segment that has neither ACK nor RST (Linux); RFC 9293 §3.10.7.4 drops it. */
  timeWaitAnswersAll: boolean;
  /** What HyStart of CUBIC looks at: 1 trains of ACKs, 2 how the round trip grows, 3 both, 0 nothing. */
  hystart: number;
  /** Network or host unreachable ends an active OPEN at once (RFC 5461); else it is only noted (MUST-56): the route may be on its way. */
  softErrorsAbortOpen: boolean;
  /** Not negative: RTO = SRTT + 4 RTTVAR + this (FreeBSD); else the formula of `rtoMin`. */
  rtoSlop: number;
  /** SYN timeouts, beside those of `retriesSyn`, before the RTO begins to double (Linux since 6.5: 4). */
  linearSynTimeouts: number;
  /** The third retransmission of a SYN and those after it offer nothing but the MSS (FreeBSD). */
  dropOptionsOnRetransmission: boolean;
  /** A SYN has an MSS option (RFC 9293 MUST-14 wants one unless 536 or 1220 is meant). False: FreeBSD's TCP_NOOPT. */
  offerMss: boolean;
  /** Retransmissions of a SYN that still ask for ECN. RFC 3168 §6.1.1.1: none need to; FreeBSD: one. */
  ecnSynRetries: number;
  /** Buffers are rounded up to whole segments when the connection opens (FreeBSD): 65,536 octets become 45 segments of 1,460. */
  wholeSegmentBuffers: boolean;
  /** An RST does not end TIME-WAIT (RFC 1337 fix 1). */
  ignoreTimeWaitReset: boolean;
  /**
   * ICMP errors are called what FreeBSD calls them (EHOSTUNREACH where a network or host is unreachable, ECONNREFUSED for all that ends an
   * active OPEN), and "administratively prohibited" ends one as well. Else Linux' names.
   */
  freeBsdIcmpErrors: boolean;
  /** ABORT sends an RST in CLOSING and LAST-ACK, too (FreeBSD); RFC 9293 §3.10.5 only deletes the connection. */
  resetsWhileClosing: boolean;
  /** An RST in CLOSING and LAST-ACK is told as an error even if all data was acknowledged (Linux); RFC 9293 §3.10.7.4 just ends the connection. */
  lateResetIsError: boolean;
}

export const NO_QUIRKS: Readonly<Quirks> = {
  userTimeoutEndsClosedWindow: false,
  superSegmentMin: 0,
  linuxWindow: false,
  secondAckNeedsWindow: false,
  compressedSacks: 0,
  compressedSacksDelay: 0,
  ignoreUnsentAck: false,
  delayFinAck: false,
  resetKeepsReceived: false,
  textBeyondFinResets: false,
  resetAtFin: false,
  dropSynText: false,
  badAckResendsSyn: 0,
  dropSigned: false,
  answerSynLater: 0,
  pawsSlack: 0,
  timeWaitAnswersAll: false,
  hystart: 3,
  softErrorsAbortOpen: false,
  rtoSlop: -1,
  linearSynTimeouts: 0,
  dropOptionsOnRetransmission: false,
  offerMss: true,
  ecnSynRetries: 0,
  wholeSegmentBuffers: false,
  ignoreTimeWaitReset: false,
  freeBsdIcmpErrors: false,
  resetsWhileClosing: false,
  lateResetIsError: false,
};
