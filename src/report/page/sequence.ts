/** The time–sequence graph in tcptrace's grammar, with what the link did. */
import type uPlot from "uplot";
import { arrivalOf, type Way } from "../model/direction.ts";
import { DUPLICATED, FIN, NEVER, PSH, REORDERED, RESENT, RST, type Run, SYN } from "../model/run.ts";
import { colour } from "./dom.ts";
import { fateTime } from "./series.ts";

/** More segments than this are drawn as one stroke per column of pixels. */
const SINGLE_MAX = 6_000;
/** CSS pixels of the stroke of a retransmission at least, and of its letter. */
const STROKE_MIN = 7;
const LETTER = 9;
/** So few get their marks, and their way over the link. */
const DETAIL_MAX = 500;

/** What a direction's pictures need, prepared once. */
export class SequenceData {
  readonly run: Run;
  readonly way: Way;
  /** By entry of `way.sent`, s. */
  readonly times: Float64Array;
  /** Entries of `way.back` in the order in which they came to the sender; and when, s. */
  readonly acks: Uint32Array;
  readonly ackTimes: Float64Array;
  /** By SACK block of the other direction's packets: when it came, s, and its edges. */
  readonly sacks: readonly { readonly time: number; readonly left: number; readonly right: number }[];

  constructor(run: Run, way: Way) {
    this.run = run;
    this.way = way;
    this.times = Float64Array.from(way.sent, (row) => run.packets.time[row]! / 1e6);
    const came = Float64Array.from(way.back, (row) => arrivalOf(run, row) / 1e6);
    this.acks = Uint32Array.from(way.back, (_, k) => k)
      .filter((k) => Number.isFinite(came[k]!))
      .sort((a, b) => came[a]! - came[b]! || a - b);
    this.ackTimes = Float64Array.from(this.acks, (k) => came[k]!);
    this.sacks = sacksOf(run, way, came);
  }

  /** Entries from `min` to `max` seconds: the first, and the one after the last. */
  within(times: Float64Array, min: number, max: number): [number, number] {
    return [lowerBound(times, min), lowerBound(times, max + 1e-9)];
  }

  /** The range of sequence numbers that are sent or acknowledged in this time. */
  range(min: number, max: number): [number, number] {
    const [a, b] = this.within(this.times, min, max);
    let low = Number.POSITIVE_INFINITY;
    let high = 0;
    for (let k = a; k < b; k++) {
      low = Math.min(low, this.way.left[k]!);
      high = Math.max(high, this.way.right[k]!);
    }
    const [c, d] = this.within(this.ackTimes, min, max);
    for (let i = Math.max(0, c - 1); i < d; i++) {
      const acked = this.way.acked[this.acks[i]!]!;
      if (acked < 0) continue;
      low = Math.min(low, acked);
      high = Math.max(high, acked);
    }
    if (!(low < high)) return [0, Math.max(1, high)];
    const around = (high - low) * 0.04;
    return [Math.max(0, low - around), high + around];
  }

  /** The packet nearest to a point: its row; -1: none is near. */
  nearest(u: uPlot): number {
    const { left = -1, top = -1 } = u.cursor;
    if (left < 0) return -1;
    const time = u.posToVal(left, "x");
    const reach = Math.abs(u.posToVal(left + 14, "x") - time);
    const [a, b] = this.within(this.times, time - reach, time + reach);
    let best = -1;
    let distance = Number.POSITIVE_INFINITY;
    for (let k = a; k < b; k++) {
      const x = u.valToPos(this.times[k]!, "x");
      const [y1, y2] = [u.valToPos(this.way.right[k]!, "y"), u.valToPos(this.way.left[k]!, "y")];
      const dy = top < y1 ? y1 - top : top > y2 ? top - y2 : 0;
      const far = Math.hypot(x - left, dy);
      if (far < distance) {
        distance = far;
        best = this.way.sent[k]!;
      }
    }
    return distance < 60 ? best : -1;
  }
}

