import { countsText } from "#device/link-text";
import { bytesText, rateText } from "#observe/units";
import type { FlowResult } from "./flow-result.ts";
import type { TransferResult, Waiting } from "./transfer.ts";

const HEAD = [
  "flow",
  "way",
  "cc",
  "received",
  "done",
  "goodput",
  "resent",
  "timeouts",
  "rtt",
  "min rtt",
  "cwnd",
  "max cwnd",
  "",
];

/** The duration of TIME-WAIT in src/tcp/words/params.ts, s: a run lasts until no event is left. */
const TIME_WAIT_S = 60;

/** Columns that are left out first on a narrow terminal. */
const SPARE = ["max cwnd", "min rtt", "timeouts"];
/** The columns that name a flow and a direction. */
const NAMES = 3;

/** A transfer as a table for people: the link, a line per flow and direction, then the link's packet counts. */
export function transferTable(result: TransferResult, columns = Number.POSITIVE_INFINITY): string {
  const { flows, link, waiting, words, seed, time, events, digest } = result;
  const lines = table([HEAD, ...flows.map(row)], columns);
  const sum = flows.reduce((bits, flow) => bits + flow.goodput, 0);
  const waited = flows.every(({ completion }) => completion !== null && completion + TIME_WAIT_S <= time);
  return [
    `link  ${words}, seed ${seed}`,
    "",
    ...lines,
    ...flows.flatMap(failed),
    ...(flows.length > 1 ? [`together ${rateText(sum)}`] : []),
    "",
    `packets there  ${countsText(link.there)}`,
    `packets back   ${countsText(link.back)}`,
    ...waits(waiting.there, "there"),
    ...waits(waiting.back, "back"),
    `${time.toFixed(3)} s of virtual time${waited ? ", TIME-WAIT included" : ""}, ${events} events, digest ${digest}`,
  ].join("\n");
}

/** The user's controller threw, and another one took over. */
function failed({ flow, direction, congestionControl, controlError }: FlowResult): string[] {
  if (controlError === undefined) return [];
  return [`flow ${flow} ${direction}: its controller failed, and ${congestionControl} took over: ${controlError}`];
}

/** How long packets waited in the queue of one direction; nothing if none did. */
function waits({ median, p95, max }: Waiting, way: string): string[] {
  if (max === 0) return [];
  const ms = (us: number) => `${(us / 1000).toFixed(1)} ms`;
  return [`${`queue ${way}`.padEnd(13)}  half waited at most ${ms(median)}, 95 % ${ms(p95)}, all ${ms(max)}`];
}

function table(rows: readonly (readonly string[])[], columns: number): string[] {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const width = (shown: readonly number[]) => shown.reduce((sum, i) => sum + widths[i]! + 2, -2);
  let shown = HEAD.map((_, i) => i).filter((i) => widths[i]! > 0);
  for (const spare of SPARE) if (width(shown) > columns) shown = shown.filter((i) => HEAD[i] !== spare);
  if (width(shown) > columns) return rows.slice(1).flatMap(list);
  const line = (cells: readonly string[]) => shown.map((i) => pad(cells[i]!, widths[i]!, i)).join("  ");
  return rows.map((cells) => line(cells).trimEnd());
}

/** A flow for a narrow terminal: one value per line. */
function list(cells: readonly string[]): string[] {
  const label = Math.max(...HEAD.map((name) => name.length));
  const values = HEAD.flatMap((name, i) =>
    i < NAMES || cells[i] === "" ? [] : [`  ${name.padEnd(label)}  ${cells[i]}`],
  );
  return [`flow ${cells.slice(0, NAMES).join(" ")}`, ...values];
}

/** Aligns words left, numbers right. */
function pad(cell: string, width: number, i: number): string {
  return i === 1 || i === 2 || i === HEAD.length - 1 ? cell.padEnd(width) : cell.padStart(width);
}

function row(flow: FlowResult): string[] {
  const ms = (us: number) => (us > 0 ? `${(us / 1000).toFixed(1)} ms` : "-");
  return [
    `${flow.flow}`,
    flow.direction,
    flow.congestionControl,
    bytesText(flow.bytes),
    flow.completion === null ? (flow.asked === null ? "-" : "no") : `${flow.completion.toFixed(3)} s`,
    // On a link without rate and delay no time passes.
    flow.goodput > 0 ? rateText(flow.goodput) : "-",
    `${flow.retransmissions}`,
    `${flow.timeouts}`,
    ms(flow.rtt),
    ms(flow.minRtt),
    flow.cwnd > 0 ? bytesText(flow.cwnd) : "-",
    flow.cwndMax > 0 ? bytesText(flow.cwndMax) : "-",
    flow.error === "OK" ? "" : flow.error,
  ];
}
