import { HOUR, SECOND } from "#base/time";
import { RECEIVE_BUFFER, SEND_BUFFER } from "./buffers.ts";
import { ACCEPTANCE, type Acceptance } from "./policies/acceptance.ts";
import { ACKNOWLEDGING, type Acknowledging } from "./policies/acknowledging.ts";
import { BUFFERING, type Buffering } from "./policies/buffering.ts";
import { ENDING, type Ending } from "./policies/ending.ts";
import { GROWING, type Growing } from "./policies/growing.ts";
import { ICMP_ERRORS, type IcmpErrors } from "./policies/icmp-errors.ts";
import { OPENING, type Opening } from "./policies/opening.ts";
import { RESETTING, type Resetting } from "./policies/resetting.ts";
import { RETRANSMITTING, type Retransmitting } from "./policies/retransmitting.ts";

/**
 * Decisions that RFCs leave open, or in which real stacks differ from them, by subject. Connections with equal decisions share one object.
 * The files of `policies` describe the fields, and have the variants `rfc9293`, `linux` and `freebsd`.
 */
export interface Policies {
  /** How connections open. */
  readonly opening: Opening;
  /** Which segments are acceptable, and what answers others. */
  readonly acceptance: Acceptance;
  /** When to acknowledge. */
  readonly acknowledging: Acknowledging;
  /** How much is buffered. */
  readonly buffering: Buffering;
  /** When to send again, and when to give up. */
  readonly retransmitting: Retransmitting;
  /** How the window grows. */
  readonly growing: Growing;
  /** When to reset. */
  readonly resetting: Resetting;
  /** How connections end. */
  readonly ending: Ending;
  /** What ICMP errors do. */
  readonly icmpErrors: IcmpErrors;
}

/** What the user of a connection may set. All times are microseconds, all sizes octets. */
export interface Parameters {
  /** The largest payload + 20 that we announce and send, if the path allows as much; 0: as much as the path allows. */
  readonly mss: number;
  /**
   * The capacity of the receive queue, octets: the largest window we offer. 0: it tunes itself: it grows with what the user reads per round trip, up
   * to `receiveBufferMax`.
   */
  readonly receiveBuffer: number;
  /** The most that the receive buffer grows to; the offered window scale suffices for it. */
  readonly receiveBufferMax: number;
  /** The most octets that SEND may queue. 0: it tunes itself: it is twice what cwnd allows in flight, up to `sendBufferMax`. */
  readonly sendBuffer: number;
  /** The largest size to which a send buffer tunes itself. */
  readonly sendBufferMax: number;
  /** SEND takes no data while this many octets are unsent; 0: only `sendBuffer` limits it. */
  readonly notSentLowWater: number;
  /** Offer SACK (RFC 2018), timestamps (RFC 7323 §3), window scale (RFC 7323 §2). */
  readonly sack: boolean;
  /** Timestamps (RFC 7323). */
  readonly timestamps: boolean;
  /** Window scale (RFC 7323). */
  readonly windowScale: boolean;
  /** ECN (RFC 3168): off; passive: only if the peer requests it; on: also requested by us. */
  readonly ecn: "off" | "passive" | "on";
  /** Delay small segments: never / while a small one is unacknowledged (Minshall) / while any data is (RFC 896). */
  readonly nagle: "off" | "minshall" | "rfc896";
  /**
   * The congestion control: `newreno` (RFC 5681, 6582), `cubic` (RFC 9438), `bbr` (v3, draft-ietf-ccwg-bbr), `bbr1` (v1, as in Linux), `fixed` (none).
   */
  readonly congestionControl: CongestionControlName;
  /**
   * Data is sent evenly, at the pace of cwnd per round trip; controls that set a rate (BBR) always do so. Off by default: bursts cost less,
   * and a TUN has no queue that they would fill.
   */
  readonly pacing: boolean;
  /** Octets per second that are never exceeded, also without `pacing` (SO_MAX_PACING_RATE); Infinity: no limit. */
  readonly pacingRateMax: number;
  /** How much too early paced data may be sent, µs: timers of real time are late, and one for each super-segment of a fast path costs more than it helps. */
  readonly pacingSlack: number;
  /** Ends an OPEN that is not complete after this time, however many retransmissions were sent; 0: only R2 limits it. */
  readonly connectTimeout: number;
  /**
   * RFC 9293 §3.9.1 USER TIMEOUT: ends the connection if data stays unacknowledged for this long; 0: only R2 does. While the peer keeps its
   * window closed, only the time counts in which it does not answer our probes (MUST-37); the interval between probes is then at most a
   * quarter of this time.
   */
  readonly userTimeout: number;
  /**
   * RFC 9293 §3.8.4: off by default (MUST-25). The first probe after 2 h of idle time (MUST-28), further ones every `keepAliveInterval`;
   * gives up after `keepAliveCount`.
   */
  readonly keepAlive: boolean;
  /** How long a connection is idle before the first probe. */
  readonly keepAliveIdle: number;
  /** The first probe comes later by up to this part of `keepAliveIdle`, differently for each connection, so that they do not all probe at once. */
  readonly keepAliveSpread: number;
  /** The time between probes. */
  readonly keepAliveInterval: number;
  /**
   * While memory is short (docs/adr/0061), or seven eighths of the connections that the stack may have are there, the idle time and the time
   * between probes are this part of what they are otherwise, so that connections whose peers are gone make room. 1: they stay as they are.
   */
  readonly keepAliveUnderPressure: number;
  /** Unanswered probes that end the connection. */
  readonly keepAliveCount: number;
  /**
   * A connection is passed to the listener's user only when data (or a FIN) has arrived: a bare ACK does not open it before this many
   * timeouts of the SYN,ACK (TCP_DEFER_ACCEPT). 0: the ACK opens it, as in RFC 9293 §3.10.7.4.
   */
  readonly deferAccept: number;
  /**
   * An active OPEN requests a Fast Open cookie (RFC 7413), and sends data in its SYN if it has one. Off by default: data in a SYN may be
   * delivered twice, and only the user can know that this is harmless (RFC 7413 §6).
   */
  readonly fastOpen: boolean;
  /** No cookie is needed: every SYN may carry data, and the data of every SYN is accepted. Only for networks without spoofed addresses. */
  readonly fastOpenCookieless: boolean;
  /** How many connections of a listener may begin with data before their handshake is complete (RFC 7413 §5.1); 0: none. */
  readonly fastOpenBacklog: number;
  /** Sets DF, and lets ICMP lower the path MTU (RFC 1191). */
  readonly pathMtuDiscovery: boolean;
  /** TTL or hop limit of sent packets (MUST-49). */
  readonly ttl: number;
  /** The octet whose upper six bits are the DSCP of sent packets (MUST-48); TCP sets its ECN bits. */
  readonly tos: number;
}

