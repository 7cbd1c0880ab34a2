/** One connection: its verdict, its pictures, its packets. */
import type uPlot from "uplot";
import type { ShownVerdict } from "../meta.ts";
import { type Way, wayOf } from "../model/direction.ts";
import type { Run } from "../model/run.ts";
import { rate } from "../verdict/text.ts";
import { limitBand, stateBands } from "./bands.ts";
import { type Chart, type ChartOptions, chart } from "./chart.ts";
import type { LoadedRun } from "./data.ts";
import { linkText, originals, ruleOf, shortText, truthText } from "./describe.ts";
import { button, element } from "./dom.ts";
import { milliseconds, octets } from "./format.ts";
import { Ladder } from "./ladder.ts";
import { drawSequence, SequenceData } from "./sequence.ts";
import { droppedRows, queueSeries, rateSeries, tripSeries, windowSeries } from "./series.ts";
import type { Span } from "./span.ts";
import { PacketTable } from "./table.ts";

interface Part {
  resize(width: number): void;
}

const MARKS: readonly (readonly [string, string])[] = [
  ["segment", "segment"],
  ["resent", "sent again (R)"],
  ["ack", "ACK line, ticks: duplicates"],
  ["window", "window edge"],
  ["sack", "SACK"],
  ["drop", "✗ dropped by the link"],
  ["flight", "on the link, until it arrives"],
];

/** In a capture nothing says what a link did. */
const INFERRED_MARKS = MARKS.filter(([name]) => name !== "flight").map(([name, words]) =>
  name === "drop" ? (["drop", "✗ lost (inferred)"] as const) : ([name, words] as const),
);

export class View {
  readonly root = element("div", { class: "view" });
  readonly #run: LoadedRun;
  readonly #connection: number;
  readonly #span: Span;
  readonly #charts: Chart[] = [];
  readonly #parts: Part[] = [];
  readonly #table: PacketTable;
  readonly #way: Way;