function lowerBound(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sacksOf(run: Run, way: Way, came: Float64Array): SequenceData["sacks"] {
  const { row, left, right } = run.sacks;
  const entries = new Map<number, number>();
  const wanted = new Set(row);
  for (let k = 0; k < way.back.length; k++) if (wanted.has(way.back[k]!)) entries.set(way.back[k]!, k);
  const found: { time: number; left: number; right: number }[] = [];
  for (let i = 0; i < row.length; i++) {
    const k = entries.get(row[i]!);
    if (k === undefined || !Number.isFinite(came[k]!)) continue;
    // Relative to the ACK, modulo 2^32: near to what it acknowledges.
    const base = way.acked[k]!;
    const from = base + (((left[i]! - base) % 0x1_0000_0000) | 0);
    found.push({ time: came[k]!, left: from, right: from + ((right[i]! - left[i]!) >>> 0) });
  }
  return found.sort((a, b) => a.time - b.time);
}

/** Draws into the plot's canvas. */
export function drawSequence(u: uPlot, data: SequenceData): void {
  const { ctx, bbox } = u;
  const { min = 0, max = 1 } = u.scales.x!;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const pen = new Pen(u);
  const [a, b] = data.within(data.times, min, max);
  drawAcks(pen, data, min, max);
  drawSacks(pen, data, min, max);
  if (b - a <= DETAIL_MAX) drawFlights(pen, data, a, b);
  if (b - a <= SINGLE_MAX) drawSegments(pen, data, a, b);
  else drawColumns(pen, data, a, b);
  drawFates(pen, data, a, b);
  ctx.restore();
}

/** Positions in the canvas, and strokes in the colours of the theme. */
class Pen {
  readonly ctx: CanvasRenderingContext2D;
  readonly u: uPlot;
  readonly unit = window.devicePixelRatio || 1;

  constructor(u: uPlot) {
    this.u = u;
    this.ctx = u.ctx;
  }

  x(time: number): number {
    return this.u.valToPos(time, "x", true);
  }

  y(seq: number): number {
    return this.u.valToPos(seq, "y", true);
  }

  begin(name: string, width: number): void {
    this.ctx.strokeStyle = colour(name);
    this.ctx.fillStyle = colour(name);
    this.ctx.lineWidth = width * this.unit;
    this.ctx.beginPath();
  }

  line(x1: number, y1: number, x2: number, y2: number): void {
    this.ctx.moveTo(x1, y1);
    this.ctx.lineTo(x2, y2);
  }

  text(text: string, x: number, y: number, name: string): void {
    this.ctx.fillStyle = colour(name);
    this.ctx.font = `bold ${10 * this.unit}px system-ui, sans-serif`;
    this.ctx.textAlign = "center";
    this.ctx.fillText(text, x, y);
  }
}

/** The ACK line and the window's right edge as steps, and ticks for duplicate ACKs. */
function drawAcks(pen: Pen, data: SequenceData, min: number, max: number): void {
  const [c, d] = data.within(data.ackTimes, min, max);
  const from = Math.max(0, c - 1);
  const to = Math.min(data.acks.length, d + 1);
  for (const [name, values] of [
    ["window", data.way.edge],
    ["ack", data.way.acked],
  ] as const) {
    pen.begin(name, 1.3);
    let y = Number.NaN;
    let end = 0;
    const top = pen.u.scales.y!.max! * 1.5;
    const isDense = to - from > SINGLE_MAX;
    for (let i = from; i < to; i++) {
      const value = values[data.acks[i]!]!;
      if (value < 0) continue;
      const x = pen.x(data.ackTimes[i]!);
      if (value > top) {
        // The edge is far above the picture.
        if (!Number.isNaN(y)) pen.ctx.lineTo(x, y);
        y = Number.NaN;
        continue;
      }
      const next = pen.y(value);
      // Of many steps in one column of pixels, the last one is enough.
      if (isDense && x - end < 1 && !Number.isNaN(y)) {
        y = next;
        continue;
      }
      if (Number.isNaN(y)) pen.ctx.moveTo(x, next);
      else {
        pen.ctx.lineTo(x, y);
        if (next !== y) pen.ctx.lineTo(x, next);
      }
      y = next;
      end = x;
    }
    if (to === data.acks.length && !Number.isNaN(y))
      pen.line(end, y, pen.x(Math.min(max, data.times.at(-1) ?? max)), y);
    pen.ctx.stroke();
  }
  if (d - c > SINGLE_MAX) return;
  pen.begin("ack", 1);
  let before = from < c ? data.way.acked[data.acks[from]!]! : -1;
  for (let i = c; i < d; i++) {
    const k = data.acks[i]!;
    const acked = data.way.acked[k]!;
    const isPure = data.run.packets.length[data.way.back[k]!] === 0;
    if (acked >= 0 && acked === before && isPure) {
      const [x, y] = [pen.x(data.ackTimes[i]!), pen.y(acked)];
      pen.line(x, y, x, y + 5 * pen.unit);
    }
    before = acked;
  }
  pen.ctx.stroke();
}

function drawSacks(pen: Pen, { sacks }: SequenceData, min: number, max: number): void {
  pen.begin("sack", 1.5);
  let drawn = 0;
  for (const { time, left, right } of sacks) {
    if (time < min || time > max || drawn++ > SINGLE_MAX) continue;
    const x = pen.x(time);
    pen.line(x, pen.y(left), x, pen.y(right));
  }
  pen.ctx.stroke();
}

/** The way of each packet over the link: a thin line until it arrives, or until where it was dropped. */
function drawFlights(pen: Pen, { run, way, times }: SequenceData, a: number, b: number): void {
  pen.begin("flight", 0.8);
  for (let k = a; k < b; k++) {
    const row = way.sent[k]!;
    if (run.packets.delivered[row] === NEVER && run.packets.arrived[row] === NEVER) continue;
    const y = (pen.y(way.left[k]!) + pen.y(way.right[k]!)) / 2;
    pen.line(pen.x(times[k]!), y, pen.x(fateTime(run, row)), y);
  }
  pen.ctx.stroke();
}

function drawSegments(pen: Pen, { run, way, times }: SequenceData, a: number, b: number): void {
  const { flags, bits } = run.packets;
  const isClose = b - a <= DETAIL_MAX;
  const cap = isClose ? 2.5 * pen.unit : 0;
  for (const again of [false, true]) {
    pen.begin(again ? "resent" : "segment", again ? 2 : 1.4);
    for (let k = a; k < b; k++) {
      if (((bits[way.sent[k]!]! & RESENT) !== 0) !== again) continue;
      const [x, top, bottom] = [pen.x(times[k]!), pen.y(way.right[k]!), pen.y(way.left[k]!)];
      if (top === bottom) continue;
      // What was sent again is seen from afar, too.
      if (again) atLeast(pen, x, top, bottom);
      else pen.line(x, bottom, x, Math.min(top, bottom - pen.unit));
      if (cap === 0) continue;
      pen.line(x - cap, top, x + cap, top);
      pen.line(x - cap, bottom, x + cap, bottom);
    }
    pen.ctx.stroke();
  }
  let lastR = Number.NEGATIVE_INFINITY;
  for (let k = a; k < b; k++) {
    const row = way.sent[k]!;
    const [x, y] = [pen.x(times[k]!), pen.y(way.right[k]!)];
    const kind = flags[row]!;
    const letter = kind & RST ? "RST" : kind & SYN ? "SYN" : kind & FIN ? "FIN" : "";
    if (letter !== "") pen.text(letter, x, y - 5 * pen.unit, kind & RST ? "resent" : "step");
    else if ((bits[row]! & RESENT) !== 0) {
      // Letters do not overlap.
      if (x - lastR < LETTER * pen.unit) continue;
      lastR = x;
      pen.text("R", x, y - 4 * pen.unit, "resent");
    } else if (isClose && kind & PSH) diamond(pen, x, y);
  }
}

/** A stroke with a least length. */
function atLeast(pen: Pen, x: number, top: number, bottom: number): void {
  const more = Math.max(0, (STROKE_MIN * pen.unit - (bottom - top)) / 2);
  pen.line(x, bottom + more, x, top - more);
}

function diamond(pen: Pen, x: number, y: number): void {
  const r = 3 * pen.unit;
  pen.begin("segment", 1);
  pen.ctx.moveTo(x, y - r);
  pen.ctx.lineTo(x + r, y);
  pen.ctx.lineTo(x, y + r);
  pen.ctx.lineTo(x - r, y);
  pen.ctx.fill();
}

/** One stroke per column of pixels for what was sent first, and every retransmission. */
function drawColumns(pen: Pen, { run, way, times }: SequenceData, a: number, b: number): void {
  const { bits } = run.packets;
  pen.begin("segment", 1);
  let column = Number.NaN;
  let low = 0;
  let high = 0;
  const flush = () => {
    if (!Number.isNaN(column)) pen.line(column, pen.y(low), column, Math.min(pen.y(high), pen.y(low) - 1));
  };
  for (let k = a; k < b; k++) {
    if ((bits[way.sent[k]!]! & RESENT) !== 0) continue;
    const x = Math.round(pen.x(times[k]!));
    if (x !== column) {
      flush();
      column = x;
      low = way.left[k]!;
      high = way.right[k]!;
    } else {
      low = Math.min(low, way.left[k]!);
      high = Math.max(high, way.right[k]!);
    }
  }
  flush();
  pen.ctx.stroke();
  pen.begin("resent", 1.6);
  let last = Number.NaN;
  for (let k = a; k < b; k++) {
    if ((bits[way.sent[k]!]! & RESENT) === 0) continue;
    const x = Math.round(pen.x(times[k]!));
    const y = pen.y(way.left[k]!);
    if (x === last) continue;
    last = x;
    atLeast(pen, x, pen.y(way.right[k]!), y);
  }
  pen.ctx.stroke();
}

/** A cross where the link dropped a packet, a 2 where it delivered one twice, an arrow where one overtook others. */
function drawFates(pen: Pen, { run, way }: SequenceData, a: number, b: number): void {
  const { dropped, bits } = run.packets;
  const r = 3.5 * pen.unit;
  pen.begin("drop", 1.8);
  const few = b - a <= DETAIL_MAX;
  let last = Number.NaN;
  for (let k = a; k < b; k++) {
    const row = way.sent[k]!;
    if (dropped[row] === 0) continue;
    const x = pen.x(fateTime(run, row));
    if (b - a > SINGLE_MAX && Math.abs(x - last) < r) continue;
    last = x;
    const y = (pen.y(way.left[k]!) + pen.y(way.right[k]!)) / 2;
    pen.line(x - r, y - r, x + r, y + r);
    pen.line(x - r, y + r, x + r, y - r);
  }
  pen.ctx.stroke();
  if (!few) return;
  for (let k = a; k < b; k++) {
    const row = way.sent[k]!;
    const y = (pen.y(way.left[k]!) + pen.y(way.right[k]!)) / 2;
    if (bits[row]! & DUPLICATED) pen.text("×2", pen.x(fateTime(run, row)), y - 3 * pen.unit, "drop");
    if (bits[row]! & REORDERED) pen.text("«", pen.x(fateTime(run, row)), y - 3 * pen.unit, "drop");
  }
}
