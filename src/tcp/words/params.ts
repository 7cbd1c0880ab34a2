import { HOUR, MILLISECOND, MINUTE, SECOND } from "#base/time";
import { PATH_MTU_FLOOR } from "#ip/path-mtu";
import { NO_QUIRKS, type Quirks } from "./quirks.ts";

/**
 * Everything a connection can be told, with its default. A connection copies the stack's defaults when it opens and may
 * override each (`connect`, `listen`); all times are microseconds, all sizes octets.
 */
export interface TcpParams extends Quirks {
  /** Largest payload + 20 we announce and send, below what the path allows; 0: as the path allows. */
  mss: number;
  /** Octets the receive queue may hold: the largest window we offer. */
  receiveBuffer: number;
  /** The window scale we offer is enough for this many octets, should `receiveBuffer` grow later. */
  receiveBufferMax: number;
  /** Octets SEND may queue before it takes no more. */
  sendBuffer: number;
  /** What `sendBuffer` bounds: payload, to the octet, or the memory that Linux' send queue takes for it, asked for piece by piece. */
  sendBufferCounts: "payload" | "memory";
  /** SEND takes no more while so many octets wait to be sent; 0: only `sendBuffer` counts. */
  notSentLowWater: number;
  /** Offer SACK (RFC 2018), timestamps (RFC 7323 §3), window scale (RFC 7323 §2). */
  sack: boolean;
  timestamps: boolean;
  windowScale: boolean;
  /** ECN (RFC 3168): off, only where the peer asks for it, or asked for by us as well. */
  ecn: "off" | "passive" | "on";
  /**
   * Takes a segment that lacks an agreed timestamp, as Linux does: there are middleboxes that remove the option. False drops it in silence (RFC
   * 7323 §3.2).
   */
  tolerateMissingTimestamps: boolean;
  /** Delay small segments: never / while a small one is unacknowledged (Minshall) / while anything is (RFC 896). */
  nagle: "off" | "minshall" | "rfc896";
  /** RFC 6928: segments of the initial congestion window. */
  initialWindow: number;
  /** The name of the congestion control: `newreno` (RFC 5681, 6582) or `cubic` (RFC 9438). */
  congestionControl: CongestionControlName;
  /** With fewer than four segments in flight six timeouts in a row go by before the RTO begins to double (Linux' thin streams). */
  thinLinearTimeouts: boolean;
  /** RFC 5681 §4.1: shrink cwnd after an idle time of one RTO. */
  slowStartAfterIdle: boolean;
  /** RFC 6298 (2.1): the RTO before the first sample. */
  rtoInitial: number;
  /** RFC 6298 (2.4) rounds up to 1 s; 200 ms here, as Linux: a LAN would idle a full second per loss. docs/adr/0003. */
  rtoMin: number;
  /** RFC 6298 (2.5): at least 60 s. */
  rtoMax: number;
  /** RFC 9293 R1 (MUST-20, SHLD-10): retransmissions after which the user is told that delivery is in doubt. */
  retriesR1: number;
  /** RFC 9293 R2 (SHLD-11: at least 100 s): retransmissions after which the connection is given up. 15 is 924 s at the least. */
  retriesR2: number;
  /** The same for SYN (MUST-23: at least 3 minutes): 7 retransmissions end after 255 s. */
  retriesSyn: number;
  /** The same for SYN,ACK, which is a SYN as well. */
  retriesSynAck: number;
  /**
   * RFC 9293 §3.9.1 USER TIMEOUT: data that stays unacknowledged for so long ends the connection; 0: only R2 does. While the peer keeps its
   * window closed, only the time counts in which it leaves our probes unanswered (MUST-37); these are then at most a quarter of it apart.
   */
  userTimeout: number;
  /** RFC 9293 §3.8.6.3: an ACK waits at most this long (MUST-40: below 0.5 s). */
  delayedAck: number;
  /** ACKs sent at once at the beginning of a connection, while the peer's slow start lives on them. */
  quickAcks: number;
  /** Reductions for losses that were none are taken back (RFC 3522, 3708); after a timeout it is found out by F-RTO (RFC 5682). */
  undo: boolean;
  frto: boolean;
  /** Tail loss probes (RFC 8985 §7), where the peer has SACK. */
  tailLossProbe: boolean;
  /** Duplicates that mean a loss (RFC 5681). */
  dupThresh: number;
  /** RFC 9293 §3.8.4: off (MUST-25), 2 h idle (MUST-28), then every `keepAliveInterval`, given up after `keepAliveCount`. */
  keepAlive: boolean;
  keepAliveIdle: number;
  keepAliveInterval: number;
  keepAliveCount: number;
  /**
   * The time in TIME-WAIT (2 MSL, MUST-13). RFC 9293 suggests an MSL of 2 minutes; 30 s here, as Linux and FreeBSD.
   */
  timeWait: number;
  /** How long FIN-WAIT-2 lasts once nobody can read any more. */
  finWait2: number;
  /** A zero-window probe carries an octet of data (RFC 9293 §3.8.6.1); false: an empty old segment, as Linux sends. */
  probeWithData: boolean;
  /** RFC 5961: challenge ACKs for RST, SYN and ACK that miss. False is the RFC 793 rule, for scripts and teaching. */
  rfc5961: boolean;
  /** Its three parts (§3, §4, §5), each of which may be switched off alone. */
  challengeReset: boolean;
  challengeSyn: boolean;
  challengeAck: boolean;
  /**
   * An active OPEN asks for a Fast Open cookie (RFC 7413), and sends data with its SYN where it has one. Off: what goes with a SYN may be
   * delivered twice, so only the user can say that it does no harm (RFC 7413 §6).
   */
  fastOpen: boolean;
  /** No cookie is needed: data goes with every SYN, and is taken from every SYN. Only where nobody lies about his address. */
  fastOpenCookieless: boolean;
  /** Connections that a listener lets begin with data before their handshake is over (RFC 7413 §5.1); 0: none. */
  fastOpenBacklog: number;
  /**
   * us for which SYNs to an address and port go without Fast Open after its data was passed over twice or three timeouts followed it
   * (RFC 7413 §4.1.3.1), doubled each time; 0: never.
   */
  fastOpenPause: number;
  /**
   * SYN cookies (RFC 4987 §3.6): never, for SYNs beyond the backlog of half-open connections, or for every SYN. A connection that came by one
   * has the MSS, and with timestamps the options, of a small table.
   */
  synCookies: "off" | "overflow" | "always";
  /**
   * A connection is given to the listener's user only when data (or a FIN) has come: until so many timeouts of the SYN,ACK a bare ACK of it
   * does not open the connection (TCP_DEFER_ACCEPT). 0: it does, as RFC 9293 §3.10.7.4 says.
   */
  deferAccept: number;
  /** What a segment for no connection and no listener draws: RST always, RST but not for a SYN, or nothing. Only the stack's default counts. */
  resetUnknown: "all" | "segments" | "none";
  /** A SYN with FIN is dropped in LISTEN; false: its FIN is ignored. */
  dropSynFin: boolean;
  /** An RST, not silence, where the accept queue is full when the handshake ends. */
  abortOnOverflow: boolean;
  /** Duplicates are reported (RFC 2883). */
  dsack: boolean;
  /** MSS taken where the peer sends no MSS option; 0: 536 or 1220 (MUST-15). And the least that is believed. */
  mssDefault: number;
  mssMin: number;
  /** Ends an OPEN that is not complete after this time, whatever the retransmissions; 0: only R2 does. */
  connectTimeout: number;
  /**
   * R2 of a connection whose user has closed it: Linux' 8 take more than 100 s. Probes of a closed window count although they are answered,
   * once their interval has reached `rtoMax` (RFC 6429 §4 allows that).
   */
  retriesOrphan: number;
  /** Port and protocol unreachable end an OPEN. */
  icmpMayReset: boolean;
  /** DF is set, and ICMP may lower the path's MTU (RFC 1191). */
  pathMtuDiscovery: boolean;
  /** Octets below which ICMP cannot lower an IPv4 path's MTU (Linux: 552): less is cut by routers. Only the stack's default counts. */
  pathMtuFloor: number;
  /**
   * ICMP is not believed that a path carries less than what was acknowledged, until the quoted segment has timed out (RFC 5927 §7.2).
   * False: it is believed at once, as Linux and FreeBSD do.
   */
  pathMtuDelay: boolean;
  /** At most one ACK in this time in answer to unacceptable segments without data (ACK loops); 0: no limit. */
  invalidAckInterval: number;
  /** TTL or hop limit of what we send. MUST-49. */
  ttl: number;
  /** The octet whose upper six bits are the DSCP of what we send (MUST-48); its ECN bits are TCP's own. */
  tos: number;
}

