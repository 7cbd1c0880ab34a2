import { HOUR, SECOND } from "#base/time";
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
 * The decisions that RFCs leave open, or in which stacks in use differ from them, by subject. Each object is shared by all connections that
 * decide alike. The files of `policies` describe the fields, and have variants of each: `rfc9293`, `linux`, `freebsd`.
 */
export interface Policies {
  readonly opening: Opening;
  readonly acceptance: Acceptance;
  readonly acknowledging: Acknowledging;
  readonly buffering: Buffering;
  readonly retransmitting: Retransmitting;
  readonly growing: Growing;
  readonly resetting: Resetting;
  readonly ending: Ending;
  readonly icmpErrors: IcmpErrors;
}

/** What the user of a connection may ask for. All times are microseconds, all sizes octets. */
export interface Parameters {
  /** Largest payload + 20 we announce and send, below what the path allows; 0: as the path allows. */
  readonly mss: number;
  /** Octets the receive queue may hold: the largest window we offer. */
  readonly receiveBuffer: number;
  /** The window scale we offer is enough for this many octets, should `receiveBuffer` grow later. */
  readonly receiveBufferMax: number;
  /** Octets SEND may queue before it takes no more. */
  readonly sendBuffer: number;
  /** SEND takes no more while so many octets wait to be sent; 0: only `sendBuffer` counts. */
  readonly notSentLowWater: number;
  /** Offer SACK (RFC 2018), timestamps (RFC 7323 §3), window scale (RFC 7323 §2). */
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly windowScale: boolean;
  /** ECN (RFC 3168): off, only where the peer asks for it, or asked for by us as well. */
  readonly ecn: "off" | "passive" | "on";
  /** Delay small segments: never / while a small one is unacknowledged (Minshall) / while anything is (RFC 896). */
  readonly nagle: "off" | "minshall" | "rfc896";
  /** The name of the congestion control: `newreno` (RFC 5681, 6582) or `cubic` (RFC 9438). */
  readonly congestionControl: CongestionControlName;
  /** Ends an OPEN that is not complete after this time, whatever the retransmissions; 0: only R2 does. */
  readonly connectTimeout: number;
  /**
   * RFC 9293 §3.9.1 USER TIMEOUT: data that stays unacknowledged for so long ends the connection; 0: only R2 does. While the peer keeps its
   * window closed, only the time counts in which it leaves our probes unanswered (MUST-37); these are then at most a quarter of it apart.
   */
  readonly userTimeout: number;
  /** RFC 9293 §3.8.4: off (MUST-25), 2 h idle (MUST-28), then every `keepAliveInterval`, given up after `keepAliveCount`. */
  readonly keepAlive: boolean;
  readonly keepAliveIdle: number;
  readonly keepAliveInterval: number;
  readonly keepAliveCount: number;
  /**
   * A connection is given to the listener's user only when data (or a FIN) has come: until so many timeouts of the SYN,ACK a bare ACK of it
   * does not open the connection (TCP_DEFER_ACCEPT). 0: it does, as RFC 9293 §3.10.7.4 says.
   */
  readonly deferAccept: number;
  /**
   * An active OPEN asks for a Fast Open cookie (RFC 7413), and sends data with its SYN where it has one. Off: what goes with a SYN may be
   * delivered twice, so only the user can say that it does no harm (RFC 7413 §6).
   */
  readonly fastOpen: boolean;
  /** No cookie is needed: data goes with every SYN, and is taken from every SYN. Only where nobody lies about his address. */
  readonly fastOpenCookieless: boolean;
  /** Connections that a listener lets begin with data before their handshake is over (RFC 7413 §5.1); 0: none. */
  readonly fastOpenBacklog: number;
  /** DF is set, and ICMP may lower the path's MTU (RFC 1191). */
  readonly pathMtuDiscovery: boolean;
  /** TTL or hop limit of what we send. MUST-49. */
  readonly ttl: number;
  /** The octet whose upper six bits are the DSCP of what we send (MUST-48); its ECN bits are TCP's own. */
  readonly tos: number;
}

/** What a connection goes by. It is chosen at OPEN, and shared with the connections that were given nothing else. */
export interface TcpParams extends Parameters, Policies {}

export type CongestionControlName = "newreno" | "cubic";

type PolicyFields = Opening &
  Acceptance &
  Acknowledging &
  Buffering &
  Retransmitting &
  Growing &
  Resetting &
  Ending &
  IcmpErrors;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What may be set of `TcpParams`: parameters, whole policies, and single fields of policies by their own names, which count more. */
export type TcpSettings = Partial<Writable<TcpParams & PolicyFields>>;

/**
 * The defaults are Linux' but for a few that an RFC demands: R2 of a SYN is three minutes (MUST-23), a closed window is waited for as long as
 * the peer answers (MUST-37), an unreachable network does not end an OPEN (MUST-56), an RST after both sides have closed is no
 * error (RFC 9293 §3.10.7.4), window updates do not wait until the window doubles, and claims of a smaller path MTU are checked (RFC 5927 §7.2).
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
  growing: GROWING.linux,
  resetting: Object.freeze({ ...RESETTING.linux, lateResetIsError: false }),
  ending: ENDING.linux,
  icmpErrors: ICMP_ERRORS.rfc9293,
  mss: 0,
  receiveBuffer: 4 << 20,
  receiveBufferMax: 4 << 20,
  sendBuffer: 4 << 20,
  notSentLowWater: 0,
  sack: true,
  timestamps: true,
  windowScale: true,
  ecn: "passive",
  nagle: "minshall",
  congestionControl: "cubic",
  connectTimeout: 0,
  userTimeout: 0,
  keepAlive: false,
  keepAliveIdle: 2 * HOUR,
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

/** Of every field of a policy, the policy that has it. */
const POLICY_OF: ReadonlyMap<string, keyof Policies> = new Map(
  Object.entries(DEFAULT_PARAMS).flatMap(([policy, fields]) =>
    typeof fields === "object" ? Object.keys(fields).map((field) => [field, policy as keyof Policies] as const) : [],
  ),
);

/** The default of every single setting by its name; policies as wholes are left out. */
export const DEFAULT_SETTINGS: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(DEFAULT_PARAMS).flatMap(([name, value]) =>
    typeof value === "object" ? Object.entries(value) : [[name, value]],
  ),
);

/** `base` with what is set. A policy of which a field is set is copied, all else stays shared. */
export function withSettings(base: Readonly<TcpParams>, settings: TcpSettings): Readonly<TcpParams> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  if (given.length === 0) return base;
  const params: Record<string, unknown> = { ...base };
  for (const [name, value] of given) if (Object.hasOwn(base, name)) params[name] = value;
  for (const [name, value] of given) {
    const policy = POLICY_OF.get(name);
    if (policy !== undefined) params[policy] = { ...(params[policy] as object), [name]: value };
  }
  return params as unknown as TcpParams;
}
