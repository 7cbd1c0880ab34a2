/** uPlot in the colours of the page, with the time that all charts share. */
import uPlot from "uplot";
import { colour } from "./dom.ts";
import { seconds } from "./format.ts";
import type { Span } from "./span.ts";

/** CSS pixels left of all plots, so that times stand one below the other; and the width of the part on the right. */
export const LEFT = 84;
export const RIGHT = 12;

export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly width?: number;
  readonly dash?: number[];
  /** Dots instead of a line. */
  readonly dots?: boolean;
  readonly steps?: boolean;
  readonly fill?: string;
  readonly scale?: string;
}

export interface ChartOptions {
  readonly title: string;
  readonly height: number;
  readonly value: (value: number) => string;
  readonly lines: readonly Line[];
  /** Times in seconds, then the values of each line. */
  readonly data: readonly (Float64Array | (number | null)[])[];
  /** The range of values if it is not that of the lines. */
  readonly range?: (min: number, max: number) => [number, number];
  /** Draws over the lines. */
  readonly draw?: (u: uPlot) => void;
  /** The values under the pointer. */
  readonly legend?: boolean;
  readonly onMove?: (u: uPlot) => void;
  readonly onClick?: (u: uPlot) => void;
}

export interface Chart {
  readonly plot: uPlot;
  resize(width: number): void;
  destroy(): void;
}

/** More samples than this are a line: so many dots would be a band, too. */
const DOTS_MAX = 20_000;
/** More points are joined directly: the library draws only the extremes of such lines in each column of pixels. */
const STEPS_MAX = 5_000;

/** The pointer of one chart is shown in all. */
const SYNC = uPlot.sync("time");

export function chart(parent: HTMLElement, span: Span, width: number, options: ChartOptions): Chart {
  const { lines, value } = options;
  let setting = false;
  const axis = {
    stroke: colour("dim"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { stroke: colour("grid"), width: 1 },
  };
  const plot = new uPlot(
    {
      width,
      height: options.height,
      title: options.title,
      padding: [6, RIGHT, 0, 0],
      legend: { show: options.legend ?? true, live: true },
      cursor: pointer(span),
      scales: {
        x: { time: false, min: span.min, max: span.max, range: (_, min, max) => [min, max] },
        y: { range: (_, min, max) => (options.range ?? fromZero)(min, max) },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick) => seconds(tick, span.max - span.min)), size: 28 },
        { ...axis, size: LEFT, values: (_, ticks) => ticks.map(value) },
      ],
      series: [
        { label: "time", value: (_, t) => (t === null ? "–" : `${t.toFixed(6)} s`) },
        ...lines.map((line) => series(line, value, options.data[0]!.length)),
      ],
      hooks: {
        setScale: [
          (u, key) => {
            if (key !== "x" || setting) return;
            const { min, max } = u.scales.x!;
            if (min !== undefined && max !== undefined) span.set(min, max);
          },
        ],
        draw: options.draw === undefined ? [] : [options.draw],
        setCursor: [
          (u) => {
            const { left } = u.cursor;
            if (left === undefined || left < 0 || !u.root.matches(":hover")) return;
            span.point(u.posToVal(left, "x"));
            options.onMove?.(u);
          },
        ],
        ready: [(u) => u.over.addEventListener("click", () => options.onClick?.(u))],
      },
    },
    options.data as unknown as uPlot.AlignedData,
    parent,
  );
  wheel(plot, span);
  span.onRange(() => {
    setting = true;
    plot.setScale("x", { min: span.min, max: span.max });
    setting = false;
  });
  return {
    plot,
    resize: (width) => {
      if (width !== plot.width) plot.setSize({ width, height: options.height });
    },
    destroy: () => plot.destroy(),
  };
}

/** Dragging zooms, a double-click shows all, and the pointer is shown in all charts. */
function pointer(span: Span): uPlot.Cursor {
  return {
    sync: { key: SYNC.key, setSeries: false },
    drag: { x: true, y: false, setScale: true },
    bind: {
      dblclick: () => () => {
        span.reset();
        return null;
      },
    },
    points: { size: 6 },
  };
}

function series(line: Line, value: (value: number) => string, points: number): uPlot.Series {
  const stroke = colour(line.colour);
  const dots = line.dots === true && points <= DOTS_MAX;
  return {
    label: line.label,
    stroke,
    width: line.width ?? 1.5,
    ...(line.dash === undefined ? {} : { dash: line.dash }),
    ...(line.fill === undefined ? {} : { fill: colour(line.fill) }),
    ...(line.steps && points <= STEPS_MAX ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}),
    ...(dots ? { paths: () => null } : {}),
    points: dots ? { show: true, size: 3, fill: stroke, stroke, width: 0 } : { show: false },
    value: (_, v) => (v === null || v === undefined ? "–" : value(v)),
  };
}

function fromZero(_: number, max: number): [number, number] {
  return [0, max > 0 ? max * 1.06 : 1];
}

/** With Ctrl, the wheel zooms around the pointer; sideways, it moves. Without, the page scrolls. */
function wheel(plot: uPlot, span: Span): void {
  plot.over.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const at = plot.posToVal(event.offsetX, "x");
      if (event.shiftKey) span.pan(Math.sign(event.deltaY || event.deltaX) * 0.1);
      else span.zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
    },
    { passive: false },
  );
}