export type CongestionControlName = "newreno" | "cubic";

export const DEFAULT_PARAMS: Readonly<TcpParams> = {
  ...NO_QUIRKS,
  superSegmentMin: 2,
  linuxWindow: true,
  secondAckNeedsWindow: true,
  compressedSacks: 44,
  compressedSacksDelay: 1 * MILLISECOND,
  delayFinAck: true,
  resetKeepsReceived: true,
  textBeyondFinResets: true,
  resetAtFin: true,
  dropSynText: true,
  badAckResendsSyn: 2 * MILLISECOND,
  dropSigned: true,
  answerSynLater: 200 * MILLISECOND,
  pawsSlack: 1,
  timeWaitAnswersAll: true,
  linearSynTimeouts: 4,
  mss: 0,
  receiveBuffer: 4 << 20,
  receiveBufferMax: 4 << 20,
  sendBuffer: 4 << 20,
  sendBufferCounts: "payload",
  notSentLowWater: 0,
  sack: true,
  timestamps: true,
  windowScale: true,
  ecn: "passive",
  tolerateMissingTimestamps: true,
  nagle: "minshall",
  initialWindow: 10,
  congestionControl: "cubic",
  thinLinearTimeouts: false,
  slowStartAfterIdle: true,
  rtoInitial: 1 * SECOND,
  rtoMin: 200 * MILLISECOND,
  rtoMax: 120 * SECOND,
  retriesR1: 3,
  retriesR2: 15,
  retriesSyn: 7,
  retriesSynAck: 7,
  userTimeout: 0,
  delayedAck: 40 * MILLISECOND,
  quickAcks: 16,
  undo: true,
  frto: true,
  tailLossProbe: true,
  dupThresh: 3,
  keepAlive: false,
  keepAliveIdle: 2 * HOUR,
  keepAliveInterval: 75 * SECOND,
  keepAliveCount: 9,
  timeWait: 60 * SECOND,
  finWait2: 60 * SECOND,
  probeWithData: false,
  rfc5961: true,
  challengeReset: true,
  challengeSyn: true,
  challengeAck: true,
  fastOpen: false,
  fastOpenCookieless: false,
  fastOpenBacklog: 0,
  fastOpenPause: 1 * MINUTE,
  synCookies: "overflow",
  deferAccept: 0,
  resetUnknown: "all",
  dropSynFin: true,
  abortOnOverflow: false,
  dsack: true,
  mssDefault: 0,
  mssMin: 48,
  connectTimeout: 0,
  retriesOrphan: 8,
  icmpMayReset: true,
  pathMtuDiscovery: true,
  pathMtuFloor: PATH_MTU_FLOOR,
  pathMtuDelay: true,
  invalidAckInterval: 500 * MILLISECOND,
  ttl: 64,
  tos: 0,
};
