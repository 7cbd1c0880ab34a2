import { PATH_MTU_FLOOR } from "#ip/path-mtu";

/** How far ICMP is believed (RFC 9293 §3.9.2.2, RFC 5461, RFC 5927, RFC 1191). */
export interface IcmpErrors {
  /** Port and protocol unreachable end an OPEN. */
  readonly icmpMayReset: boolean;
  /** Network or host unreachable ends an active OPEN at once (RFC 5461; Linux); else it is only noted (MUST-56): the route may be on its way. */
  readonly softErrorsAbortOpen: boolean;
  /**
   * ICMP errors are called what FreeBSD calls them (EHOSTUNREACH where a network or host is unreachable, ECONNREFUSED for all that ends an
   * active OPEN), and "administratively prohibited" ends one as well. Else Linux' names.
   */
  readonly freeBsdIcmpErrors: boolean;
  /** Octets below which ICMP cannot lower an IPv4 path's MTU (Linux: 552): less is cut by routers. Only the stack's default counts. */
  readonly pathMtuFloor: number;
  /**
   * ICMP is not believed that a path carries less than what was acknowledged, until the quoted segment has timed out (RFC 5927 §7.2).
   * False: it is believed at once, as Linux and FreeBSD do.
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
