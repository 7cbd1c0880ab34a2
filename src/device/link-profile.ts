/**
 * What one direction of a link is like. Plain data: the words people type for it are in link-words.ts, what it does is
 * in link.ts. Times are microseconds, sizes bytes, probabilities and correlations 0..1.
 */
export interface LinkProfile {
  /** Bits per second of IP packets; `Infinity`: no transmission time. */
  readonly rate: number;
  /** Propagation delay. */
  readonly delay: number;
  readonly jitter: Jitter;
  readonly queue: Queue;
  readonly loss: Loss;
  /** The n-th packets that are lost, whatever `loss` says. */
  readonly lossNth: LossNth | undefined;
  readonly duplicate: Chance;
  readonly reorder: Reorder;
  readonly corrupt: Chance;
  /** The largest packet the link carries; undefined: what the device carries. */
  readonly mtu: number | undefined;
  /** Whether the sender of a packet that is too big is told (ICMP), or it vanishes (an MTU black hole). */
  readonly mtuIcmp: boolean;
  /** When the link is down; undefined: never. */
  readonly down: DownSchedule | undefined;
  /** Delivery opportunities in place of `rate`. */
  readonly trace: DeliveryTrace | undefined;
}

/** Something that happens to a packet with a probability; the correlation is that with the packet before. */
export interface Chance {
  readonly probability: number;
  readonly correlation: number;
}

/** What is added to the delay of each packet, anew each time. */
export interface Jitter {
  /** Half the width (uniform) or the standard deviation (normal) of what is added to the delay. Never below no delay. */
  readonly spread: number;
  readonly correlation: number;
  readonly distribution: "uniform" | "normal";
  /** Whether a packet with a short draw overtakes those before it. If not, it waits behind them, as on a real path. */
  readonly overtakes: boolean;
}

/** The queue in front of the transmitter (with no rate and no trace nothing ever waits in it). */
export interface Queue {
  /** Room in packets and in bytes: a packet that finds no room for itself is dropped at the tail. */
  readonly packets: number;
  readonly bytes: number;
  /** CoDel (RFC 8289) decides at the head; the room above still bounds it. */
  readonly codel: Codel | undefined;
  /** From so many packets (or bytes) waiting on, an ECN-capable packet is marked on arrival. */
  readonly ecnPackets: number;
  readonly ecnBytes: number;
}

/** The two numbers of RFC 8289, and what happens to a packet whose turn it is. */
export interface Codel {
  readonly target: number;
  readonly interval: number;
  /** Mark what can be marked instead of dropping it. */
  readonly ecn: boolean;
}

/** Independent loss, or the two states of Gilbert and Elliott. */
export type Loss = { readonly kind: "independent"; readonly chance: Chance } | GilbertElliott;

/** Loss in bursts: a good state and a bad one, with a chance to change at every packet. */
export interface GilbertElliott {
  readonly kind: "gilbert-elliott";
  /** From the good to the bad state, and back, per packet. A burst in the bad state is 1 / r packets long. */
  readonly p: number;
  readonly r: number;
  /** Loss in the bad state (netem's 1-h) and in the good one (netem's 1-k). */
  readonly lossBad: number;
  readonly lossGood: number;
}

/** Which packets are lost, counted: loss that a test can rely on. */
export interface LossNth {
  /** Bit i is 1: the packet i + 1 is lost. One byte per bit, so that people and tests can read it. */
  readonly mask: Uint8Array;
  /** Whether the mask begins anew after its last bit. */
  readonly repeats: boolean;
}

/** netem's reordering: with this chance a packet skips the delay, and so overtakes those in flight. */
export interface Reorder extends Chance {
  /** Only every gap-th packet may do so; 1: any. */
  readonly gap: number;
}

/** Down from `from` (inclusive) to `to` (exclusive), counted from when the profile was set. */
export interface DownSchedule {
  readonly spans: readonly { readonly from: number; readonly to: number }[];
  /** The schedule begins anew after so much time; `Infinity`: it does not. */
  readonly period: number;
}

/** A Mahimahi trace: at each of these times the link may carry one MTU; after the last one it begins anew. */
export interface DeliveryTrace {
  /** Not decreasing. */
  readonly times: Float64Array;
  /** The last of `times`: more than 0. */
  readonly period: number;
  /** Where it was read from, for people. */
  readonly name: string;
}

const NO_CHANCE: Chance = { probability: 0, correlation: 0 };

/** Packets that wait in front of a transmitter unless the profile says otherwise (Linux: txqueuelen 1000). */
export const QUEUE_PACKETS = 1000;

/** A link that does nothing but carry: no delay, no rate, no loss. Profiles are made by spreading it. */
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
