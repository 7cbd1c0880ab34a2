/** The page of a report. */

import type { LiveData, Meta, ShownVerdict } from "../meta.ts";
import { comparison } from "./compare.ts";
import { type LoadedRun, loadRun, readMeta, unpackRun } from "./data.ts";
import { button, element, forgetColours } from "./dom.ts";
import { overview } from "./overview.ts";
import { keys, Span } from "./span.ts";
import { View } from "./view.ts";

const HELP =
  "drag: zoom · double-click or 0: all of it · + − ← →: zoom and move · Ctrl and wheel: zoom · n, p: next and previous loss · /: filter · t: dark or light";

const INFERRED =
  "Made from a capture: the packets are as captured; losses, reasons, states, limits and round trips are inferred from them.";

class Page {
  #runs: readonly LoadedRun[];
  #chosen: ShownVerdict[];
  #views: View[] = [];
  #span: Span | null = null;
  #forget: () => void = () => {};
  readonly #main = document.querySelector("main")!;

  constructor(runs: readonly LoadedRun[]) {
    this.#runs = runs;
    this.#chosen = runs.map(({ verdicts }) => worst(verdicts));
  }

  /** Makes everything that depends on the chosen connections, or on the theme. */
  draw(keepsZoom = false): void {
    for (const view of this.#views) view.destroy();
    this.#forget();
    forgetColours();
    const chosen = this.#chosen.filter((verdict) => verdict !== undefined);
    if (chosen.length === 0) {
      this.#main.replaceChildren(element("p", { class: "note" }, "There are no TCP connections in this record."));
      return;
    }
    const before = this.#span;
    this.#span = this.#newSpan();
    const isSame = before !== null && before.first === this.#span.first && before.last === this.#span.last;
    if (before !== null && (isSame || keepsZoom)) this.#span.set(before.min, before.max);
    this.#main.className = this.#runs.length === 2 ? "two" : "";
    this.#main.replaceChildren();
    this.#views = this.#runs.map(
      (run, i) => new View(run, this.#chosen[i]!, this.#span!, (from) => this.#turn(i, from)),
    );
    for (const view of this.#views) view.resize();
    this.#forget = keys(this.#span, {
      n: () => this.#views[0]?.next(1),
      p: () => this.#views[0]?.next(-1),
      "/": () => this.#views[0]?.focusSearch(),
      t: () => this.turnTheme(),
    });
  }

  resize(): void {
    for (const view of this.#views) view.resize();
  }

  /** The run has gone on: the same connection is shown, and the same part of it if that is not all. */
  update(runs: readonly LoadedRun[]): void {
    this.#runs = runs;
    this.#chosen = runs.map(({ verdicts }, i) => {
      const before = this.#chosen[i];
      const same = verdicts.find(({ connection, from }) => connection === before?.connection && from === before.from);
      return same ?? worst(verdicts);
    });
    const isZoomed = this.#span !== null && (this.#span.min > this.#span.first || this.#span.max < this.#span.last);
    const { scrollX, scrollY } = window;
    this.draw(isZoomed);
    window.scrollTo(scrollX, scrollY);
  }

  choose(run: number, verdict: ShownVerdict): void {
    this.#chosen[run] = verdict;
    this.draw();
    this.#main.scrollIntoView({ behavior: "smooth" });
  }

  turnTheme(): void {
    setTheme(!isDark());
    this.draw();
  }

  #turn(run: number, from: number): void {
    const { connection } = this.#chosen[run]!;
    const other = this.#runs[run]!.verdicts.find((each) => each.connection === connection && each.from === from);
    if (other !== undefined) this.choose(run, other);
  }

  /** From the first packet to the end of what is shown, and a little more. */
  #newSpan(): Span {
    const ends = this.#chosen.map((verdict, i) => {
      const { start } = this.#runs[i]!.connections[verdict.connection]!;
      return [start, Math.max(verdict.figures.end, start)] as const;
    });
    const first = Math.min(...ends.map(([start]) => start)) / 1e6;
    const last = Math.max(...ends.map(([, end]) => end)) / 1e6;
    const around = (last - first) * 0.01;
    return new Span(first - around, last + around);
  }
}

