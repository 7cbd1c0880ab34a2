/** The pictures of docs/GOODPUT.md. They follow the colour scheme of the reader. */
import { type Cell, CONTROLS, keyOf, LOSSES, QUEUES, RTTS } from "./grid.ts";
import type { Results, Row } from "./results.ts";

const COLOURS = { cubic: "#2563eb", newreno: "#a16207", bbr1: "#be185d", bbr: "#0d9488" } as const;
/** Lines that lie on each other can be told apart. */
const DASHES = { cubic: "", newreno: "7 4", bbr1: "2 3", bbr: "" } as const;
/** Mbit/s. */
const RATE = 100;

const PANEL = { width: 190, height: 170, left: 46, top: 58, gap: 16 };

type Cells = Results["cells"];
type Control = (typeof CONTROLS)[number];

interface Panel {
  readonly title: string;
  readonly ticks: readonly string[];
  /** From 0 to 1, for each tick. */
  readonly lines: ReadonlyMap<Control, readonly number[]>;
}

interface Picture {
  readonly label: string;
  readonly about: string;
  readonly axis: string;
  readonly scale: readonly string[];
  readonly panels: readonly Panel[];
}

/** A panel for each round trip: goodput over loss, with a queue of one BDP. */
export function lossPicture(cells: Cells): string {
  const panels = RTTS.map((rtt) =>
    panel(`${rtt} ms`, LOSSES.map(String), (cc, i) => {
      const row = rowOf(cells, { rate: RATE, rtt, loss: LOSSES[i]!, queue: "1", cc });
      return (row?.[0] ?? 0) / RATE;
    }),
  );
  return draw({
    label: `Goodput over loss at ${RATE} Mbit/s, by round trip and controller`,
    about: `Goodput at ${RATE} Mbit/s with a queue of 1 BDP, by round trip, over random loss in percent`,
    axis: "Mbit/s",
    scale: ["0", "50", "100"],
    panels,
  });
}

/** A panel for each round trip: the 95th percentile of the waiting time over the queue, in units of the round trip. */
export function delayPicture(cells: Cells): string {
  const most = 4;
  const panels = RTTS.map((rtt) =>
    panel(
      `${rtt} ms`,
      QUEUES.map((queue) => (queue === "codel" ? "CoDel" : queue)),
      (cc, i) => {
        const row = rowOf(cells, { rate: RATE, rtt, loss: 0, queue: QUEUES[i]!, cc });
        return Math.min((row?.[2] ?? 0) / rtt / most, 1);
      },
    ),
  );
  return draw({
    label: `Waiting time over the length of the queue at ${RATE} Mbit/s, by round trip and controller`,
    about: `95 % of the packets waited at most this long at ${RATE} Mbit/s without random loss, in round trips, over the queue in BDP`,
    axis: "round trips",
    scale: ["0", "2", "4"],
    panels,
  });
}

function panel(title: string, ticks: readonly string[], value: (cc: Control, i: number) => number): Panel {
  const lines = new Map(CONTROLS.map((cc) => [cc, ticks.map((_, i) => value(cc, i))]));
  return { title, ticks, lines };
}

function rowOf(cells: Cells, cell: Cell): Row | undefined {
  return cells[keyOf(cell)];
}

function draw({ label, about, axis, scale, panels }: Picture): string {
  const { width, height, left, top, gap } = PANEL;
  const wide = left + panels.length * (width + gap);
  const tall = top + height + 62;
  const y = (value: number) => top + height * (1 - value);
  const grid = scale.map((name, i) => {
    const at = y(i / (scale.length - 1));
    return `<text class="small" x="${left - 8}" y="${at + 4}" text-anchor="end">${name}</text>`;
  });
  const legend = CONTROLS.map((cc, i) => {
    const x = left + i * 110;
    const at = tall - 14;
    return `${line(cc, `M${x} ${at - 4}h28`)}<text x="${x + 34}" y="${at}">${cc}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${tall}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" role="img" aria-label="${label}">
  <style>
    text { fill: #0f172a } .small { font-size: 11px; fill: #475569 } .grid { stroke: #cbd5e1 } path { fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) { text { fill: #f1f5f9 } .small { fill: #cbd5e1 } .grid { stroke: #475569 } path { filter: brightness(1.5) } }
  </style>
  <text x="${left}" y="18">${about}</text>
  <text class="small" x="${left - 38}" y="${top - 10}">${axis}</text>
  ${grid.join("\n  ")}
  ${panels.map((each, i) => drawPanel(each, left + i * (width + gap), scale.length)).join("\n  ")}
  ${legend.join("\n  ")}
</svg>
`;
}

function drawPanel({ title, ticks, lines }: Panel, left: number, steps: number): string {
  const { width, height, top } = PANEL;
  const x = (i: number) => left + 10 + ((width - 20) * i) / (ticks.length - 1);
  const y = (value: number) => (top + height * (1 - value)).toFixed(1);
  const grid = Array.from({ length: steps }, (_, i) => {
    const at = top + (height * i) / (steps - 1);
    return `<line class="grid" x1="${left}" x2="${left + width}" y1="${at}" y2="${at}"/>`;
  });
  const names = ticks.map(
    (name, i) => `<text class="small" x="${x(i)}" y="${top + height + 18}" text-anchor="middle">${name}</text>`,
  );
  const paths = CONTROLS.map((cc) => {
    const points = (lines.get(cc) ?? []).map((value, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(value)}`);
    return line(cc, points.join(""));
  });
  return [
    `<text x="${left + width}" y="${top - 10}" text-anchor="end">${title}</text>`,
    ...grid,
    ...names,
    ...paths,
  ].join("\n  ");
}

function line(cc: Control, path: string): string {
  const dashes = DASHES[cc] === "" ? "" : ` stroke-dasharray="${DASHES[cc]}"`;
  return `<path d="${path}" stroke="${COLOURS[cc]}"${dashes}/>`;
}
