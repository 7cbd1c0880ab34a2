/**
 * A run as tables: what the report shows. A row is a number in each column; times are µs since the beginning of the run. The page has the
 * same tables (pack.ts, unpack.ts), so nothing here may use more than the language.
 */

/** A packet of the wire, or a super-segment where only the stack's view is known. */
export interface Packets {
  /** When it was sent; if only its receiver was recorded, when it arrived. */
  readonly time: Float64Array;
  /** The number of its connection, or NOWHERE: another protocol, or a segment for no connection. */
  readonly connection: Int32Array;
  /** Which end of the connection sent it: 0 or 1. */
  readonly from: Uint8Array;
  /** Relative to the ISN, modulo 2^32. */
  readonly seq: Uint32Array;
  readonly ack: Uint32Array;
  /** Octets of payload. */
  readonly length: Uint32Array;
  /** Octets of the offered window. */
  readonly window: Uint32Array;
  /** Bits of FLAGS. */
  readonly flags: Uint8Array;
  /** Number of a rule: why it was sent, what it was for its receiver, why the link dropped it; 0: unknown. */
  readonly cause: Uint16Array;
  readonly received: Uint16Array;
  readonly dropped: Uint16Array;
  /** µs from `time` until it came out of the link, and until a stack processed it; NEVER: it did not. */
  readonly delivered: Uint32Array;
  readonly arrived: Uint32Array;
  /** Packets that waited in front of the link's transmitter when it was offered. */
  readonly queue: Uint16Array;
  /** Bits: RESENT … */
  readonly bits: Uint8Array;
}

export const NOWHERE = -1;
export const NEVER = 0xffffffff;

/** The flags in the order of their bits. */
export const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** Its data was sent before. */
export const RESENT = 1;
export const DUPLICATED = 2;
export const REORDERED = 4;
export const CORRUPTED = 8;
export const MARKED = 16;
/** A link carried it, and told what it did. */
export const ON_LINK = 32;
/** The stack that sent it was recorded. */
export const SENT = 64;

/** cwnd and what belongs to it. `owner` is 2 * connection + end. */
export interface Metrics {
  readonly time: Float64Array;
  readonly owner: Int32Array;
  readonly cwnd: Float64Array;
  readonly ssthresh: Float64Array;
  readonly inFlight: Float64Array;
  readonly window: Float64Array;
  /** Octets per second; 0: sending is not paced, or it is not known. */
  readonly pacing: Float64Array;
  readonly cause: Uint16Array;
}

export interface RoundTrips {
  readonly time: Float64Array;
  readonly owner: Int32Array;
  readonly sample: Float64Array;
  readonly srtt: Float64Array;
  readonly rttvar: Float64Array;
  readonly rto: Float64Array;
}

/** States, limits, timers and losses: `what` says which, `a` and `b` are its numbers. */
export interface Happenings {
  readonly time: Float64Array;
  readonly owner: Int32Array;
  readonly what: Uint8Array;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly cause: Uint16Array;
}

/** a: the new state, an index of STATE_NAMES. */
export const STATE = 1;
/** a: what limits the sender from now on, an index of LIMIT_NAMES. */
export const LIMIT = 2;
/** a: which timer, an index of TIMER_NAMES; b: how often in a row. */
export const TIMER = 3;
/** a: seq, b: length: considered lost. */
export const LOST = 4;

/** SACK blocks of packet `row`. */
export interface Sacks {
  readonly row: Uint32Array;
  readonly left: Uint32Array;
  readonly right: Uint32Array;
}

/** A rule of the stack or the link: its mark, what it means, and where it is written. */
export interface Rule {
  readonly name: string;
  readonly meaning: string;
  readonly section: string;
}

export interface Connection {
  /** Address and port of both ends; the end that opened is 0. */
  readonly ends: readonly [string, string];
  /** Who each end is: "host", "left"; "": it was not recorded. */
  readonly who: readonly [string, string];
  /** µs of the first and the last packet. */
  readonly start: number;
  readonly end: number;
}

/** What is said of a connection beside its figures. */
export interface Note {
  readonly text: string;
  readonly tone: "" | "warn" | "bad";
  /** The end whose data it is about; -1: the connection. */
  readonly from: -1 | 0 | 1;
  /** µs: where to look; -1: anywhere. */
  readonly at: number;
}

/** What a capture cannot tell of a connection, or tells besides. */
export interface InferredConnection {
  readonly notes: readonly Note[];
  /** Ends that did not offer window scaling (RFC 7323 §2.2). */
  readonly unscaled: readonly string[];
}

export interface Tables {
  readonly packets: Packets;
  readonly metrics: Metrics;
  readonly trips: RoundTrips;
  readonly happenings: Happenings;
  readonly sacks: Sacks;
}

export interface Run extends Tables {
  /** What it was: command, link, seed. */
  readonly about: Readonly<Record<string, unknown>>;
  /** µs since 1970 at time 0; null: virtual time. */
  readonly epoch: number | null;
  /** Rule 0 is "unknown". */
  readonly rules: readonly Rule[];
  readonly connections: readonly Connection[];
  /** By row: packets that are no TCP segments, as text. */
  readonly texts: Readonly<Record<number, string>>;
  /** Events that its file lacks, and packets that are not in the tables because there were too many. */
  readonly missing: number;
  readonly leftOut: number;
  /** By connection, if all but the packets is inferred from a capture. */
  readonly inferred?: readonly InferredConnection[] | undefined;
}