/** What is shown first: the connection with the most to say, and of its directions the one with the most data. */
function worst(verdicts: readonly ShownVerdict[]): ShownVerdict {
  const [first] = [...verdicts].sort((a, b) => b.severity - a.severity || b.figures.octets - a.figures.octets);
  const ways = verdicts.filter(({ connection }) => connection === first?.connection);
  return ways.sort((a, b) => b.figures.octets - a.figures.octets)[0]!;
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

/** The style sheet has one dark palette, which this attribute chooses: what the reader's system prefers, until a button is pressed. */
function setTheme(dark: boolean): void {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function isDark(): boolean {
  return document.documentElement.dataset.theme === "dark";
}

function heading(meta: Meta, runs: readonly LoadedRun[]): HTMLElement {
  const head = element("header", {}, element("h1", {}, meta.title));
  for (const { name, about, packets, connections, missing, leftOut, epoch, inferred } of runs) {
    const facts = Object.entries(about)
      .filter(([, value]) => value !== null && value !== "")
      .map(([key, value]) => `${key} ${String(value)}`);
    const n = (count: number) => count.toLocaleString("en-US");
    const counts = [
      `${n(packets.time.length)} packets`,
      `${n(connections.length)} connection${connections.length === 1 ? "" : "s"}`,
    ];
    if (missing > 0 && inferred === undefined)
      counts.push(`${n(missing)} events are missing: the reader of the record was too slow`);
    if (missing > 0 && inferred !== undefined)
      counts.push(`${n(missing)} packets are missing: the capturing program was too slow`);
    if (leftOut > 0) counts.push(`${n(leftOut)} further packets are left out`);
    const clock = epoch === null ? "virtual time" : `time 0 is ${new Date(epoch / 1000).toISOString()}`;
    const label = runs.length > 1 ? `${name}: ` : "";
    head.append(element("p", { class: "facts" }, `${label}${[...facts, ...counts, clock].join(" · ")}`));
    if (inferred !== undefined) head.append(element("p", { class: "facts" }, `${label}${INFERRED}`));
  }
  head.append(element("p", { class: "help" }, HELP));
  return head;
}

/** Follows a run: fetches it when there is more of it, as long as somebody looks. */
function follow(meta: Meta): void {
  const page = new Page([]);
  const state = element("p", { class: "help" }, "waiting for the first packets …");
  const top = element("div", {});
  document.body.prepend(top);
  let isBusy = false;
  let updates = 0;
  const fetchRun = async () => {
    const { runs, data } = (await (await fetch("run")).json()) as LiveData;
    const loaded = await Promise.all(runs.map((run, i) => unpackRun(run, data[i]!)));
    const head = heading(meta, loaded);
    head.append(
      button("dark / light", "change the colours (t)", () => page.turnTheme()),
      state,
    );
    top.replaceChildren(head);
    page.update(loaded);
    document.documentElement.dataset.ready = `${++updates}`;
  };
  const source = new EventSource("events");
  source.onmessage = async ({ data }: MessageEvent<string>) => {
    const isOver = data === "over";
    if (isOver) source.close();
    if ((isBusy || document.hidden) && !isOver) return;
    isBusy = true;
    state.textContent = isOver ? "The run is over; this page stays as it is." : "live: changes as the run goes on";
    if (isOver) document.documentElement.dataset.over = "";
    await fetchRun().catch(() => {
      state.textContent = "The program does not answer any more; this page stays as it is.";
    });
    isBusy = false;
  };
  source.onerror = () => {
    source.close();
    state.textContent = "The program has ended; this page stays as it is.";
  };
  addEventListener("resize", () => page.resize());
}

async function begin(): Promise<void> {
  setTheme(prefersDark.matches);
  const meta = readMeta();
  if (meta.isLive === true) {
    follow(meta);
    return;
  }
  const runs = await Promise.all(meta.runs.map(loadRun));
  const page = new Page(runs);
  const head = heading(meta, runs);
  head.append(button("dark / light", "change the colours (t)", () => page.turnTheme()));
  document.body.prepend(head);
  runs.forEach((run, i) => {
    if (new Set(run.verdicts.map(({ connection }) => connection)).size > 1)
      document.querySelector("main")!.before(overview(run, (verdict) => page.choose(i, verdict)));
  });
  const [a, b] = runs;
  if (a !== undefined && b !== undefined && a.verdicts.length > 0 && b.verdicts.length > 0)
    document.querySelector("main")!.before(comparison([a, b], [worst(a.verdicts), worst(b.verdicts)]));
  page.draw();
  addEventListener("resize", () => page.resize());
  prefersDark.addEventListener("change", ({ matches }) => {
    setTheme(matches);
    page.draw();
  });
  document.documentElement.dataset.ready = `${Math.round(performance.now())}`;
}

begin().catch((error: unknown) => {
  document.body.prepend(element("p", { class: "bad" }, `This report cannot be shown: ${String(error)}`));
});
