/** The sequence ladder: packets as arrows between the two ends, in the order of time. */
import { arrivalOf } from "../model/direction.ts";
import { NEVER, RESENT, type Run } from "../model/run.ts";
import { linkText, ruleOf, shortText } from "./describe.ts";
import { element } from "./dom.ts";
import { seconds } from "./format.ts";
import type { Span } from "./span.ts";

/** Packets that are shown; of more, the first and the last half: the opening and the close. */
const SHOWN_MAX = 60;
/** Pixels between two times that follow one another, and at most between two that are far apart. */
const STEP = 15;
const STEP_MAX = 40;
/** Between arrivals, which have no words. */
const ARRIVAL = 6;
const MARGIN = 96;

const NS = "http://www.w3.org/2000/svg";

export class Ladder {
  readonly root = element("section", { class: "chart ladder", "data-chart": "ladder" });
  readonly #run: Run;
  readonly #rows: Uint32Array;
  readonly #ends: readonly [string, string];
  readonly #span: Span;
  readonly #onPick: (row: number) => void;
  readonly #body = element("div");
  #width = 0;

  /** @param rows the packets of the connection, in the order of time */
  constructor(run: Run, connection: number, rows: Uint32Array, span: Span, onPick: (row: number) => void) {
    this.#run = run;
    this.#rows = rows;
    this.#span = span;
    this.#onPick = onPick;
    const { ends, who } = run.connections[connection]!;
    this.#ends = [`${who[0]} ${ends[0]}`.trim(), `${who[1]} ${ends[1]}`.trim()];
    this.root.append(element("h3", {}, "Ladder"), this.#body);
    span.onRange(() => this.draw());
  }

  resize(width: number): void {
    this.#width = width;
    this.draw();
  }

  draw(): void {
    const [shown, left] = this.#shown();
    const places = this.#places(shown);
    const height = places.bottom;
    const svg = make("svg", {
      width: `${this.#width}`,
      height: `${height + 24}`,
      role: "img",
      "aria-label": "sequence ladder",
    });
    const [x0, x1] = [MARGIN, this.#width - MARGIN];
    for (const [x, name] of [
      [x0, this.#ends[0]],
      [x1, this.#ends[1]],
    ] as const) {
      svg.append(make("line", { x1: `${x}`, x2: `${x}`, y1: "20", y2: `${height + 14}`, class: "rail" }));
      svg.append(text(name, x, 13, "middle", "end-name"));
    }
    const words = make("g", { class: "words" });
    shown.forEach((row, i) => {
      if (left > 0 && i === SHOWN_MAX / 2) svg.append(this.#gap(left, places.sent[i]! - STEP / 2));
      svg.append(this.#arrow(row, [places.sent[i]!, places.arrived[i]!], [x0, x1], words));
    });
    // Over all arrows.
    svg.append(words);
    this.#body.replaceChildren(
      shown.length === 0 ? element("p", { class: "note" }, "No packets in this time.") : (svg as unknown as Node),
    );
  }

  /** The rows of the span, and how many in their middle are left out. */
  #shown(): [readonly number[], number] {
    const { time } = this.#run.packets;
    const { min, max } = this.#span;
    const first = lowerBound(this.#rows, time, min * 1e6 - 1);
    const end = lowerBound(this.#rows, time, max * 1e6 + 1);
    const rows = this.#rows;
    if (end - first <= SHOWN_MAX) return [Array.from(rows.subarray(first, end)), 0];
    const half = SHOWN_MAX / 2;
    const shown = [...rows.subarray(first, first + half), ...rows.subarray(end - half, end)];
    return [shown, end - first - SHOWN_MAX];
  }

  /** When it arrived, or was dropped; its own time if that is not known. */
  #arrivalTime(row: number): number {
    const { dropped, time, delivered } = this.#run.packets;
    if (dropped[row] !== 0 && delivered[row] !== NEVER) return time[row]! + delivered[row]!;
    const arrival = arrivalOf(this.#run, row);
    return Number.isFinite(arrival) ? arrival : time[row]!;
  }

  /** The heights of both ends of each arrow. Each has its own line, and far times are further apart, but not as far as they are. */
  #places(shown: readonly number[]): { readonly sent: number[]; readonly arrived: number[]; readonly bottom: number } {
    const { time } = this.#run.packets;
    const ends = shown
      .flatMap((row, i) => [
        { at: time[row]!, i, isSent: true },
        { at: this.#arrivalTime(row), i, isSent: false },
      ])
      .sort((a, b) => a.at - b.at || Number(a.isSent) - Number(b.isSent) || a.i - b.i);
    const total = ends.length > 1 ? ends.at(-1)!.at - ends[0]!.at : 0;
    const usual = Math.max(1, total / Math.max(1, ends.length));
    const sent: number[] = [];
    const arrived: number[] = [];
    let y = 20;
    let before = ends[0]?.at ?? 0;
    for (const { at, i, isSent } of ends) {
      const step = isSent ? STEP : ARRIVAL;
      y += Math.min(STEP_MAX, step * Math.max(1, Math.sqrt((at - before) / usual)));
      before = at;
      (isSent ? sent : arrived)[i] = isSent ? y : Math.max(y, (sent[i] ?? 0) + ARRIVAL);
    }
    return { sent, arrived, bottom: y };
  }

  #arrow(
    row: number,
    [y1, y2]: readonly [number, number],
    [x0, x1]: readonly [number, number],
    words: SVGElement,
  ): SVGElement {
    const { from, bits, dropped, time } = this.#run.packets;
    const [a, b] = from[row] === 0 ? [x0, x1] : [x1, x0];
    const isLost = dropped[row] !== 0;
    const isAgain = (bits[row]! & RESENT) !== 0;
    const kind = isLost ? "lost" : isAgain ? "again" : "plain";
    const group = make("g", { class: `packet ${kind}`, tabindex: "0" });
    const end = isLost ? a + (b - a) * 0.62 : b;
    const down = isLost ? y1 + (y2 - y1) * 0.62 : y2;
    group.append(make("line", { x1: `${a}`, y1: `${y1}`, x2: `${end}`, y2: `${down}` }));
    if (isLost) group.append(text("✗", end, down + 4, "middle", "cross"));
    else group.append(head(a, y1, b, y2));
    // Beside its sender, on its own line.
    words.append(
      text(
        shortText(this.#run, row),
        from[row] === 0 ? a + 10 : a - 10,
        y1 - 3,
        from[row] === 0 ? "start" : "end",
        `what ${kind}`,
      ),
    );
    const width = this.#span.max - this.#span.min;
    words.append(
      text(
        seconds(time[row]! / 1e6, Math.min(width, 0.01)),
        from[row] === 0 ? a - 6 : a + 6,
        y1 + 4,
        from[row] === 0 ? "end" : "start",
        "when",
      ),
    );
    const title = make("title", {});
    title.textContent = [shortText(this.#run, row), ruleOf(this.#run, row)?.meaning ?? "", linkText(this.#run, row)]
      .filter((part) => part !== "")
      .join("\n");
    group.append(title);
    group.addEventListener("click", () => this.#onPick(row));
    return group;
  }

  #gap(left: number, y: number): SVGElement {
    return text(
      `… ${left.toLocaleString("en-US")} packets between these: zoom in to see them …`,
      this.#width / 2,
      y,
      "middle",
      "gap",
    );
  }
}

function lowerBound(rows: Uint32Array, time: Float64Array, at: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[rows[middle]!]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function make(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function text(words: string, x: number, y: number, anchor: string, kind: string): SVGElement {
  const made = make("text", { x: `${x}`, y: `${y}`, "text-anchor": anchor, class: kind });
  made.textContent = words;
  return made;
}

/** An arrow's head at its end. */
function head(x1: number, y1: number, x2: number, y2: number): SVGElement {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const wing = (turn: number) => `${x2 - 8 * Math.cos(angle + turn)},${y2 - 8 * Math.sin(angle + turn)}`;
  return make("polygon", { points: `${x2},${y2} ${wing(0.38)} ${wing(-0.38)}` });
}
