import {
  type CongestionControlName,
  DEFAULT_PARAMS,
  DEFAULT_SETTINGS,
  type TcpParams,
  type TcpSettings,
} from "#tcp/words/params";
import { PROFILES as profiles } from "#tcp/words/profiles";
import type { Profile, SettingValue } from "../../posix/target.ts";

/** Settings of commands.ts and socket options, as parameters of the real stack. */

export type Params = TcpSettings;

const MS = 1_000;
const S = 1_000_000;

/**
 * For each profile, the parameters that its scripts expect: the system's defaults. tcp_rmem is the value that Linux's scripts expect
 * (window scale 8); Linux counts the room in its send queue in pieces, by the memory that they take.
 */
export const PROFILES: Readonly<Record<Profile, Params>> = {
  linux: {
    ...profiles.linux,
    receiveBuffer: 65_536,
    receiveBufferMax: 15 << 20,
    sendBuffer: 4 << 20,
    fastOpenPause: 0,
    sendBufferCounts: "memory",
  },
  freebsd: profiles.freebsd,
  rfc793: { ...profiles.rfc793, receiveBuffer: 4 << 20, receiveBufferMax: 15 << 20, sendBuffer: 4 << 20 },
};

const CONTROLS: Readonly<Record<string, CongestionControlName>> = {
  reno: "newreno",
  newreno: "newreno",
  cubic: "cubic",
  bbr: "bbr1",
};

/**
 * Settings without a parameter of their own, with a test for the values that match what the stack does. Another value makes a script
 * unsupported.
 */
const ABSENT: Readonly<Record<string, (value: SettingValue) => boolean>> = {
  mtuProbing: (value) => value === 0,
  receiveBufferTuning: () => true,
  collapseRetransmissions: (on) => on === true,
  blackholeDetection: (value) => value === 0,
  fastFinWait2: (on) => on === false,
  challengeAckLimit: (n) => Number(n) >= 1_000,
  dupThreshMax: (n) => Number(n) >= 300,
};

/** Settings that do not map to one parameter of the same name and type. */
const DERIVED: Readonly<Record<string, (value: SettingValue) => Params | undefined>> = {
  ecn: (value) => ECN[String(value)],
  // Since Linux 6.17 RACK is always on, whatever the setting.
  rack: () => ({}),
  frto: (value) => ({ frto: value !== 0 }),
  syncookies: (value) => COOKIES[Number(value)],
  syncookiesOnly: (on) => ({ synCookies: on === true ? "always" : "overflow" }),
  blackhole: (value) => BLACKHOLE[String(value)],
  maximumSegmentLifetime: (value) => ({ timeWait: 2 * Number(value) }),
  congestionControl: control,
  ecnFallback: (on) => ({ ecnSynRetries: on === true ? 0 : 255 }),
  rfc1337: (on) => ({ ignoreTimeWaitReset: on === true }),
  quickRoute: (on) => ({ delayedAck: on === true ? 0 : DEFAULT_PARAMS.acknowledging.delayedAck }),
};
const COOKIES: Readonly<Record<number, Params>> = {
  0: { synCookies: "off" },
  1: { synCookies: "overflow" },
  2: { synCookies: "always" },
};
const BLACKHOLE: Readonly<Record<string, Params>> = {
  0: { resetUnknown: "all" },
  1: { resetUnknown: "segments" },
  2: { resetUnknown: "none" },
};
const ECN: Readonly<Record<string, Params>> = { 0: { ecn: "off" }, 1: { ecn: "on" }, 2: { ecn: "passive" } };

function control(value: SettingValue): Params | undefined {
  const name = CONTROLS[String(value)];
  return name && { congestionControl: name };
}

