/** The cells of the atlas of goodput (docs/GOODPUT.md): one flow over one link, in virtual time. */
import { MILLISECOND, SECOND } from "#base/time";
import { parseLinks } from "#device/link-words";
import { transfer } from "#lab/sim/transfer";
import type { BuiltInControl } from "#tcp/words/params";

export const LOSSES = [0, 0.01, 0.1, 1, 3, 10] as const;
export const RTTS = [1, 20, 100, 300] as const;
export const RATES = [1, 100, 1000] as const;
export const QUEUES = ["0.5", "1", "4", "codel"] as const;
export const CONTROLS = ["cubic", "newreno", "bbr1", "bbr"] as const satisfies readonly BuiltInControl[];

export const SEED = 1;

export interface Cell {
  readonly cc: (typeof CONTROLS)[number];
  /** Mbit/s, ms and percent. */
  readonly rate: number;
  readonly rtt: number;
  readonly loss: number;
  /** In bandwidth-delay products, or CoDel. */
  readonly queue: (typeof QUEUES)[number];
}

export interface Figures {
  /** Mbit/s. */
  readonly goodput: number;
  /** How long packets waited in the queue, ms. */
  readonly median: number;
  readonly p95: number;
  /** Percent of the data segments that were sent. */
  readonly resent: number;
  readonly timeouts: number;
}

/** Octets of a packet. */
const PACKET = 1500;
/** A queue has room for at least this many packets, however small the bandwidth-delay product is. */
const QUEUE_MIN = 2;
/** CoDel's queue: long enough that CoDel decides, and not the limit. */
const CODEL_QUEUE_MIN = 1000;

export const ALL_CELLS: readonly Cell[] = RATES.flatMap((rate) =>
  RTTS.flatMap((rtt) =>
    LOSSES.flatMap((loss) => QUEUES.flatMap((queue) => CONTROLS.map((cc) => ({ rate, rtt, loss, queue, cc })))),
  ),
);

export const keyOf = ({ rate, rtt, loss, queue, cc }: Cell): string => `${rate} ${rtt} ${loss} ${queue} ${cc}`;

/** The bandwidth-delay product, packets. */
const product = ({ rate, rtt }: Cell): number => (rate * rtt * 1000) / 8 / PACKET;

function queuePackets(cell: Cell): number {
  if (cell.queue === "codel") return Math.max(CODEL_QUEUE_MIN, Math.ceil(4 * product(cell)));
  return Math.max(QUEUE_MIN, Math.round(Number(cell.queue) * product(cell)));
}

/** Virtual seconds: many round trips, but not more packets than the machine can simulate in seconds. */
export function secondsOf({ rate, rtt }: Cell): number {
  if (rate === 1) return 60;
  if (rate === 100) return rtt === 300 ? 20 : 12;
  return { 1: 1, 20: 2, 100: 4 }[rtt] ?? 6;
}

/** The link, in the words of `--link`: rate, queue and loss are those of the direction of the data. */
export function linkOf(cell: Cell): string {
  const codel = cell.queue === "codel" ? " codel" : "";
  const loss = cell.loss > 0 ? ` loss ${cell.loss}%` : "";
  return `delay ${cell.rtt * 500}us out rate ${cell.rate}mbit queue ${queuePackets(cell)}${codel}${loss}`;
}

/** Buffers that never limit, octets. */
function bufferOf(cell: Cell): number {
  const inFlight = (product(cell) + queuePackets(cell)) * PACKET;
  return Math.ceil((1.25 * inFlight + 1e6) / 1e6) * 1e6;
}

/** The share of the time that is left out at the beginning. */
const OMITTED = 1 / 4;

/** What replays a cell. */
export function commandOf(cell: Cell, seconds = secondsOf(cell)): string[] {
  const times = ["--time", `${seconds}s`, "--omit", `${seconds * OMITTED}s`];
  const buffer = ["--buffer", `${bufferOf(cell) / 1e6}M`];
  return ["sim", "--cc", cell.cc, "--link", linkOf(cell), ...times, ...buffer, "--seed", `${SEED}`];
}

export function measure(cell: Cell, seconds = secondsOf(cell)): Figures {
  const buffer = bufferOf(cell);
  const { flows, waiting, link } = transfer({
    seed: SEED,
    mtu: PACKET,
    family: 4,
    flows: 1,
    direction: "there",
    bytes: Number.POSITIVE_INFINITY,
    time: seconds * SECOND,
    omit: seconds * OMITTED * SECOND,
    stalls: [],
    link: parseLinks(linkOf(cell)),
    params: [{ congestionControl: cell.cc, sendBuffer: buffer, receiveBuffer: buffer, receiveBufferMax: buffer }],
  });
  const [flow] = flows;
  const sent = link.there["link.offered"]!;
  return {
    goodput: flow!.goodput / 1e6,
    median: waiting.there.median / MILLISECOND,
    p95: waiting.there.p95 / MILLISECOND,
    resent: (100 * flow!.retransmissions) / sent,
    timeouts: flow!.timeouts,
  };
}
