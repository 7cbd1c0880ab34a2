import { symbol } from "../constants/symbols.ts";
import {
  asIs,
  between,
  flag,
  INT_MAX,
  type OptionRule,
  readOnly,
  refuse,
  refused,
  rule,
  strict,
  type Take,
} from "./option-rule.ts";
import { FREEBSD_RULES } from "./option-values-freebsd.ts";
import type { Profile, SettingValue } from "./target.ts";

/** Linux's rules for socket options: initial values, values that it refuses, and how it converts others. */

/** net.core.somaxconn. */
const SOMAXCONN = 4096;
/** Allowed: TCP_MIN_MSS to MAX_TCP_WINDOW; 0 removes the limit. */
const maxSegment: Take = (value) => (value === 0 || (value >= 88 && value <= 32_767) ? value : refuse("EINVAL"));
/** Linux converts seconds to a number of retransmissions (1 s, doubled up to 120 s), and returns the seconds that these take. */
const deferAccept: Take = (seconds) => {
  let [total, timeout] = [0, 1];
  for (let n = 0; n < 255 && total < seconds; n++) {
    total += timeout;
    timeout = Math.min(2 * timeout, 120);
  }
  return total;
};
const windowClamp: Take = (value) => (value === 0 ? 0 : value < 0 ? 1_152 : Math.max(value, 1_152));
const KNOWN_STAMPS = symbol("SOF_TIMESTAMPING_MASK")!;
const OPT_ID_TCP = symbol("SOF_TIMESTAMPING_OPT_ID_TCP")!;
const OPT_ID = symbol("SOF_TIMESTAMPING_OPT_ID")!;
const OPT_STATS = symbol("SOF_TIMESTAMPING_OPT_STATS")!;
const OPT_TSONLY = symbol("SOF_TIMESTAMPING_OPT_TSONLY")!;
const timestamping: Take = (value) => {
  const alone = (value & OPT_ID_TCP && !(value & OPT_ID)) || (value & OPT_STATS && !(value & OPT_TSONLY));
  return value < 0 || value > KNOWN_STAMPS || alone ? refuse("EINVAL") : value;
};
/** The lower two bits belong to TCP (ECN). */
const typeOfService: Take = (value) => value & 0xfc;
const hops: Take = (value) => (value === -1 ? 64 : value >= 1 && value <= 255 ? value : refuse("EINVAL"));

