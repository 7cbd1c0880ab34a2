import { MILLISECOND } from "#base/time";

/** Which segments are acceptable, and what answers the others (RFC 9293 §3.10.7.4, RFC 5961, RFC 7323 §5). Times are microseconds. */
export interface Acceptance {
  /** RFC 5961: challenge ACKs for RST, SYN and ACK that miss. False is the RFC 793 rule, for scripts and teaching. */
  readonly rfc5961: boolean;
  /** Its three parts (§3, §4, §5), each of which may be switched off alone. FreeBSD: net.inet.tcp.insecure_rst, _syn, _ack. */
  readonly challengeReset: boolean;
  readonly challengeSyn: boolean;
  readonly challengeAck: boolean;
  /** An ACK of data never sent draws no answer in ESTABLISHED (Linux before 6.14); RFC 9293 §3.10.7.4 wants one. */
  readonly ignoreUnsentAck: boolean;
  /** At most one ACK in this time in answer to unacceptable segments without data (ACK loops); 0: no limit. Linux: tcp_invalid_ratelimit. */
  readonly invalidAckInterval: number;
  /** Ticks by which a timestamp may lie behind TS.Recent: 1 in Linux, 0 in RFC 7323 §5.3. */
  readonly pawsSlack: number;
  /**
   * Takes a segment that lacks an agreed timestamp, as Linux does: there are middleboxes that remove the option. False drops it in silence (RFC
   * 7323 §3.2).
   */
  readonly tolerateMissingTimestamps: boolean;
  /** A segment with an MD5 signature (RFC 2385), which nobody asked for, is dropped (Linux); else the option is one of the unknown ones. */
  readonly dropSigned: boolean;
  /** After the peer's FIN an RST may have the number of that FIN (Linux, for macOS), too, not only the next. */
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
  /** No RFC 5961, and an answer to each unacceptable segment. */
  rfc793: Object.freeze<Acceptance>({ ...rfc9293, rfc5961: false, invalidAckInterval: 0 }),
} as const;
