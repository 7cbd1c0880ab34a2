import { PATH_MTU_FLOOR } from "#ip/path-mtu";

/** Which ICMP errors are believed (RFC 9293 §3.9.2.2, RFC 5461, RFC 5927, RFC 1191). */
export interface IcmpErrors {
  /** Port and protocol unreachable end an OPEN. */
  readonly icmpMayReset: boolean;
  /**
   * Network or host unreachable ends an active OPEN at once (RFC 5461; Linux); otherwise it is only recorded (MUST-56), because the route
   * may still appear.
   */
  readonly softErrorsAbortOpen: boolean;
  /**
   * Uses FreeBSD's names of ICMP errors (EHOSTUNREACH for an unreachable network or host, ECONNREFUSED for all that end an active OPEN),
   * and "administratively prohibited" ends one as well. Otherwise Linux's names.
   */
  readonly freeBsdIcmpErrors: boolean;
  /**
   * ICMP cannot lower an IPv4 path MTU below this (Linux: 552), octets; routers fragment larger packets. Only the stack's default is used.
   */
  readonly pathMtuFloor: number;
  /**
   * ICMP's claim of a path MTU below the size of acknowledged segments is not believed until the quoted segment has timed out (RFC 5927
   * §7.2). False: it is believed at once, as in Linux and FreeBSD.
   */
  readonly pathMtuDelay: boolean;
}

const rfc9293: IcmpErrors = Object.freeze({
  icmpMayReset: true,
  softErrorsAbortOpen: false,
  freeBsdIcmpErrors: false,
  pathMtuFloor: PATH_MTU_FLOOR,
  pathMtuDelay: true,
});

export const ICMP_ERRORS = {
  rfc9293,
  linux: Object.freeze<IcmpErrors>({ ...rfc9293, softErrorsAbortOpen: true, pathMtuDelay: false }),
  freebsd: Object.freeze<IcmpErrors>({ ...rfc9293, freeBsdIcmpErrors: true, pathMtuDelay: false }),
} as const;
