import type { FlowResult, TransferResult } from "./transfer.ts";

const HEAD = [
  "flow",
  "way",
  "cc",
  "octets",
  "done s",
  "Mbit/s",
  "resent",
  "rto",
  "rtt ms",
  "min ms",
  "cwnd",
  "cwnd max",
  "",
];

/** A transfer as a table for people: a line per flow and direction, then what the link did. */
export function transferTable(result: TransferResult): string {
  const rows = [HEAD, ...result.flows.map(row)];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const lines = rows.map((cells) =>
    cells
      .map((cell, i) => pad(cell, widths[i]!, i))
      .join("  ")
      .trimEnd(),
  );
  const sum = result.flows.reduce((bits, flow) => bits + flow.goodput, 0);
  if (result.flows.length > 1) lines.push(`together ${(sum / 1e6).toFixed(3)} Mbit/s`);
  for (const way of ["there", "back"] as const) lines.push(`link ${way}: ${marks(result.link[way])}`);
  lines.push(
    `${result.time.toFixed(3)} virtual s, ${result.events} events, seed ${result.seed}, digest ${result.digest}`,
  );
  return lines.join("\n");
}

/** Names to the left, numbers to the right. */
function pad(cell: string, width: number, i: number): string {
  return i === 1 || i === 2 || i === HEAD.length - 1 ? cell.padEnd(width) : cell.padStart(width);
}

function row(flow: FlowResult): string[] {
  const ms = (us: number) => (us / 1000).toFixed(1);
  return [
    `${flow.flow}`,
    flow.direction,
    flow.congestionControl,
    `${flow.bytes}`,
    flow.completion === null ? "-" : flow.completion.toFixed(3),
    (flow.goodput / 1e6).toFixed(3),
    `${flow.retransmissions}`,
    `${flow.timeouts}`,
    ms(flow.rtt),
    ms(flow.minRtt),
    `${flow.cwnd}`,
    `${flow.cwndMax}`,
    flow.error === "OK" ? "" : flow.error,
  ];
}

function marks(counters: Record<string, number>): string {
  const parts = Object.entries(counters).map(([name, n]) => `${name.replace(/^link\./, "")} ${n}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}