  constructor(run: LoadedRun, verdict: ShownVerdict, span: Span, onWay: (from: number) => void) {
    this.#run = run;
    this.#connection = verdict.connection;
    this.#span = span;
    this.#way = wayOf(run, verdict.connection, verdict.from);
    const again = new Map([
      ...originals(run, this.#way),
      ...originals(run, wayOf(run, verdict.connection, 1 - verdict.from)),
    ]);
    const rows = rowsOf(run, verdict.connection);
    this.#table = new PacketTable(run, rows, again, span);
    this.root.append(this.#head(verdict, onWay), this.#said(verdict));
    document.querySelector("main")!.append(this.root);
    this.#pictures(again, rows);
    this.root.append(this.#table.root);
    span.onCursor(() => this.#followCursor());
  }

  /** The next time at which something was lost or sent again; `step` -1: the one before. */
  next(step: 1 | -1): void {
    const { time, bits, dropped } = this.#run.packets;
    const at = this.#span.cursor * 1e6;
    const rows = this.#way.sent.filter((row) => dropped[row] !== 0 || (bits[row]! & 1) !== 0);
    const row = step > 0 ? rows.find((row) => time[row]! > at + 1) : rows.findLast((row) => time[row]! < at - 1);
    if (row !== undefined) this.#pick(row);
  }

  focusSearch(): void {
    this.#table.focusSearch();
  }

  resize(): void {
    const width = Math.max(320, this.root.clientWidth - 2);
    for (const part of this.#parts) part.resize(width);
  }

  destroy(): void {
    for (const each of this.#charts) each.destroy();
    this.root.remove();
  }

  #head(verdict: ShownVerdict, onWay: (from: number) => void): HTMLElement {
    const { who, ends } = this.#run.connections[this.#connection]!;
    const name = (end: 0 | 1) => `${who[end]} ${ends[end]}`.trim() || `end ${end + 1}`;
    const from = verdict.from as 0 | 1;
    const to = (1 - from) as 0 | 1;
    const head = element("h2", {}, `${name(from)} → ${name(to)}`);
    const other = this.#run.verdicts.some((each) => each.connection === this.#connection && each.from === to);
    if (other)
      head.append(
        " ",
        button("show the other direction", "data in the other direction", () => onWay(to)),
      );
    return head;
  }

  #said(verdict: ShownVerdict): HTMLElement {
    const list = element("div", { class: "verdict" });
    for (const { text, tone, evidence } of verdict.sentences) {
      const line = element("p", { class: tone }, text);
      for (const { label, start, end } of evidence)
        line.append(
          " ",
          button(label, "show it", () => this.#span.show(start / 1e6, end / 1e6)),
        );
      list.append(line);
    }
    return list;
  }

  #pictures(again: ReadonlyMap<number, number>, rows: Uint32Array): void {
    const run = this.#run;
    const way = this.#way;
    const owner = 2 * this.#connection + way.from;
    this.#add(limitBand(run, way, this.#span));
    this.#sequence(again);
    this.#windows(owner);
    this.#trips(owner);
    this.#rates();
    this.#queue();
    const states = stateBands(run, this.#connection, this.#span);
    if (!states.isEmpty) this.#add(states);
    this.#add(new Ladder(run, this.#connection, rows, this.#span, (row) => this.#pick(row)));
  }

  #sequence(again: ReadonlyMap<number, number>): void {
    const data = new SequenceData(this.#run, this.#way);
    const readout = element("p", { class: "readout" }, "Move the pointer over a segment to read it.");
    const ends = [this.#span.first, this.#span.last];
    this.#chart("sequence", readout, {
      title: "Time–sequence",
      height: 380,
      value: octets,
      lines: [],
      data: [ends],
      legend: false,
      range: () => data.range(this.#span.min, this.#span.max),
      draw: (u) => drawSequence(u, data),
      onMove: (u) => {
        const row = data.nearest(u);
        if (row >= 0) readout.textContent = this.#words(row, again);
      },
      onClick: (u) => {
        const row = data.nearest(u);
        if (row >= 0) this.#pick(row);
      },
    });
    const legend = element("div", { class: "legend" });
    for (const [name, words] of this.#run.inferred === undefined ? MARKS : INFERRED_MARKS) {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = `var(--${name})`;
      legend.append(element("span", { class: "key" }, swatch, words));
    }
    readout.before(legend);
  }

  #words(row: number, again: ReadonlyMap<number, number>): string {
    const rule = ruleOf(this.#run, row);
    const why = rule === null ? "" : `${rule.meaning}${rule.section === "" ? "" : ` (${rule.section})`}`;
    const truth = truthText(this.#run, row, again.get(row) ?? -1);
    const time = `${(this.#run.packets.time[row]! / 1e6).toFixed(6)} s`;
    return [time, shortText(this.#run, row), why, linkText(this.#run, row), truth]
      .filter((part) => part !== "")
      .join(" · ");
  }

  #windows(owner: number): void {
    const data = windowSeries(this.#run, owner);
    if (data[0]!.length === 0) return;
    this.#chart("windows", null, {
      title: this.#run.inferred === undefined ? "Congestion window" : "In flight (cwnd is not in a capture)",
      height: 220,
      value: octets,
      data,
      lines: [
        { label: "cwnd", colour: "cwnd", width: 2, steps: true },
        { label: "ssthresh", colour: "ssthresh", dash: [5, 4], steps: true },
        { label: "in flight", colour: "flight-line", steps: true },
        { label: "peer's window", colour: "window", steps: true },
        { label: "paced per round trip", colour: "pacing", dash: [2, 3], steps: true },
      ].slice(0, data.length - 1),
    });
  }

  #trips(owner: number): void {
    const data = tripSeries(this.#run, owner);
    if (data[0]!.length === 0) return;
    this.#chart("trips", null, {
      title: "Round trip",
      height: 200,
      value: milliseconds,
      data,
      lines: [
        { label: "sample", colour: "sample", dots: true },
        { label: "SRTT", colour: "srtt", width: 2 },
        { label: "RTO", colour: "rto", dash: [5, 4], steps: true },
      ],
    });
  }

  #rates(): void {
    const data = rateSeries(this.#run, this.#way, this.#span.first, this.#span.last);
    this.#chart("rates", null, {
      title: "Goodput",
      height: 170,
      value: rate,
      data,
      lines: [
        { label: "arrived for the first time", colour: "goodput", width: 2, fill: "goodput-fill", steps: true },
        { label: "sent", colour: "segment", steps: true },
        { label: "pacing rate", colour: "pacing", dash: [2, 3], steps: true },
      ].slice(0, data.length - 1),
    });
  }

  #queue(): void {
    const data = queueSeries(this.#run, this.#way);
    if (data === null) return;
    const drops = droppedRows(this.#run, this.#way);
    const counts = countsOf(this.#run, drops);
    const note = element("div", { class: "legend" }, `dropped: ${counts || "nothing"}`);
    this.#chart("queue", note, {
      title: "Queue of the link",
      height: 160,
      value: (value) => `${Math.round(value)}`,
      data,
      lines: [{ label: "packets waiting", colour: "queue", fill: "queue-fill", steps: true }],
      range: (_, max) => [0, Math.max(4, max * 1.15)],
      draw: (u) => drawDrops(u, this.#run, drops),
    });
  }

  #chart(name: string, below: HTMLElement | null, options: ChartOptions): void {
    const root = element("section", { class: "chart", "data-chart": name });
    this.root.append(root);
    const made = chart(root, this.#span, Math.max(320, this.root.clientWidth - 2), options);
    if (below !== null) root.append(below);
    this.#charts.push(made);
    this.#parts.push(made);
  }

  #add(part: { readonly root: HTMLElement; resize(width: number): void } | null): void {
    if (part === null) return;
    this.root.append(part.root);
    part.resize(Math.max(320, this.root.clientWidth - 2));
    this.#parts.push(part);
  }

  #pick(row: number): void {
    const time = this.#run.packets.time[row]! / 1e6;
    if (time < this.#span.min || time > this.#span.max) this.#span.show(time, time);
    this.#span.point(time);
    requestAnimationFrame(() => this.#table.pick(row));
  }

  #followCursor(): void {
    this.#table.showTime(this.#span.cursor);
  }
}

function rowsOf({ packets }: Run, connection: number): Uint32Array {
  const rows: number[] = [];
  packets.connection.forEach((each, row) => {
    if (each === connection) rows.push(row);
  });
  return Uint32Array.from(rows);
}

function countsOf(run: Run, rows: Uint32Array): string {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const { meaning, name } = run.rules[run.packets.dropped[row]!]!;
    const words = meaning || name;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, n]) => `${n} × ${words}`).join(", ");
}

/** A cross at the time of each drop, at the length of the queue it met. */
function drawDrops(u: uPlot, run: Run, rows: Uint32Array): void {
  const { ctx, bbox } = u;
  const unit = window.devicePixelRatio || 1;
  const r = 4 * unit;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--drop");
  ctx.lineWidth = 1.8 * unit;
  ctx.beginPath();
  let last = Number.NaN;
  for (const row of rows) {
    const x = u.valToPos((run.packets.time[row]! + run.packets.delivered[row]!) / 1e6, "x", true);
    if (Math.abs(x - last) < unit) continue;
    last = x;
    const y = u.valToPos(run.packets.queue[row]!, "y", true);
    ctx.moveTo(x - r, y - r);
    ctx.lineTo(x + r, y + r);
    ctx.moveTo(x - r, y + r);
    ctx.lineTo(x + r, y - r);
  }
  ctx.stroke();
  ctx.restore();
}
