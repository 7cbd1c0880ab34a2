import type { TcpSettings } from "#tcp/words/params";

/**
 * Everything that one random simulation is, as plain data: it is made from a seed (`generate`), made smaller when it fails
 * (`shrink`), and printed. Times are µs from the beginning, sizes octets.
 */
export interface Scenario {
  /** Of links, stacks and applications; the shape below no longer depends on it. */
  readonly seed: number;
  readonly family: 4 | 6;
  /** The first opener's initial sequence number is this far before a wrap, of the sign or of the whole; or anywhere. */
  readonly wrap: { readonly at: "sign" | "zero"; readonly before: number } | undefined;
  /** Links between left and right: 1 is a pair, more a chain of routers. */
  readonly hops: readonly Hop[];
  /** Hosts on each side; more than one of a side makes it a dumbbell. */
  readonly left: readonly HostPlan[];
  readonly right: readonly HostPlan[];
  readonly connections: readonly ConnectionPlan[];
  readonly restarts: readonly Restart[];
  /** Attackers of one machine; absent: none. */
  readonly siege?: Siege | undefined;
}

/** What attackers do to hold what they can. */
export const HOLDS = ["reads-nothing", "acknowledges-nothing", "single-octets", "sacks", "half-open"] as const;

export interface Siege {
  readonly side: "left" | "right";
  readonly attackers: number;
  /** In turn: the i-th attacker does the i-th. */
  readonly kinds: readonly (typeof HOLDS)[number][];
  readonly at: number;
  /** By then the others must have finished. */
  readonly until: number;
  /** Octets of memory of the machine. */
  readonly memory: number;
}

export interface Hop {
  /** In the words of `parseLinks`, out is from left to right. */
  readonly link: string;
  readonly changes: readonly { readonly at: number; readonly link: string }[];
}

export interface HostPlan {
  readonly params: TcpSettings;
  /** Records of the stack; 0: as usual. */
  readonly records: number;
}

export interface Restart {
  readonly side: "left" | "right";
  readonly host: number;
  readonly at: number;
}

export interface ConnectionPlan {
  readonly at: number;
  /** Which side opens. */
  readonly opener: "left" | "right";
  /** Places in `left` and `right`. */
  readonly left: number;
  readonly right: number;
  readonly openerPort: number;
  readonly port: number;
  readonly simultaneous: boolean;
  readonly open: SidePlan;
  readonly accept: SidePlan;
  readonly attacks: readonly Attack[];
}

/** What one end of a connection does. */
export interface SidePlan {
  /** Octets to send, per write, and the pause between two writes. */
  readonly bytes: number;
  readonly write: number;
  readonly writePause: number;
  /** Octets per read, and the pause between two reads. */
  readonly read: number;
  readonly readPause: number;
  /** After so many octets it reads nothing for a while. */
  readonly stallAt: number;
  readonly stallFor: number;
  /** FIN after all is written / only after the peer's FIN / close(2) after all is written / RST in the middle. */
  readonly end: "fin" | "fin-after-peer" | "close" | "abort";
  /** With "abort": after so many octets written and read. */
  readonly abortAt: number;
}

/** A forged segment for an open connection, which must change nothing. */
export interface Attack {
  readonly at: number;
  /** Whom it reaches. */
  readonly to: "opener" | "acceptor";
  readonly kind: AttackKind;
  /** A random number for its details. */
  readonly nonce: number;
}

/** Those that must change nothing. */
export const ATTACKS = [
  "rst-in-window",
  "rst-outside",
  "syn",
  "ack-unsent",
  "ack-old",
  "old-timestamp",
  "beyond-window",
  "fin-beyond",
  "sack-nonsense",
  "bad-checksum",
  "replay",
] as const;

/** "overrun" fills the window and goes on: its octets are taken, so that the stream is spoilt. Not for random simulation. */
export type AttackKind = (typeof ATTACKS)[number] | "overrun";
