import { congestionControl } from "#tcp/congestion";
import { type CongestionControlName, DEFAULT_PARAMS, type TcpParams } from "#tcp/params";
import type { Profile, SettingValue } from "./engine.ts";

/** What settings of commands.ts and options of sockets mean for the real stack. */

export type Params = Partial<TcpParams>;

const MS = 1_000;
const S = 1_000_000;

/** Linux: as BEHAVIOURS has it; a receive buffer limit that makes the window scale 8, as scripts expect it. */
const LINUX: Params = { receiveBufferMax: 8 << 20 };
/** FreeBSD: small buffers, every second segment or 100 ms, and no limit on ACKs to unacceptable segments. */
const FREEBSD: Params = {
  receiveBuffer: 65_536,
  receiveBufferMax: 2 << 20,
  sendBuffer: 32_768,
  quickAcks: 0,
  delayedAck: 100 * MS,
  invalidAckInterval: 0,
  nagle: "rfc896",
};

export const PROFILES: Readonly<Record<Profile, Params>> = {
  linux: LINUX,
  freebsd: FREEBSD,
  rfc793: { ...LINUX, rfc5961: false },
};

const CONTROLS: Readonly<Record<string, CongestionControlName>> = {
  reno: "newreno",
  newreno: "newreno",
  cubic: "cubic",
};

/** Settings of mechanisms that the stack does not have, with the values at which that makes no difference. */
const ABSENT: Readonly<Record<string, readonly SettingValue[]>> = {
  dsack: [true],
  ecn: [0],
  ecnFallback: [true, false],
  sendBufferMax: [],
  tailLossProbe: [0],
  rack: [0],
  frto: [0],
  fastOpen: [0],
  syncookies: [0, 1, false, true],
  syncookiesOnly: [false],
  mtuProbing: [0],
  baseMss: [],
  receiveBufferTuning: [false, true],
  abortOnOverflow: [false],
  rfc1337: [false],
  thinLinearTimeouts: [false],
  compressedSacks: [0],
  pathMtuDiscovery: [true],
  blackhole: [0],
  dropSynFin: [true],
  delayedAcks: [true],
  mssDefault: [536],
  rtoSlop: [],
  dropOptionsOnRetransmission: [false],
  blackholeDetection: [0],
  fastFinWait2: [false],
  icmpMayReset: [true],
  challengeAckLimit: [],
};
/** Of those, the ones whose value never matters. */
const ANY_VALUE = new Set(["sendBufferMax", "baseMss"]);

/** Settings that are not a field of their own. */
const DERIVED: Readonly<Record<string, (value: SettingValue) => Params | undefined>> = {
  strictReset: (value) => ({ rfc5961: value === true }),
  strictSyn: (value) => ({ rfc5961: value === true }),
  maximumSegmentLifetime: (value) => ({ timeWait: 2 * Number(value) }),
  congestionControl: control,
};

function control(value: SettingValue): Params | undefined {
  const name = CONTROLS[String(value)];
  return name && { congestionControl: name };
}

/** The parameters that a setting changes; undefined: the stack has no such setting, or not with that value. */
export function settingParams(name: string, value: SettingValue): Params | undefined {
  const derived = DERIVED[name];
  if (derived) return derived(value);
  if (name in DEFAULT_PARAMS) {
    const known = DEFAULT_PARAMS[name as keyof TcpParams];
    return typeof known === typeof value ? { [name]: value } : undefined;
  }
  const harmless = ABSENT[name]?.includes(value) || ANY_VALUE.has(name);
  return harmless ? {} : undefined;
}

/** Options of a socket, by the socket API's names. Linux doubles buffer sizes for its own overhead; the payload's share is what was asked. */
const OPTIONS: Readonly<Record<string, (value: number) => Params | undefined>> = {
  SO_KEEPALIVE: (on) => ({ keepAlive: on !== 0 }),
  SO_RCVBUF: (n) => ({ receiveBuffer: n }),
  SO_RCVBUFFORCE: (n) => ({ receiveBuffer: n }),
  SO_SNDBUF: (n) => ({ sendBuffer: 2 * n }),
  SO_SNDBUFFORCE: (n) => ({ sendBuffer: 2 * n }),
  SO_OOBINLINE: (on) => (on === 0 ? undefined : {}),
  TCP_NODELAY: (on) => ({ nagle: on === 0 ? "minshall" : "off" }),
  TCP_MAXSEG: (n) => ({ mss: n }),
  TCP_KEEPIDLE: (n) => ({ keepAliveIdle: n * S }),
  TCP_KEEPINTVL: (n) => ({ keepAliveInterval: n * S }),
  TCP_KEEPCNT: (n) => ({ keepAliveCount: n }),
  TCP_SYNCNT: (n) => ({ retriesSyn: n }),
  TCP_LINGER2: (n) => ({ finWait2: n * S }),
  TCP_USER_TIMEOUT: (n) => ({ userTimeout: n * MS }),
  TCP_QUICKACK: (on) => ({ quickAcks: on === 0 ? 0 : DEFAULT_PARAMS.quickAcks }),
  TCP_CORK: () => ({}),
  IP_TOS: (n) => ({ tos: n & 0xfc }),
  IPV6_TCLASS: (n) => ({ tos: n & 0xfc }),
  IP_TTL: (n) => ({ ttl: n }),
  IPV6_UNICAST_HOPS: (n) => ({ ttl: n }),
};

/** The parameters that a socket option changes; undefined: there is no such option. */
export function optionParams(name: string, value: SettingValue): Params | undefined {
  if (name === "TCP_CONGESTION") return control(value);
  return typeof value === "number" ? OPTIONS[name]?.(value) : undefined;
}

/** The control of that name, for a connection that is open already. */
export function controlOf(params: Params): ReturnType<typeof congestionControl> | undefined {
  return params.congestionControl && congestionControl(params.congestionControl);
}
