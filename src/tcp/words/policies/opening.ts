import { MILLISECOND, MINUTE } from "#base/time";

/** How a connection opens (RFC 9293 §3.5, §3.10.7.2–3): what a SYN offers, how often it is sent, what a SYN brings. Times are microseconds. */
export interface Opening {
  /** A SYN has an MSS option (RFC 9293 MUST-14 wants one unless 536 or 1220 is meant). False: FreeBSD's TCP_NOOPT. */
  readonly offerMss: boolean;
  /** MSS taken where the peer sends no MSS option; 0: 536 or 1220 (MUST-15). */
  readonly mssDefault: number;
  /** The least MSS that is believed. Linux: 48 (tcp_min_snd_mss), FreeBSD: 216 (net.inet.tcp.minmss). */
  readonly mssMin: number;
  /** R2 of a SYN (MUST-23: at least 3 minutes): 7 retransmissions end after 255 s. Linux: 6 (tcp_syn_retries), and no longer than these take. */
  readonly retriesSyn: number;
  /** The same for SYN,ACK, which is a SYN as well. Linux: 5 (tcp_synack_retries), FreeBSD: 3. */
  readonly retriesSynAck: number;
  /** Further SYN timeouts that pass before the RTO begins to double (RFC 6298 §5.5 doubles from the first). Linux since 6.5: 4. */
  readonly linearSynTimeouts: number;
  /** The third retransmission of a SYN and those after it offer nothing but the MSS (FreeBSD), in case a middlebox drops SYNs with options. */
  readonly dropOptionsOnRetransmission: boolean;
  /** Retransmissions of a SYN that still ask for ECN. RFC 3168 §6.1.1.1: none need to; FreeBSD: one. */
  readonly ecnSynRetries: number;
  /** Text on a SYN or SYN,ACK is dropped unless Fast Open takes it (Linux); RFC 9293 §3.10.7.2 keeps it until the connection is open. */
  readonly dropSynText: boolean;
  /** A SYN answered by an unacceptable ACK is sent again after this time, once (Linux: TCP_TIMEOUT_MIN, 2 ms); 0: at its timeout. */
  readonly resendSynAfterBadAck: number;
  /** The ACK of a SYN,ACK waits so long for data to ride on, where the user is about to write (Linux: 200 ms); 0: it goes at once. */
  readonly delayHandshakeAck: number;
  /** A SYN with FIN is dropped in LISTEN (Linux; FreeBSD: net.inet.tcp.drop_synfin); false: its FIN is ignored. */
  readonly dropSynFin: boolean;
  /**
   * SYN cookies (RFC 4987 §3.6): never, for SYNs beyond the backlog of half-open connections, or for every SYN. A connection that came by one
   * has the MSS, and with timestamps the options, of a small table.
   */
  readonly synCookies: "off" | "overflow" | "always";
  /** An RST, not silence, where the accept queue is full when the handshake ends (Linux: tcp_abort_on_overflow). */
  readonly abortOnOverflow: boolean;
  /**
   * us for which SYNs to an address and port go without Fast Open after its data was passed over twice or three timeouts followed it
   * (RFC 7413 §4.1.3.1), doubled each time; 0: never.
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
