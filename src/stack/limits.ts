/** Every limit of a stack in one place. What is beyond a limit is refused or dropped, and counted by name. */
export interface Limits {
  /**
   * Connections in any state. At the limit the oldest one in TIME-WAIT makes room; where there is none, SYNs are dropped (and
   * come again), counted as `tcp.rx.limit` and told to `Listener.onFull`, and `connect` throws ENOBUFS.
   */
  connections: number;
  /**
   * Connections that one remote host has opened to us and that are not in TIME-WAIT, half-open ones included; of IPv6 all of one /64 count as
   * one host. Beyond it SYNs are dropped, counted as `tcp.rx.source-limit` and told to `Listener.onFull`. 0: no limit.
   */
  connectionsPerSource: number;
  /**
   * µs at rest after which a connection is folded up to a few hundred octets, if its user is a socket: it unfolds with the next packet, call
   * or timer.
   */
  sleepAfter: number;
  /** Records of segments in flight, over all connections. */
  records: number;
  /** Octets of memory for packets and queues; touched only as far as it is used. At most 1 GiB. */
  memory: number;
  /** ICMP errors per second, and in one burst. */
  icmpRate: number;
  icmpBurst: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  connections: 65_536,
  connectionsPerSource: 0,
  sleepAfter: 5_000_000,
  records: 262_144,
  memory: 256 << 20,
  icmpRate: 1000,
  icmpBurst: 50,
};

/** RFC 6335: the dynamic ports. */
export const EPHEMERAL_FIRST = 49_152;
export const EPHEMERAL_LAST = 65_535;
