import type { IcmpLimits } from "#icmp/icmp";

/** All limits of a stack. Whatever exceeds a limit is refused or dropped, and counted by name. */
export interface Limits {
  /**
   * Connections in any state. At the limit, the oldest connection in TIME-WAIT is ended to make room. If there is none, SYNs are dropped
   * (the peer retransmits them), counted as `tcp.rx.limit` and reported to `Listener.onFull`, and `connect` throws ENOBUFS.
   */
  connections: number;
  /**
   * Connections that one remote host has opened to us and that are not in TIME-WAIT, half-open ones included; an IPv6 /64 counts as one
   * host. Beyond the limit, SYNs are dropped, counted as `tcp.rx.source-limit` and reported to `Listener.onFull`. 0: no limit.
   */
  connectionsPerSource: number;
  /**
   * µs of idle time after which a connection of a socket is stored in a compact form of a few hundred octets (docs/adr/0018). The next packet, call
   * or timer restores it. If that happens soon, the idle time doubles. Half-open connections wait in a compact form as well. Infinity: all keep
   * their full form, except those in TIME-WAIT.
   */
  sleepAfter: number;
  /**
   * While a listener has at most so many half-open connections, they keep their full form until their SYN,ACK has to be sent again: clients that
   * are well have opened theirs by then.
   */
  halfOpenInFull: number;
  /** Records of segments in flight, over all connections. */
  records: number;
  /** Ranges of out-of-order data, over all connections. */
  ranges: number;
  /** Octets of memory for packets and queues; pages are touched only when used. At most 1 GiB. */
  memory: number;
  /** ICMP errors per second, and the size of a burst. */
  icmpRate: number;
  /** ICMP errors that may be sent at once. */
  icmpBurst: number;
  /**
   * Answers per second to packets of no connection, and the size of a burst, for each kind: RSTs, echo replies, and answers to SYNs for
   * listeners whose queue is full, which share it if several ports are flooded. Beyond that, such packets are only counted
   * (`tcp.rst-limited`, `icmp.echo-limited`, `tcp.rx.syn-flood`), because answering a flood would take the time of the connections; a device
   * with a filter drops them before they are read (`flood.segment` and others, docs/adr/0077).
   */
  answerRate: number;
  /** Such answers that may be sent at once. */
  answerBurst: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  connections: 65_536,
  connectionsPerSource: 0,
  sleepAfter: 50_000,
  halfOpenInFull: 64,
  records: 262_144,
  ranges: 262_144,
  memory: 256 << 20,
  icmpRate: 1000,
  icmpBurst: 50,
  answerRate: 10_000,
  answerBurst: 2_000,
};

/** Those of ICMP. */
export function icmpLimits({ icmpRate, icmpBurst, answerRate, answerBurst }: Readonly<Limits>): IcmpLimits {
  return { errorRate: icmpRate, errorBurst: icmpBurst, echoRate: answerRate, echoBurst: answerBurst };
}

/** RFC 6335: the dynamic ports. */
export const EPHEMERAL_FIRST = 49_152;
export const EPHEMERAL_LAST = 65_535;
