/** A packet in words. */
import { arrivalOf, type Way } from "../model/direction.ts";
import {
  CORRUPTED,
  DUPLICATED,
  FLAGS,
  MARKED,
  NEVER,
  NOWHERE,
  ON_LINK,
  REORDERED,
  RESENT,
  type Rule,
  type Run,
} from "../model/run.ts";
import { lossesOf } from "../verdict/losses.ts";
import { duration } from "../verdict/text.ts";

export function flagText(flags: number): string {
  return FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0).join(" ");
}

/** "SYN", "1448 bytes at 1", "ACK 2897": the shortest that says which packet it is. */
export function shortText(run: Run, row: number): string {
  const { packets } = run;
  if (packets.connection[row] === NOWHERE) return run.texts[row] ?? "another protocol";
  const flags = packets.flags[row]!;
  const step = flagText(flags & 7);
  const length = packets.length[row]!;
  const data = length > 0 ? `${length} at ${packets.seq[row]}` : "";
  const ack = flags & 16 && (length === 0 || step !== "") ? `ack ${packets.ack[row]}` : "";
  return [step, data, ack].filter((part) => part !== "").join(", ");
}

/** What the link did to it. */
export function linkText(run: Run, row: number): string {
  const { packets } = run;
  const bits = packets.bits[row]!;
  if ((bits & ON_LINK) === 0) return "";
  const words: string[] = [];
  const delivered = packets.delivered[row]!;
  const dropped = packets.dropped[row]!;
  if (dropped !== 0) words.push(`✗ ${run.rules[dropped]!.meaning || run.rules[dropped]!.name}`);
  else if (delivered === NEVER) words.push("on its way at the end");
  else words.push(`delivered after ${duration(delivered)}`);
  if (packets.queue[row]! > 0) words.push(`${packets.queue[row]} packets before it in the queue`);
  if (bits & DUPLICATED) words.push("delivered twice");
  if (bits & REORDERED) words.push("overtook others");
  if (bits & CORRUPTED) words.push("one bit flipped");
  if (bits & MARKED) words.push("marked: congestion experienced");
  return words.join("; ");
}

export function ruleOf(run: Run, row: number): Rule | null {
  const cause = run.packets.cause[row]!;
  return cause === 0 ? null : run.rules[cause]!;
}

/** What its receiver made of it. */
export function receivedText(run: Run, row: number): string {
  const cause = run.packets.received[row]!;
  return cause === 0 ? "" : run.rules[cause]!.meaning;
}

/**
 * The sender's inference against what happened: whether what was sent again had been lost.
 * @param original the row of the packet before it with the same octets, -1: none
 */
export function truthText(run: Run, row: number, original: number): string {
  const { packets } = run;
  if ((packets.bits[row]! & RESENT) === 0 || original < 0) return "";
  const arrival = arrivalOf(run, original);
  if (packets.dropped[original] !== 0)
    return `true: the original of ${at(packets.time[original]!)} was dropped (${run.rules[packets.dropped[original]!]!.name})`;
  if (!Number.isFinite(arrival)) return "the original did not arrive";
  const now = packets.time[row]!;
  if (arrival > now) return `spurious: the original was not lost, it arrived ${duration(arrival - now)} after this`;
  return `spurious: the original had arrived ${duration(now - arrival)} before, its ACK was lost or late`;
}

const at = (us: number) => `${(us / 1e6).toFixed(3)} s`;

/** By row of a retransmission: the row of what was sent before with the same first octet. */
export function originals(run: Run, way: Way): Map<number, number> {
  const found = new Map<number, number>();
  for (const { row, original } of lossesOf(run, way).resent)
    if (original >= 0 && (run.packets.bits[row]! & RESENT) !== 0) found.set(row, original);
  return found;
}

/** The SACK blocks of a row, as text. */
export function sackText(run: Run, row: number): string {
  const { row: rows, left, right } = run.sacks;
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]! < row) low = middle + 1;
    else high = middle;
  }
  const blocks: string[] = [];
  for (let i = low; i < rows.length && rows[i] === row; i++) blocks.push(`${left[i]}–${right[i]}`);
  return blocks.join(" ");
}