const LINUX_RULES: Readonly<Record<string, OptionRule>> = {
  SO_DEBUG: flag("nobody"),
  SO_REUSEADDR: flag("nobody"),
  SO_REUSEPORT: flag("nobody"),
  SO_TYPE: readOnly(undefined),
  SO_ERROR: readOnly(undefined),
  SO_DONTROUTE: flag("nobody yet"),
  SO_BROADCAST: flag("nobody"),
  SO_SNDBUF: rule("stack", undefined, asIs),
  SO_RCVBUF: rule("stack", undefined, asIs),
  SO_SNDBUFFORCE: rule("stack", undefined, asIs),
  SO_RCVBUFFORCE: rule("stack", undefined, asIs),
  SO_KEEPALIVE: flag("stack"),
  SO_OOBINLINE: flag("calls"),
  SO_NO_CHECK: flag("nobody"),
  SO_PRIORITY: rule("nobody", 0, asIs),
  SO_BSDCOMPAT: rule("nobody", 0, () => 0),
  // Only for Unix-domain sockets.
  SO_PASSCRED: refused("EOPNOTSUPP"),
  SO_PASSSEC: refused("EOPNOTSUPP"),
  SO_PASSPIDFD: refused("EOPNOTSUPP"),
  SO_PASSRIGHTS: refused("EOPNOTSUPP"),
  SO_RCVLOWAT: rule("calls", 1, (value) => (value < 0 ? INT_MAX : value || 1)),
  SO_SNDLOWAT: readOnly(1),
  SO_RCVTIMEO: rule("calls", 0, asIs),
  SO_SNDTIMEO: rule("calls", 0, asIs),
  SO_TIMESTAMP: flag("nobody yet"),
  SO_TIMESTAMPNS: flag("nobody yet"),
  SO_ACCEPTCONN: readOnly(undefined),
  SO_MARK: rule("nobody", 0, asIs),
  SO_TIMESTAMPING: rule("calls", 0, timestamping),
  SO_PROTOCOL: readOnly(undefined),
  SO_DOMAIN: readOnly(undefined),
  SO_RXQ_OVFL: flag("nobody"),
  SO_PEEK_OFF: rule("calls", -1, asIs),
  SO_NOFCS: flag("nobody"),
  SO_LOCK_FILTER: flag("nobody"),
  SO_BUSY_POLL: rule("nobody", 0, between(0, INT_MAX)),
  SO_PREFER_BUSY_POLL: flag("nobody"),
  SO_MAX_PACING_RATE: rule("stack", -1, asIs),
  SO_INCOMING_CPU: rule("nobody", undefined, asIs),
  SO_INCOMING_NAPI_ID: readOnly(0),
  SO_ZEROCOPY: strict("calls"),
  SO_TXREHASH: rule("nobody", 1, (value) => (value === -1 ? 1 : between(0, 1)(value))),
  SO_RCVMARK: flag("nobody"),
  SO_NOSIGPIPE: flag("nobody"),
  TCP_NODELAY: flag("stack"),
  TCP_MAXSEG: rule("stack", 536, maxSegment),
  TCP_CORK: flag("stack"),
  TCP_KEEPIDLE: rule("stack", 7200, between(1, 32_767)),
  TCP_KEEPINTVL: rule("stack", 75, between(1, 32_767)),
  TCP_KEEPCNT: rule("stack", 9, between(1, 127)),
  TCP_SYNCNT: rule("stack", 6, between(1, 127)),
  TCP_LINGER2: rule("stack", 60, (value) => (value < 0 ? -1 : value === 0 ? 60 : Math.min(value, 120))),
  TCP_DEFER_ACCEPT: rule("stack", 0, deferAccept),
  TCP_WINDOW_CLAMP: rule("stack", 0, windowClamp),
  TCP_QUICKACK: rule("stack", 1, asIs),
  TCP_THIN_LINEAR_TIMEOUTS: strict("stack"),
  TCP_THIN_DUPACK: rule("nobody", 0, (value) => (value === 0 || value === 1 ? 0 : refuse("EINVAL"))),
  TCP_USER_TIMEOUT: rule("stack", 0, between(0, INT_MAX)),
  // Allowed only in TCP_REPAIR mode, which is not supported.
  TCP_TIMESTAMP: refused("EPERM"),
  TCP_REPAIR_QUEUE: refused("EPERM"),
  TCP_REPAIR_OPTIONS: refused("EINVAL"),
  TCP_REPAIR_WINDOW: refused("EPERM"),
  TCP_INFO: readOnly(undefined),
  TCP_CC_INFO: readOnly(undefined),
  TCP_ZEROCOPY_RECEIVE: readOnly(undefined),
  TCP_FASTOPEN: rule(
    "stack",
    0,
    (value) => (value < 0 ? refuse("EINVAL") : Math.min(value, SOMAXCONN)),
    "closed or listening",
  ),
  TCP_FASTOPEN_CONNECT: strict("stack", "closed"),
  TCP_FASTOPEN_NO_COOKIE: strict("stack", "closed or listening"),
  TCP_NOTSENT_LOWAT: rule("stack", 0, asIs),
  TCP_SAVE_SYN: rule("calls", 0, between(0, 2)),
  TCP_SAVED_SYN: readOnly(undefined),
  TCP_INQ: strict("calls"),
  TCP_TX_DELAY: rule("nobody yet", 0, between(0, INT_MAX - 1)),
  TCP_RTO_MAX_MS: rule("stack", 120_000, between(1_000, 120_000)),
  TCP_RTO_MIN_US: rule("stack", 200_000, between(5_000, 200_000)),
  TCP_DELACK_MAX_US: rule("nobody yet", 200_000, between(1_001, 200_000)),
  TCP_IS_MPTCP: readOnly(0),
  TCP_NOPUSH: flag("stack"),
  TCP_KEEPINIT: rule("stack", 75, asIs),
  IP_TOS: rule("stack", 0, typeOfService),
  IP_TTL: rule("stack", 64, hops),
  IP_RECVOPTS: flag("nobody"),
  IP_PKTINFO: flag("nobody"),
  IP_MTU_DISCOVER: rule("stack", 1, between(0, 5)),
  IP_RECVERR: flag("calls"),
  IP_RETOPTS: flag("nobody"),
  IP_ROUTER_ALERT: refused("EINVAL"),
  IP_HDRINCL: readOnly(undefined),
  IP_NODEFRAG: readOnly(undefined),
  IP_CHECKSUM: flag("nobody"),
  IP_PASSSEC: flag("nobody"),
  IP_ORIGDSTADDR: flag("nobody"),
  IP_RECVFRAGSIZE: flag("nobody"),
  IP_RECVERR_RFC4884: strict("nobody"),
  IP_MULTICAST_LOOP: flag("nobody", 1),
  IP_MULTICAST_ALL: strict("nobody"),
  IP_MULTICAST_TTL: refused("EINVAL"),
  IP_LOCAL_PORT_RANGE: rule("nobody yet", 0, asIs),
  IP_RECVTTL: flag("nobody"),
  IP_RECVTOS: flag("nobody"),
  IP_MTU: readOnly(undefined),
  IP_FREEBIND: flag("nobody"),
  IP_TRANSPARENT: flag("nobody"),
  IP_MINTTL: rule("nobody yet", 0, between(0, 255)),
  IP_BIND_ADDRESS_NO_PORT: flag("nobody"),
  IPV6_UNICAST_HOPS: rule("stack", 64, (value) => (value === -1 ? 64 : between(0, 255)(value))),
  IPV6_MTU_DISCOVER: rule("stack", 1, between(0, 5)),
  IPV6_MTU: readOnly(undefined),
  IPV6_RECVERR: flag("calls"),
  IPV6_V6ONLY: flag("nobody"),
  IPV6_RECVPKTINFO: flag("nobody"),
  IPV6_RECVTCLASS: flag("nobody"),
  IPV6_RECVHOPLIMIT: flag("nobody"),
  IPV6_TCLASS: rule("stack", 0, (value) =>
    value === -1 ? 0 : value >= 0 && value <= 255 ? value & 0xfc : refuse("EINVAL"),
  ),
  IPV6_AUTOFLOWLABEL: flag("nobody yet", 1),
  IPV6_DONTFRAG: flag("nobody"),
};

