/** One direction of a connection: its packets, with sequence numbers that do not wrap. */
import { rowsBy } from "./rows-by.ts";
import { ACK, FIN, NEVER, type Run, SYN } from "./run.ts";

export interface Way {
  readonly connection: number;
  /** The end that sends the data. */
  readonly from: number;
  /** Rows of its packets, and of those of the other direction, in the order of time. */
  readonly sent: Uint32Array;
  readonly back: Uint32Array;
  /** By entry of `sent`: the first octet and the one after the last, SYN and FIN included. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  /** By entry of `back`: what it acknowledges, -1: nothing; and the right edge of the window it offers. */
  readonly acked: Float64Array;
  readonly edge: Float64Array;
  /** Octets of payload that were sent, without what was sent again. */
  readonly octets: number;
}

/** The direction from end `from` of a connection. */
export function wayOf(run: Run, connection: number, from: number): Way {
  const { packets } = run;
  const [sent, back] = rowsOf(run, connection, from);
  const left = new Float64Array(sent.length);
  const right = new Float64Array(sent.length);
  let near = 0;
  let highest = 0;
  for (let k = 0; k < sent.length; k++) {
    const row = sent[k]!;
    const flags = packets.flags[row]!;
    const at = unwrapped(packets.seq[row]!, near);
    left[k] = at;
    right[k] = at + packets.length[row]! + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
    if (right[k]! > near) near = right[k]!;
    // Octet 0 is the SYN, and the FIN is no payload.
    const length = packets.length[row]!;
    if (length > 0) highest = Math.max(highest, at + length - (flags & SYN ? 0 : 1));
  }
  const acked = new Float64Array(back.length).fill(-1);
  const edge = new Float64Array(back.length).fill(-1);
  let ackNear = 0;
  for (let k = 0; k < back.length; k++) {
    const row = back[k]!;
    if ((packets.flags[row]! & ACK) === 0) continue;
    const at = unwrapped(packets.ack[row]!, ackNear);
    acked[k] = at;
    edge[k] = at + packets.window[row]!;
    if (at > ackNear) ackNear = at;
  }
  return { connection, from, sent, back, left, right, acked, edge, octets: Math.max(0, highest) };
}

function rowsOf({ packets }: Run, connection: number, from: number): [Uint32Array, Uint32Array] {
  const rows = rowsBy(packets.connection, connection);
  return [rows.filter((row) => packets.from[row] === from), rows.filter((row) => packets.from[row] !== from)];
}

/** The number nearest to `near` that is `word` modulo 2^32. */
export function unwrapped(word: number, near: number): number {
  const difference = ((word - near) % 0x1_0000_0000) | 0;
  return near + difference;
}

/** When the packet of a row came to its receiver: out of the link, or to its stack; Infinity: never, or it is not known. */
export function arrivalOf({ packets }: Run, row: number): number {
  if (packets.dropped[row] !== 0) return Number.POSITIVE_INFINITY;
  const { [row]: delivered = NEVER } = packets.delivered;
  const { [row]: arrived = NEVER } = packets.arrived;
  const since = Math.min(delivered, arrived);
  return since === NEVER ? Number.POSITIVE_INFINITY : packets.time[row]! + since;
}