/** The parameters that a setting changes; undefined: no such setting, or an unsupported value. */
export function settingParams(name: string, value: SettingValue): Params | undefined {
  const known = typeof DEFAULT_SETTINGS[name];
  if (known === typeof value && known !== "string") return { [name]: value };
  const derived = DERIVED[name];
  if (derived) return derived(value);
  return ABSENT[name]?.(value) ? {} : undefined;
}

/** Settings that a kernel reads when they are needed, so that a new value also affects open connections. */
export const READ_LATE: ReadonlySet<string> = new Set([
  "retriesR1",
  "retriesR2",
  "slowStartAfterIdle",
  "invalidAckInterval",
  "tailLossProbe",
  "frto",
  "superSegmentMin",
  "thinLinearTimeouts",
  "compressedSacks",
  "compressedSacksDelay",
  "quickRoute",
  "hystart",
]);

/** How many timeouts of a SYN,ACK (1 s, doubled up to 120 s) fit into so many seconds. */
function timeoutsOf(seconds: number): number {
  let n = 0;
  for (let [over, timeout] = [0, 1]; n < 255 && over < seconds; n++, timeout = Math.min(2 * timeout, 120))
    over += timeout;
  return n;
}

/**
 * Socket options, by the socket API's names. Linux doubles buffer sizes for its own overhead; the payload's share is the requested size.
 */
const OPTIONS: Readonly<Record<string, (value: number) => Params | undefined>> = {
  SO_KEEPALIVE: (on) => ({ keepAlive: on !== 0 }),
  SO_RCVBUF: (n) => ({ receiveBuffer: n, receiveBufferMax: n }),
  SO_RCVBUFFORCE: (n) => ({ receiveBuffer: n, receiveBufferMax: n }),
  SO_SNDBUF: (n) => ({ sendBuffer: 2 * n }),
  SO_SNDBUFFORCE: (n) => ({ sendBuffer: 2 * n }),
  SO_MAX_PACING_RATE: (n) => ({ pacingRateMax: n === -1 ? Number.POSITIVE_INFINITY : n >>> 0 }),
  SO_OOBINLINE: (on) => (on === 0 ? undefined : {}),
  TCP_NODELAY: (on) => ({ nagle: on === 0 ? "minshall" : "off" }),
  TCP_MAXSEG: (n) => ({ mss: n }),
  TCP_KEEPIDLE: (n) => ({ keepAliveIdle: n * S }),
  TCP_KEEPINTVL: (n) => ({ keepAliveInterval: n * S }),
  TCP_KEEPCNT: (n) => ({ keepAliveCount: n }),
  TCP_SYNCNT: (n) => ({ retriesSyn: n }),
  TCP_LINGER2: (n) => (n > 0 ? { finWait2: Math.min(n, 120) * S } : n === 0 ? {} : undefined),
  TCP_THIN_LINEAR_TIMEOUTS: (on) => ({ thinLinearTimeouts: on !== 0 }),
  TCP_RTO_MAX_MS: (n) => ({ rtoMax: n * MS }),
  TCP_RTO_MIN_US: (n) => ({ rtoMin: n }),
  TCP_USER_TIMEOUT: (n) => ({ userTimeout: n * MS }),
  TCP_QUICKACK: () => ({}),
  TCP_CORK: () => ({}),
  TCP_NOTSENT_LOWAT: (n) => ({ notSentLowWater: n >>> 0 }),
  TCP_DEFER_ACCEPT: (seconds) => ({ deferAccept: timeoutsOf(seconds) }),
  // Their effect depends on a setting: see fast-open.ts.
  TCP_FASTOPEN: () => ({}),
  TCP_FASTOPEN_CONNECT: () => ({}),
  TCP_FASTOPEN_NO_COOKIE: () => ({}),
  TCP_WINDOW_CLAMP: (n) => ({ receiveBuffer: Math.max(n, 1_152), receiveBufferMax: Math.max(n, 1_152) }),
  // FreeBSD's own options.
  TCP_NOOPT: (on) => (on === 0 ? {} : { offerMss: false, sack: false, timestamps: false, windowScale: false }),
  TCP_NOPUSH: () => ({}),
  TCP_KEEPINIT: (n) => ({ connectTimeout: n * S }),
  TCP_MAXUNACKTIME: (n) => ({ userTimeout: n * S }),
  IP_MTU_DISCOVER: (n) => (n < 3 ? { pathMtuDiscovery: n !== 0 } : undefined),
  IPV6_MTU_DISCOVER: (n) => (n === 1 || n === 2 ? {} : undefined),
  IP_TOS: (n) => ({ tos: n & 0xfc }),
  IPV6_TCLASS: (n) => ({ tos: n & 0xfc }),
  IP_TTL: (n) => ({ ttl: n }),
  IPV6_UNICAST_HOPS: (n) => ({ ttl: n }),
};

