import { MILLISECOND, MINUTE } from "#base/time";

/**
 * How a connection opens (RFC 9293 §3.5, §3.10.7.2–3): what a SYN offers, how often it is sent, how a received one is treated. Times are
 * microseconds.
 */
export interface Opening {
  /** A SYN has an MSS option (RFC 9293 MUST-14 requires it unless the MSS is 536 or 1220). False: FreeBSD's TCP_NOOPT. */
  readonly offerMss: boolean;
  /** The MSS if the peer sends no MSS option; 0: 536 or 1220 (MUST-15). */
  readonly mssDefault: number;
  /** The smallest accepted MSS. Linux: 48 (tcp_min_snd_mss), FreeBSD: 216 (net.inet.tcp.minmss). */
  readonly mssMin: number;
  /**
   * R2 of a SYN (MUST-23: at least 3 minutes): 7 retransmissions end after 255 s. Linux: 6 (tcp_syn_retries), and never longer than these
   * take.
   */
  readonly retriesSyn: number;
  /** The same for SYN,ACK, which is a SYN as well. Linux: 5 (tcp_synack_retries), FreeBSD: 3. */
  readonly retriesSynAck: number;
  /** Additional SYN timeouts before the RTO begins to double (RFC 6298 §5.5 doubles from the first). Linux since 6.5: 4. */
  readonly linearSynTimeouts: number;
  /** From the third retransmission on, a SYN offers only the MSS (FreeBSD), in case a middlebox drops SYNs with options. */
  readonly dropOptionsOnRetransmission: boolean;
  /** How many retransmissions of a SYN still request ECN. RFC 3168 §6.1.1.1 requires none; FreeBSD: one. */
  readonly ecnSynRetries: number;
  /** Data in a SYN or SYN,ACK is dropped unless Fast Open accepts it (Linux); RFC 9293 §3.10.7.2 keeps it until the connection is open. */
  readonly dropSynText: boolean;
  /**
   * If an unacceptable ACK answers a SYN, the SYN is retransmitted after this time, once (Linux: TCP_TIMEOUT_MIN, 2 ms); 0: at its timeout.
   */
  readonly resendSynAfterBadAck: number;
  /** If the user is about to write, the ACK of a SYN,ACK waits this long to be sent with data (Linux: 200 ms); 0: it is sent at once. */
  readonly delayHandshakeAck: number;
  /** A SYN with FIN is dropped in LISTEN (Linux; FreeBSD: net.inet.tcp.drop_synfin); false: its FIN is ignored. */
  readonly dropSynFin: boolean;
  /**
   * SYN cookies (RFC 4987 §3.6): never, for SYNs beyond the backlog of half-open connections, or for every SYN. A connection made from a
   * cookie has an MSS from a small table, and with timestamps also the options.
   */
  readonly synCookies: "off" | "overflow" | "always";
  /** Sends an RST, instead of nothing, if the accept queue is full when the handshake ends (Linux: tcp_abort_on_overflow). */
  readonly abortOnOverflow: boolean;
  /**
   * For this time, µs, SYNs to an address and port are sent without Fast Open after its data was ignored twice or three timeouts followed
   * it (RFC 7413 §4.1.3.1); doubled each time; 0: never.
   */
  readonly fastOpenPause: number;
}

const rfc9293: Opening = Object.freeze({
  offerMss: true,
  mssDefault: 0,
  mssMin: 48,
  retriesSyn: 7,
  retriesSynAck: 7,
  linearSynTimeouts: 0,
  dropOptionsOnRetransmission: false,
  ecnSynRetries: 0,
  dropSynText: false,
  resendSynAfterBadAck: 0,
  delayHandshakeAck: 0,
  dropSynFin: true,
  synCookies: "overflow",
  abortOnOverflow: false,
  fastOpenPause: 1 * MINUTE,
});

export const OPENING = {
  rfc9293,
  linux: Object.freeze<Opening>({
    ...rfc9293,
    retriesSyn: 6,
    retriesSynAck: 5,
    linearSynTimeouts: 4,
    dropSynText: true,
    resendSynAfterBadAck: 2 * MILLISECOND,
    delayHandshakeAck: 200 * MILLISECOND,
  }),
  freebsd: Object.freeze<Opening>({
    ...rfc9293,
    mssMin: 216,
    // 12 transmissions.
    retriesSyn: 11,
    retriesSynAck: 3,
    ecnSynRetries: 1,
    dropSynFin: false,
  }),
} as const;
