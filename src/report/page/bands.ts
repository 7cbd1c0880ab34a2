/** Bands over time: what limits the sender, and the states of both ends. */
import { STATE_NAMES } from "#tcp/words/names";
import type { Way } from "../model/direction.ts";
import { type Run, STATE } from "../model/run.ts";
import { type Interval, KINDS, type Kind, limitsOf } from "../verdict/limits.ts";
import { duration, percent } from "../verdict/text.ts";
import { LEFT, RIGHT } from "./chart.ts";
import { colour, element, fit } from "./dom.ts";
import type { Span } from "./span.ts";

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  handshake: "handshake",
  "slow-start": "congestion window: slow start",
  congestion: "congestion window",
  recovery: "loss recovery",
  timeout: "waiting for a timeout",
  "receive-window": "receiver's window",
  "send-buffer": "send buffer",
  application: "application",
  "small-segment": "small segment waits",
  pacing: "pacing",
  tail: "last ACKs",
};

interface Stripe {
  /** s */
  readonly start: number;
  readonly end: number;
  readonly colour: string;
  readonly text: string;
}

const HEIGHT = 22;

/** Draws stripes at the times that the charts show, and says what is under the pointer. */
class Band {
  readonly root: HTMLElement;
  readonly #canvas = element("canvas");
  readonly #label: HTMLElement;
  readonly #stripes: readonly Stripe[];
  readonly #span: Span;
  #width = 0;

  constructor(span: Span, name: string, stripes: readonly Stripe[]) {
    this.#span = span;
    this.#stripes = stripes;
    this.#label = element("div", { class: "band-name" }, name);
    this.root = element("div", { class: "band" }, this.#label, this.#canvas);
    this.#label.style.width = `${LEFT}px`;
    this.#canvas.addEventListener("mousemove", (event) => {
      const time = span.min + (event.offsetX / this.#width) * (span.max - span.min);
      const found = stripes.find(({ start, end }) => start <= time && time < end);
      this.#canvas.title =
        found === undefined
          ? ""
          : `${found.text}: ${duration((found.end - found.start) * 1e6)}, from ${found.start.toFixed(6)} s`;
      span.point(time);
    });
    this.#canvas.addEventListener("dblclick", () => span.reset());
    span.onRange(() => this.draw());
  }

  resize(width: number): void {
    this.#width = Math.max(10, width - LEFT - RIGHT);
    this.draw();
  }

  draw(): void {
    const { min, max } = this.#span;
    const ctx = fit(this.#canvas, this.#width, HEIGHT);
    const x = (time: number) => ((time - min) / (max - min)) * this.#width;
    ctx.font = "11px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    for (const { start, end, colour: name, text } of this.#stripes) {
      if (end < min || start > max) continue;
      const [from, to] = [Math.max(0, x(start)), Math.min(this.#width, x(end))];
      ctx.fillStyle = colour(name);
      ctx.fillRect(from, 0, Math.max(to - from, 0.7), HEIGHT);
      if (to - from < ctx.measureText(text).width + 10) continue;
      ctx.fillStyle = colour("on-band");
      ctx.fillText(text, from + 5, HEIGHT / 2 + 0.5);
    }
  }
}

/** The band of limits with its legend; null if the sender was not recorded. */
export function limitBand(
  run: Run,
  way: Way,
  span: Span,
): { readonly root: HTMLElement; resize(width: number): void } | null {
  const intervals = limitsOf(run, way);
  if (intervals === null) return null;
  const stripes = intervals.map(
    ({ start, end, kind }): Stripe => ({
      start: start / 1e6,
      end: end / 1e6,
      colour: `limit-${kind}`,
      text: KIND_WORDS[kind],
    }),
  );
  const band = new Band(span, "limited by", stripes);
  const root = element(
    "section",
    { class: "chart", "data-chart": "limits" },
    element("h3", {}, run.inferred === undefined ? "What limits the sender" : "What limits the sender (inferred)"),
    band.root,
  );
  root.append(legend(intervals));
  return { root, resize: (width) => band.resize(width) };
}

function legend(intervals: readonly Interval[]): HTMLElement {
  const total = intervals.reduce((sum, { start, end }) => sum + end - start, 0);
  const items = KINDS.flatMap((kind) => {
    const time = intervals.filter((each) => each.kind === kind).reduce((sum, { start, end }) => sum + end - start, 0);
    if (time === 0) return [];
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = `var(--limit-${kind})`;
    return [element("span", { class: "key" }, swatch, `${KIND_WORDS[kind]} ${percent(time / total)}`)];
  });
  return element("div", { class: "legend" }, ...items);
}

const STATE_COLOURS: Readonly<Record<string, string>> = {
  "SYN-SENT": "state-open",
  "SYN-RECEIVED": "state-open",
  LISTEN: "state-open",
  ESTABLISHED: "state-up",
  CLOSED: "state-closed",
  "TIME-WAIT": "state-wait",
};

/** The states of both ends as time lines. */
export function stateBands(run: Run, connection: number, span: Span) {
  const { happenings, connections } = run;
  const bands = ([0, 1] as const).flatMap((end) => {
    const changes: { time: number; state: string }[] = [];
    happenings.time.forEach((time, i) => {
      if (happenings.owner[i] === 2 * connection + end && happenings.what[i] === STATE)
        changes.push({ time: time / 1e6, state: STATE_NAMES[happenings.a[i]!]! });
    });
    if (changes.length === 0) return [];
    const stripes = changes.flatMap(({ time, state }, i): Stripe[] => {
      const to = changes[i + 1]?.time ?? span.last;
      const isOver = state === "CLOSED" && i === changes.length - 1;
      return isOver ? [] : [{ start: time, end: to, colour: STATE_COLOURS[state] ?? "state-close", text: state }];
    });
    return [new Band(span, connections[connection]!.who[end] || `end ${end + 1}`, stripes)];
  });
  const title = run.inferred === undefined ? "States of both ends" : "States of both ends (inferred)";
  const root = element("section", { class: "chart", "data-chart": "states" }, element("h3", {}, title));
  root.append(...bands.map(({ root }) => root));
  const resize = (width: number) => {
    for (const band of bands) band.resize(width);
  };
  return { root, isEmpty: bands.length === 0, resize };
}
