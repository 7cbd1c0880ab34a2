import { SECOND } from "#base/time";

/** How long a closed connection lasts, and what TIME-WAIT answers (RFC 9293 §3.6, RFC 1337). Times are microseconds. */
export interface Ending {
  /** The time in TIME-WAIT (2 MSL, MUST-13). RFC 9293 suggests an MSL of 2 minutes; 30 s here, as Linux and FreeBSD. */
  readonly timeWait: number;
  /** How long FIN-WAIT-2 lasts when nobody can read any more (Linux: tcp_fin_timeout, TCP_LINGER2). */
  readonly finWait2: number;
  /**
   * R2 of a connection whose user has closed it: Linux's 8 take more than 100 s. Answered probes of a closed window count as well once
   * their interval has reached `rtoMax` (RFC 6429 §4 allows that).
   */
  readonly retriesOrphan: number;
  /** A segment without ACK and RST is answered in TIME-WAIT (Linux); RFC 9293 §3.10.7.4 drops it. */
  readonly timeWaitAnswersAll: boolean;
  /** An RST does not end TIME-WAIT (RFC 1337 fix 1). Linux: tcp_rfc1337, off; FreeBSD: on. */
  readonly ignoreTimeWaitReset: boolean;
}

const rfc9293: Ending = Object.freeze({
  timeWait: 60 * SECOND,
  finWait2: 60 * SECOND,
  retriesOrphan: 8,
  timeWaitAnswersAll: false,
  ignoreTimeWaitReset: false,
});

export const ENDING = {
  rfc9293,
  linux: Object.freeze<Ending>({ ...rfc9293, timeWaitAnswersAll: true }),
  freebsd: Object.freeze<Ending>({ ...rfc9293, ignoreTimeWaitReset: true }),
} as const;