/** Undefined: an unknown option. */
export function optionRule(name: string, profile: Profile): OptionRule | undefined {
  return (profile === "freebsd" ? FREEBSD_RULES[name] : undefined) ?? LINUX_RULES[name];
}

/** Options whose value is a name, with the name of a new socket. */
export const NAMES: Readonly<Record<string, string>> = { TCP_CONGESTION: "cubic" };

/** Options whose value comes from the connection. */
export const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  "TCP_MAXSEG",
  "TCP_QUICKACK",
  "TCP_CONGESTION",
  "TCP_WINDOW_CLAMP",
  "IP_MTU",
  "IPV6_MTU",
  "SO_SNDBUF",
]);

/** The level of the option with this name. */
export function levelOf(name: string): number | undefined {
  const prefix = /^(SO|TCP|IPV6|IP)_/.exec(name)?.[1];
  return prefix === undefined
    ? undefined
    : symbol(prefix === "SO" ? "SOL_SOCKET" : prefix === "IPV6" ? "SOL_IPV6" : `SOL_${prefix}`);
}

/** The value that getsockopt returns for a value that was set: Linux doubles buffer sizes, and enforces minimum sizes. */
export function readBack(name: string, value: SettingValue, profile: Profile): SettingValue {
  if (profile === "freebsd") return value;
  if (name === "SO_RCVBUF" || name === "SO_RCVBUFFORCE") return Math.max(2 * Number(value), 2_304);
  if (name === "SO_SNDBUF" || name === "SO_SNDBUFFORCE") return Math.max(2 * Number(value), 4_608);
  return value;
}
