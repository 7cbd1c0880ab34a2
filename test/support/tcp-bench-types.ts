/** One TCP segment that the stack sent. Sequence numbers count from the ISNs, as in a trace. */
export interface Sent {
  /** Microseconds since the bench began. */
  readonly at: number;
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly rawSeq: number;
  readonly rawAck: number;
  readonly win: number;
  readonly urg: number;
  readonly mss: number;
  readonly wscale: number;
  readonly sackOk: boolean;
  readonly ts: readonly [value: number, echo: number] | null;
  readonly sack: readonly (readonly [number, number])[];
  /** The Fast Open cookie under its own kind or the experiment's, empty for a request; null: no such option. */
  readonly cookie: readonly number[] | null;
  /** Kinds of the options, in order. */
  readonly kinds: readonly number[];
  readonly data: Uint8Array;
  readonly cause: string;
  readonly gsoSize: number;
  /** Octets of the source address. */
  readonly source: string;
  readonly tos: number;
  readonly ttl: number;
  /** IPv4's DF. */
  readonly dontFragment: boolean;
  /** Octets of the IP packet. */
  readonly size: number;
  readonly localPort: number;
  readonly remotePort: number;
  /** `P. 1:1461(1460) ack 1`, with SACK blocks and an urgent pointer where there are some. */
  readonly line: string;
}

export interface Offered {
  mss?: number;
  wscale?: number;
  sackOk?: boolean;
  ts?: readonly [value: number, echo: number];
  sack?: readonly (readonly [number, number])[];
  /** Octets instead of all the others. */
  raw?: readonly number[];
}

export interface Given extends Offered {
  /** Relative to the ISNs. Without them: what a well-behaved peer would send next. */
  seq?: number;
  ack?: number;
  win?: number;
  urg?: number;
  data?: ArrayLike<number>;
  /** So many octets of the peer's stream (`octetAt`) from `seq` on. */
  n?: number;
  /** The TOS octet: DSCP and ECN. */
  tos?: number;
  port?: number;
  localPort?: number;
  source?: string;
  destination?: string;
}