/** Options that return a parameter of the connection, or of one that would be opened now. */
export function optionOf(name: string, params: Readonly<TcpParams>): SettingValue | undefined {
  return TOLD[name]?.(params);
}

const TOLD: Readonly<Record<string, (params: Readonly<TcpParams>) => SettingValue>> = {
  TCP_KEEPIDLE: ({ keepAliveIdle }) => Math.floor(keepAliveIdle / S),
  TCP_KEEPINTVL: ({ keepAliveInterval }) => Math.floor(keepAliveInterval / S),
  TCP_KEEPCNT: ({ keepAliveCount }) => keepAliveCount,
  TCP_KEEPINIT: ({ connectTimeout }) => Math.floor(connectTimeout / S),
  TCP_USER_TIMEOUT: ({ userTimeout }) => userTimeout / MS,
  TCP_MAXUNACKTIME: ({ userTimeout }) => userTimeout / S,
  TCP_LINGER2: ({ ending }) => ending.finWait2 / S,
  TCP_RTO_MAX_MS: ({ retransmitting }) => retransmitting.rtoMax / MS,
  SO_KEEPALIVE: ({ keepAlive }) => Number(keepAlive),
  IP_TOS: ({ tos }) => tos,
  IPV6_TCLASS: ({ tos }) => tos,
  IP_TTL: ({ ttl }) => ttl,
  IPV6_UNICAST_HOPS: ({ ttl }) => ttl,
};

const LINUX_SEND_BUFFER = 16_384;

/** The initial value of an option on a socket without a connection. Linux counts a receive buffer's overhead. */
export function initialOption(name: string, params: Readonly<TcpParams>, profile: Profile): SettingValue | undefined {
  switch (name) {
    case "SO_KEEPALIVE":
      return profile === "freebsd" ? 0 : Number(params.keepAlive);
    case "TCP_CONGESTION":
      return params.congestionControl === "newreno" && profile !== "freebsd" ? "reno" : params.congestionControl;
    case "TCP_MAXSEG":
      return profile === "freebsd" && params.opening.mssDefault > 0 ? params.opening.mssDefault : undefined;
    case "TCP_SYNCNT":
      return params.opening.retriesSyn;
    case "SO_RCVBUF":
      return profile === "linux" ? 2 * params.receiveBuffer : params.receiveBuffer;
    case "SO_SNDBUF":
      // Linux's send buffer grows automatically from tcp_wmem's default.
      return profile === "linux" ? Math.min(params.sendBuffer, LINUX_SEND_BUFFER) : params.sendBuffer;
    default:
      return optionOf(name, params);
  }
}

/** The parameters that a socket option changes; undefined: no such option. */
export function optionParams(name: string, value: SettingValue, profile: Profile): Params | undefined {
  if (name === "SO_SNDBUF" && profile === "freebsd") return { sendBuffer: Number(value) };
  if (name === "SO_KEEPALIVE" && profile === "freebsd" && value === 0) return {};
  if (name === "TCP_CONGESTION") return control(value);
  return typeof value === "number" ? OPTIONS[name]?.(value) : undefined;
}
