import { MILLISECOND } from "#base/time";

/** Which segments are acceptable, and how others are answered (RFC 9293 §3.10.7.4, RFC 5961, RFC 7323 §5). Times are microseconds. */
export interface Acceptance {
  /**
   * RFC 5961: challenge ACKs for RST, SYN and ACK with unexpected sequence numbers. False: the rules of RFC 793, for scripts and teaching.
   */
  readonly rfc5961: boolean;
  /** RFC 5961 §3, which may be disabled (FreeBSD: net.inet.tcp.insecure_rst). */
  readonly challengeReset: boolean;
  /** RFC 5961 §4 (net.inet.tcp.insecure_syn). */
  readonly challengeSyn: boolean;
  /** RFC 5961 §5 (net.inet.tcp.insecure_ack). */
  readonly challengeAck: boolean;
  /** An ACK of data never sent is not answered in ESTABLISHED (Linux before 6.14); RFC 9293 §3.10.7.4 requires an answer. */
  readonly ignoreUnsentAck: boolean;
  /**
   * At most one ACK per this time in answer to unacceptable segments without data, to stop ACK loops; 0: no limit. Linux:
   * tcp_invalid_ratelimit.
   */
  readonly invalidAckInterval: number;
  /** Ticks by which a timestamp may be older than TS.Recent: 1 in Linux, 0 in RFC 7323 §5.3. */
  readonly pawsSlack: number;
  /**
   * Accepts a segment without the negotiated timestamp, as Linux does, because some middleboxes remove the option. False: silently drops it
   * (RFC 7323 §3.2).
   */
  readonly tolerateMissingTimestamps: boolean;
  /** A segment with an unexpected MD5 signature (RFC 2385) is dropped (Linux); otherwise the option is ignored like any unknown one. */
  readonly dropSigned: boolean;
  /** After the peer's FIN, an RST may also have the sequence number of that FIN (Linux, for macOS), not only the next one. */
  readonly acceptResetAtFin: boolean;
}

const rfc9293: Acceptance = Object.freeze({
  rfc5961: true,
  challengeReset: true,
  challengeSyn: true,
  challengeAck: true,
  ignoreUnsentAck: false,
  invalidAckInterval: 500 * MILLISECOND,
  pawsSlack: 0,
  tolerateMissingTimestamps: false,
  dropSigned: false,
  acceptResetAtFin: false,
});

export const ACCEPTANCE = {
  rfc9293,
  linux: Object.freeze<Acceptance>({
    ...rfc9293,
    pawsSlack: 1,
    tolerateMissingTimestamps: true,
    dropSigned: true,
    acceptResetAtFin: true,
  }),
  freebsd: Object.freeze<Acceptance>({ ...rfc9293, invalidAckInterval: 0 }),
  /** Without RFC 5961, and with an answer to each unacceptable segment. */
  rfc793: Object.freeze<Acceptance>({ ...rfc9293, rfc5961: false, invalidAckInterval: 0 }),
} as const;
