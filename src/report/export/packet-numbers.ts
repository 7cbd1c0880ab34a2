import type { TraceEvent } from "#observe/events";
import { unwrapped } from "../model/direction.ts";

type Sent = TraceEvent & { readonly event: "transport:packet_sent" };
type Received = TraceEvent & { readonly event: "transport:packet_received" };

interface Outstanding {
  readonly left: number;
  readonly right: number;
  readonly number: number;
}

/**
 * Numbers for the segments of one end, as qlog wants them: each sent segment has its own, also if it is sent again. Those that an ACK or a
 * SACK block newly acknowledges become ranges of numbers.
 */
export class PacketNumbers {
  #sent = 0;
  #received = 0;
  #near = 0;
  /** Whether segments are not in the order of their sequence numbers, because some were sent again. */
  #isMixed = false;
  /** Segments with sequence space, not acknowledged yet, in the order in which they were sent. */
  #outstanding: Outstanding[] = [];

  /** The number of a segment that is sent now. */
  send({ seq, length, flags }: Sent): number {
    const number = this.#sent++;
    const left = unwrapped(seq, this.#near);
    const right = left + length + (/SYN/.test(flags) ? 1 : 0) + (/FIN/.test(flags) ? 1 : 0);
    if (left < this.#near) this.#isMixed = true;
    this.#near = Math.max(this.#near, right);
    if (right > left) this.#outstanding.push({ left, right, number });
    return number;
  }

  receive(): number {
    return this.#received++;
  }

  /** Ranges, first and last number, of what this segment acknowledges for the first time. */
  acknowledged({ ack, sack = [] }: Received): [number, number][] {
    if (ack === undefined || this.#outstanding.length === 0) return [];
    const edge = unwrapped(ack, this.#near);
    if (sack.length === 0 && !this.#isMixed) return this.#first(edge);
    const blocks = sack.map((ends) => ends.map((at) => unwrapped(at, this.#near)));
    const isAcked = ({ left, right }: Outstanding) =>
      right <= edge || blocks.some(([from, to]) => from! <= left && right <= to!);
    const ranges: [number, number][] = [];
    this.#outstanding = this.#outstanding.filter((each) => {
      if (!isAcked(each)) return true;
      add(ranges, each.number);
      return false;
    });
    this.#isMixed = this.#outstanding.some(({ left }, i, all) => i > 0 && left < all[i - 1]!.right);
    return ranges;
  }

  /** The same where everything is in order: what is acknowledged comes first, without a gap, which costs less. */
  #first(edge: number): [number, number][] {
    const rest = this.#outstanding.findIndex(({ right }) => right > edge);
    const acked = this.#outstanding.splice(0, rest < 0 ? this.#outstanding.length : rest);
    const ranges: [number, number][] = [];
    for (const { number } of acked) add(ranges, number);
    return ranges;
  }

  /** The number of the latest segment that began there and is not acknowledged; -1: none. */
  numberAt(seq: number): number {
    const left = unwrapped(seq, this.#near);
    return this.#outstanding.findLast((each) => each.left <= left && left < each.right)?.number ?? -1;
  }
}

function add(ranges: [number, number][], number: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last[1] === number - 1) last[1] = number;
  else ranges.push([number, number]);
}
