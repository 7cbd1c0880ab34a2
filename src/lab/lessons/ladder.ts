/** The packets between two ends as text: one line each, in the order in which they were sent. */

import { ACK, FLAGS, NEVER, type Packets, RESENT, type Run } from "#report/model/run";
import { count } from "#report/verdict/text";

/** Lines of a ladder; what is beyond is counted. */
const LINES_MAX = 32;
const TIME = 9;
/** The shortest arrow, with its label. */
const ARROW_MIN = 20;

export interface LadderOptions {
  /** µs */
  readonly span: readonly [number, number];
  readonly ends: readonly [string, string];
  /** Characters of a line. */
  readonly width: number;
}

export function ladder(run: Run, { span, ends, width }: LadderOptions): string[] {
  const rows = rowsOf(run, span, ends);
  const arrow = Math.max(ARROW_MIN, width - 2 * (TIME + 2));
  const head = `${"".padEnd(TIME)}  ${ends[0].padEnd(arrow - ends[1].length)}${ends[1]}`;
  const shown = rows.length > LINES_MAX ? [...rows.slice(0, LINES_MAX - 9), -1, ...rows.slice(-8)] : rows;
  const left = rows.length - shown.length + 1;
  const lines = shown.map((row) =>
    row < 0 ? `${"".padEnd(TIME)}  … ${left} more` : line(run, row, sideOf(run, row, ends), arrow),
  );
  return [head.trimEnd(), ...(lines.length > 0 ? lines : [`${"".padEnd(TIME)}  ${count(0, "packet")}`])];
}

/** Rows of packets between the two ends that were sent in the span. */
function rowsOf(run: Run, [from, to]: readonly [number, number], ends: readonly [string, string]): number[] {
  const { time } = run.packets;
  const rows: number[] = [];
  for (let row = 0; row < time.length; row++)
    if (time[row]! >= from && time[row]! <= to && sideOf(run, row, ends) >= 0) rows.push(row);
  return rows;
}

/** Which of the two ends sent it; -1: it is of others. */
function sideOf({ packets, connections }: Run, row: number, ends: readonly [string, string]): number {
  const connection = connections[packets.connection[row]!];
  if (connection === undefined) return -1;
  const [a, b] = connection.who;
  const isBetween = (who: string) => who === "" || ends.includes(who);
  if (!isBetween(a) || !isBetween(b) || (a === "" && b === "")) return -1;
  const sender = connection.who[packets.from[row]! as 0 | 1];
  if (sender !== "") return ends.indexOf(sender);
  return 1 - ends.indexOf(connection.who[(1 - packets.from[row]!) as 0 | 1]);
}

function line(run: Run, row: number, side: number, width: number): string {
  const { packets, rules } = run;
  const isLost = packets.dropped[row] !== 0;
  const after = Math.min(packets.delivered[row]!, packets.arrived[row]!);
  const end = isLost
    ? `✗ ${fate(rules[packets.dropped[row]!]?.name ?? "")}`
    : after === NEVER
      ? ""
      : clock(packets.time[row]! + after);
  const label = ` ${segmentText(packets, row, run.sacks)} `;
  const rest = Math.max(0, width - label.length - 2);
  const shaft = "─".repeat(rest);
  const arrow =
    side === 0
      ? `─${label}${isLost ? `${shaft.slice(1)}  ` : `${shaft}→`}`
      : `${isLost ? `  ${shaft.slice(1)}` : `←${shaft}`}${label}─`;
  return `${clock(packets.time[row]!)}  ${arrow}  ${end}`.trimEnd();
}

const FATES: Readonly<Record<string, string>> = {
  "link.loss": "lost",
  "link.loss-nth": "lost",
  "link.too-big": "too big",
  "link.queue-full": "queue full",
  "link.codel": "CoDel",
  "link.down": "link down",
};
const fate = (rule: string) => FATES[rule] ?? "lost";

/** Milliseconds, in a column. */
function clock(us: number): string {
  return `${(us / 1000).toFixed(1)} ms`.padStart(TIME);
}

/** "SYN ACK ack 1", "1:1449 (1448)", "ack 1449 win 0 sack 2897:4345" */
function segmentText(
  { seq, ack, length, window, flags: all, bits }: Packets,
  row: number,
  sacks: Run["sacks"],
): string {
  const flags = all[row]!;
  const names = FLAGS.filter((name, bit) => name !== "ACK" && name !== "PSH" && (flags & (1 << bit)) !== 0);
  const isSyn = names.includes("SYN");
  const n = length[row]!;
  const data = n > 0 ? `${seq[row]!}:${seq[row]! + n} (${n})` : isSyn || names.length > 0 ? `seq ${seq[row]!}` : "";
  const hasAck = (flags & ACK) !== 0;
  const parts = [
    ...names,
    ...(isSyn && hasAck ? ["ACK"] : []),
    data,
    hasAck && (n === 0 || names.length > 0) ? `ack ${ack[row]!}` : "",
    hasAck && window[row] === 0 ? "win 0" : "",
    sackText(row, sacks),
    (bits[row]! & RESENT) !== 0 ? "again" : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** The first SACK block. */
function sackText(row: number, { row: rows, left, right }: Run["sacks"]): string {
  const i = rows.indexOf(row);
  return i < 0 ? "" : `sack ${left[i]!}:${right[i]!}`;
}
