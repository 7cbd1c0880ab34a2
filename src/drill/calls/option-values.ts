import type { SettingValue } from "../engine.ts";

/** What Linux says of socket options: values that nobody set, and values that it refuses. */

/** getsockopt of an option that was never set. Buffers are not here: their sizes are the machine's. */
export const UNSET: Readonly<Record<string, SettingValue>> = {
  SO_KEEPALIVE: 0,
  SO_REUSEADDR: 0,
  SO_REUSEPORT: 0,
  SO_RCVLOWAT: 1,
  SO_OOBINLINE: 0,
  TCP_NODELAY: 0,
  TCP_CORK: 0,
  TCP_MAXSEG: 536,
  TCP_KEEPIDLE: 7200,
  TCP_KEEPINTVL: 75,
  TCP_KEEPCNT: 9,
  TCP_SYNCNT: 6,
  TCP_LINGER2: 60,
  TCP_DEFER_ACCEPT: 0,
  TCP_USER_TIMEOUT: 0,
  TCP_QUICKACK: 1,
  TCP_NOTSENT_LOWAT: 0,
  TCP_INQ: 0,
  TCP_FASTOPEN: 0,
  TCP_CONGESTION: "cubic",
  IP_TOS: 0,
  IPV6_TCLASS: 0,
  IP_TTL: 64,
  IPV6_UNICAST_HOPS: 64,
  IP_RECVERR: 0,
  IPV6_RECVERR: 0,
  IPV6_V6ONLY: 0,
};

/** Least and greatest value that setsockopt takes; others are EINVAL. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  TCP_KEEPIDLE: [1, 32_767],
  TCP_KEEPINTVL: [1, 32_767],
  TCP_KEEPCNT: [1, 127],
  TCP_SYNCNT: [1, 127],
  TCP_USER_TIMEOUT: [0, 2 ** 31 - 1],
  TCP_INQ: [0, 1],
  IP_TTL: [1, 255],
};

/** The errno with which setsockopt refuses a value, or undefined. */
export function refusal(name: string, value: SettingValue): string | undefined {
  if (typeof value !== "number") return undefined;
  // 0 takes the limit away; else TCP_MIN_MSS to MAX_TCP_WINDOW.
  if (name === "TCP_MAXSEG") return value === 0 || (value >= 88 && value <= 32_767) ? undefined : "EINVAL";
  const range = RANGES[name];
  return range && (value < range[0] || value > range[1]) ? "EINVAL" : undefined;
}

/** What getsockopt tells of a value that was set: Linux doubles buffer sizes, and has least sizes for them. */
export function told(name: string, value: SettingValue): SettingValue {
  if (name === "SO_RCVBUF" || name === "SO_RCVBUFFORCE") return Math.max(2 * Number(value), 2_304);
  if (name === "SO_SNDBUF" || name === "SO_SNDBUFFORCE") return Math.max(2 * Number(value), 4_608);
  return value;
}

/** Options that change nothing here, and that a script can not see again but by asking for them. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "SO_REUSEADDR",
  "SO_REUSEPORT",
  "SO_DEBUG",
  "SO_PRIORITY",
  "SO_MARK",
  "SO_BUSY_POLL",
  "SO_NOSIGPIPE",
  "IPV6_V6ONLY",
]);

/** Options that the calls themselves look at. */
export const OF_THE_CALLS: ReadonlySet<string> = new Set(["SO_RCVLOWAT", "IP_RECVERR", "IPV6_RECVERR", "TCP_INQ"]);
