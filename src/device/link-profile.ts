/**
 * The properties of one direction of a link. Plain data: link-words.ts parses the words that people type, link.ts
 * implements them. Times are microseconds, sizes bytes, probabilities and correlations 0..1.
 */
export interface LinkProfile {
  /** Bits per second of IP packets; `Infinity`: no transmission time. */
  readonly rate: number;
  /** Propagation delay. */
  readonly delay: number;
  readonly jitter: Jitter;
  readonly queue: Queue;
  readonly loss: Loss;
  /** Packets that are lost by their number, in addition to `loss`. */
  readonly lossNth: LossNth | undefined;
  readonly duplicate: Chance;
  readonly reorder: Reorder;
  readonly corrupt: Chance;
  /** The largest packet the link carries; undefined: the device's MTU. */
  readonly mtu: number | undefined;
  /** Whether the sender of a packet that is too big gets an ICMP error. If not, the link is an MTU black hole. */
  readonly mtuIcmp: boolean;
  /** When the link is down; undefined: never. */
  readonly down: DownSchedule | undefined;
  /** Delivery opportunities, instead of `rate`. */
  readonly trace: DeliveryTrace | undefined;
}

/** The probability of an event per packet, and its correlation with the packet before. */
export interface Chance {
  readonly probability: number;
  readonly correlation: number;
}

/** A random addition to each packet's delay. */
export interface Jitter {
  /** Half the width (uniform) or the standard deviation (normal) of the addition. The sum is never less than 0. */
  readonly spread: number;
  readonly correlation: number;
  readonly distribution: "uniform" | "normal";
  /** Whether a packet with less delay overtakes those before it. If not, it waits behind them, as on a real path. */
  readonly overtakes: boolean;
}

/** The queue in front of the transmitter. Without a rate or a trace it is always empty. */
export interface Queue {
  /** Limits in packets and in bytes. A packet that would exceed them is dropped (tail drop). */
  readonly packets: number;
  readonly bytes: number;
  /** CoDel (RFC 8289) at the head of the queue; the limits above still apply. */
  readonly codel: Codel | undefined;
  /** If this many packets (or bytes) are queued, an arriving ECN-capable packet is marked. */
  readonly ecnPackets: number;
  readonly ecnBytes: number;
}

/** CoDel's two parameters (RFC 8289), and whether it marks or drops. */
export interface Codel {
  readonly target: number;
  readonly interval: number;
  /** Mark ECN-capable packets instead of dropping them. */
  readonly ecn: boolean;
}

/** Independent loss, or the two states of Gilbert and Elliott. */
export type Loss = { readonly kind: "independent"; readonly chance: Chance } | GilbertElliott;

/** Loss in bursts: a good state and a bad one, with a chance to change at every packet. */
export interface GilbertElliott {
  readonly kind: "gilbert-elliott";
  /** Probability per packet of going from the good to the bad state (p) and back (r). A burst is on average 1 / r packets long. */
  readonly p: number;
  readonly r: number;
  /** Loss in the bad state (netem's 1-h) and in the good one (netem's 1-k). */
  readonly lossBad: number;
  readonly lossGood: number;
}

/** Loss by packet number: deterministic, for tests. */
export interface LossNth {
  /** If bit i is 1, packet i + 1 is lost. One byte per bit, so that people and tests can read it. */
  readonly mask: Uint8Array;
  /** Whether the mask repeats. */
  readonly repeats: boolean;
}

/** netem's reordering: with this probability a packet skips the delay and overtakes those in flight. */
export interface Reorder extends Chance {
  /** Only every gap-th packet may overtake; 1: any packet. */
  readonly gap: number;
}

/** Down from `from` (inclusive) to `to` (exclusive), counted from when the profile was set. */
export interface DownSchedule {
  readonly spans: readonly { readonly from: number; readonly to: number }[];
  /** The schedule repeats after this time; `Infinity`: it does not repeat. */
  readonly period: number;
}

/** A Mahimahi trace: at each of these times the link may carry one MTU. It repeats after the last one. */
export interface DeliveryTrace {
  /** Not decreasing. */
  readonly times: Float64Array;
  /** The last of `times`: more than 0. */
  readonly period: number;
  /** The name of its file, for messages. */
  readonly name: string;
}

const NO_CHANCE: Chance = { probability: 0, correlation: 0 };

/** Default queue length in packets (Linux: txqueuelen 1000). */
export const QUEUE_PACKETS = 1000;

/** A perfect link: no delay, no rate limit, no loss. Profiles are made by spreading it. */
export const CLEAR_LINK: LinkProfile = {
  rate: Number.POSITIVE_INFINITY,
  delay: 0,
  jitter: { spread: 0, correlation: 0, distribution: "uniform", overtakes: false },
  queue: {
    packets: QUEUE_PACKETS,
    bytes: Number.POSITIVE_INFINITY,
    codel: undefined,
    ecnPackets: Number.POSITIVE_INFINITY,
    ecnBytes: Number.POSITIVE_INFINITY,
  },
  loss: { kind: "independent", chance: NO_CHANCE },
  lossNth: undefined,
  duplicate: NO_CHANCE,
  reorder: { ...NO_CHANCE, gap: 1 },
  corrupt: NO_CHANCE,
  mtu: undefined,
  mtuIcmp: true,
  down: undefined,
  trace: undefined,
};
