/** What became of each packet of a direction, and whether what was sent again had to be. */
import { arrivalOf, type Way } from "../model/direction.ts";
import { ON_LINK, RESENT, type Run } from "../model/run.ts";

/**
 * Whether a retransmission had to be: needed; late: the original came, but after it was sent again; had: the original had come already, and
 * its ACK was lost or late.
 */
export type Need = "needed" | "late" | "had" | "unknown";

export interface Resent {
  readonly row: number;
  readonly need: Need;
  /** The packet with the same octets that arrived first of those sent before, or else the last of them; -1: none is in the tables. */
  readonly original: number;
}

export interface Losses {
  /** Rows of dropped packets that took sequence space, by number of the rule. */
  readonly dropped: ReadonlyMap<number, readonly number[]>;
  readonly resent: readonly Resent[];
  /** Packets of the other direction, without data, that the link dropped. */
  readonly acksDropped: number;
  /** Whether what became of the packets is known: by the link, or by the receiver. */
  readonly isKnown: boolean;
}

export function lossesOf(run: Run, way: Way): Losses {
  const { packets } = run;
  const dropped = new Map<number, number[]>();
  const resent: Resent[] = [];
  // By first octet: the packet that makes sending it again needless, because it arrives; otherwise the last one that was lost.
  const originals = new Map<number, number>();
  const known = isKnown(run, way);
  for (let k = 0; k < way.sent.length; k++) {
    const row = way.sent[k]!;
    const left = way.left[k]!;
    if (way.right[k] === left) continue;
    const why = packets.dropped[row]!;
    if (why !== 0) {
      const rows = dropped.get(why);
      if (rows === undefined) dropped.set(why, [row]);
      else rows.push(row);
    }
    const original = originals.get(left) ?? -1;
    const again = original >= 0 || (packets.bits[row]! & RESENT) !== 0;
    if (original < 0 || !(arrivalOf(run, original) <= Math.min(arrivalOf(run, row), Number.MAX_VALUE)))
      originals.set(left, row);
    if (again) resent.push({ row, original, need: needOf(run, original, row, known) });
  }
  return { dropped, resent, acksDropped: acksDropped(run, way), isKnown: known };
}

function needOf(run: Run, original: number, row: number, known: boolean): Need {
  if (!known || original < 0) return "unknown";
  const arrival = arrivalOf(run, original);
  if (!Number.isFinite(arrival)) return "needed";
  return arrival > run.packets.time[row]! ? "late" : "had";
}

function isKnown({ packets, connections, inferred }: Run, { connection, from, sent }: Way): boolean {
  if (inferred !== undefined) return true;
  if (connections[connection]!.who[1 - from] !== "") return true;
  return sent.length > 0 && (packets.bits[sent[0]!]! & ON_LINK) !== 0;
}

function acksDropped({ packets }: Run, { back }: Way): number {
  let n = 0;
  for (const row of back) if (packets.dropped[row] !== 0 && packets.length[row] === 0) n++;
  return n;
}
