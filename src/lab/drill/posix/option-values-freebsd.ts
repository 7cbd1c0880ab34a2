import { between, INT_MAX, type OptionRule, readOnly, refuse, rule } from "./option-rule.ts";

/** FreeBSD's rules where they differ from Linux's: its own options, and other values of common options. */

/** For an enabled option FreeBSD returns the flag's own bit: any non-zero value is equal. */
const flag = (concerns: OptionRule["concerns"], initial = 0): OptionRule => ({
  ...rule(concerns, initial, (value) => Number(value !== 0)),
  isTruth: true,
});

const seconds = rule("stack", undefined, between(1, INT_MAX));
/** The initial segment size is that of a connection without an MSS option: a socket may only reduce it. */
const maxSegment = rule("stack", 536, (value) =>
  value > 0 && value <= 536 && value + 40 >= 216 ? value : refuse("EINVAL"),
);

export const FREEBSD_RULES: Readonly<Record<string, OptionRule>> = {
  SO_DEBUG: flag("nobody"),
  SO_REUSEADDR: flag("nobody"),
  SO_REUSEPORT: flag("nobody"),
  SO_REUSEPORT_LB: flag("nobody"),
  SO_KEEPALIVE: flag("stack"),
  SO_DONTROUTE: flag("nobody yet"),
  SO_BROADCAST: flag("nobody"),
  SO_USELOOPBACK: flag("nobody"),
  SO_OOBINLINE: flag("calls"),
  SO_TIMESTAMP: flag("nobody yet"),
  SO_BINTIME: flag("nobody yet"),
  SO_NOSIGPIPE: flag("nobody"),
  SO_NO_OFFLOAD: flag("nobody"),
  SO_NO_DDP: flag("nobody"),
  SO_RERROR: flag("nobody"),
  SO_ACCEPTCONN: { ...readOnly(undefined), isTruth: true },
  SO_SNDLOWAT: rule("nobody", 2048, (value) => (value > 0 ? value : refuse("EINVAL"))),
  SO_RCVLOWAT: rule("calls", 1, (value) => (value > 0 ? value : refuse("EINVAL"))),
  SO_SETFIB: rule("nobody yet", 0, between(0, 0)),
  SO_USER_COOKIE: rule("nobody", 0, (value) => value),
  SO_LISTENQLIMIT: readOnly(undefined),
  SO_LISTENQLEN: readOnly(undefined),
  SO_LISTENINCQLEN: readOnly(undefined),
  TCP_NODELAY: flag("stack"),
  TCP_NOOPT: flag("stack"),
  TCP_NOPUSH: flag("stack"),
  TCP_MAXSEG: maxSegment,
  TCP_KEEPIDLE: seconds,
  TCP_KEEPINTVL: seconds,
  TCP_KEEPINIT: seconds,
  TCP_KEEPCNT: seconds,
  TCP_MAXUNACKTIME: rule("stack", 0, between(0, INT_MAX)),
  TCP_FASTOPEN: rule("stack", 0, (value) => value),
  TCP_DELACK: flag("nobody yet"),
  TCP_FIN_IS_RST: flag("nobody yet"),
  TCP_IDLE_REDUCE: flag("nobody yet"),
  TCP_REMOTE_UDP_ENCAPS_PORT: rule("nobody yet", 0, between(0, 65_535)),
  IP_TOS: rule("stack", 0, (value) => value & 0xfc),
  IP_TTL: rule("stack", 64, between(0, 255)),
  IP_MINTTL: rule("nobody yet", 0, between(0, 255)),
  IP_DONTFRAG: flag("nobody"),
  IP_RECVDSTADDR: flag("nobody"),
  IP_RECVIF: flag("nobody"),
  IP_RECVTTL: flag("nobody"),
  IP_RECVTOS: flag("nobody"),
  IP_ONESBCAST: flag("nobody"),
  IP_BINDANY: flag("nobody"),
  IP_PORTRANGE: rule("nobody", 0, between(0, 2)),
  IPV6_PORTRANGE: rule("nobody", 0, between(0, 2)),
  IPV6_BINDANY: flag("nobody"),
};