/** All parameters of a connection, chosen at OPEN and shared by connections with equal ones. */
export interface TcpParams extends Parameters, Policies {}

/** The congestion controls that are part of the stack. */
export type BuiltInControl = "newreno" | "cubic" | "bbr" | "bbr1" | "fixed";

/** The name of a control of the stack, or of one that was registered (`registerController`). */
export type CongestionControlName = BuiltInControl | (string & {});

/** The fields of all policies, by their own names. */
export type PolicyFields = Opening &
  Acceptance &
  Acknowledging &
  Buffering &
  Retransmitting &
  Growing &
  Resetting &
  Ending &
  IcmpErrors;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What may be set: parameters, whole policies, and single fields of policies by their own names, which take precedence. */
export type TcpSettings = Partial<Writable<TcpParams & PolicyFields>>;

/**
 * The defaults are Linux's except where an RFC requires otherwise: R2 of a SYN is three minutes (MUST-23), a closed window does not end a
 * connection as long as the peer answers (MUST-37), an unreachable network does not end an OPEN (MUST-56), an RST after both sides have
 * closed is not an error (RFC 9293 §3.10.7.4), window updates do not wait until the window doubles, claims of a smaller path MTU are
 * checked (RFC 5927 §7.2), and slow start ends by HyStart++ (RFC 9406).
 */
export const DEFAULT_PARAMS: Readonly<TcpParams> = {
  opening: Object.freeze({
    ...OPENING.linux,
    retriesSyn: OPENING.rfc9293.retriesSyn,
    retriesSynAck: OPENING.rfc9293.retriesSynAck,
  }),
  acceptance: ACCEPTANCE.linux,
  acknowledging: Object.freeze({ ...ACKNOWLEDGING.linux, windowUpdates: "quarter" }),
  buffering: BUFFERING.linux,
  retransmitting: RETRANSMITTING.rfc9293,
  growing: Object.freeze({ ...GROWING.linux, slowStartExit: "hystart++" }),
  resetting: Object.freeze({ ...RESETTING.linux, lateResetIsError: false }),
  ending: ENDING.linux,
  icmpErrors: ICMP_ERRORS.rfc9293,
  mss: 0,
  receiveBuffer: 0,
  receiveBufferMax: RECEIVE_BUFFER.max,
  sendBuffer: 0,
  sendBufferMax: SEND_BUFFER.max,
  notSentLowWater: 0,
  sack: true,
  timestamps: true,
  windowScale: true,
  ecn: "passive",
  nagle: "minshall",
  congestionControl: "cubic",
  pacing: false,
  pacingRateMax: Number.POSITIVE_INFINITY,
  pacingSlack: 0,
  connectTimeout: 0,
  userTimeout: 0,
  keepAlive: false,
  keepAliveIdle: 2 * HOUR,
  keepAliveSpread: 1 / 8,
  keepAliveUnderPressure: 1 / 8,
  keepAliveInterval: 75 * SECOND,
  keepAliveCount: 9,
  deferAccept: 0,
  fastOpen: false,
  fastOpenCookieless: false,
  fastOpenBacklog: 0,
  pathMtuDiscovery: true,
  ttl: 64,
  tos: 0,
};

/** The policy of each policy field. */
const POLICY_OF: ReadonlyMap<string, keyof Policies> = new Map(
  Object.entries(DEFAULT_PARAMS).flatMap(([policy, fields]) =>
    typeof fields === "object" ? Object.keys(fields).map((field) => [field, policy as keyof Policies] as const) : [],
  ),
);

/** The default of every single setting, by its name; whole policies are left out. */
export const DEFAULT_SETTINGS: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(DEFAULT_PARAMS).flatMap(([name, value]) =>
    typeof value === "object" ? Object.entries(value) : [[name, value]],
  ),
);

/** `base` with the settings applied. A policy with a changed field is copied, everything else stays shared. */
export function withSettings(base: Readonly<TcpParams>, settings: TcpSettings): Readonly<TcpParams> {
  if (!hasAny(settings)) return base;
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  const params: Record<string, unknown> = { ...base };
  for (const [name, value] of given) if (Object.hasOwn(base, name)) params[name] = value;
  for (const [name, value] of given) {
    const policy = POLICY_OF.get(name);
    if (policy !== undefined) params[policy] = { ...(params[policy] as object), [name]: value };
  }
  return params as unknown as TcpParams;
}

function hasAny(settings: TcpSettings): boolean {
  for (const name in settings) if (settings[name as keyof TcpSettings] !== undefined) return true;
  return false;
}
