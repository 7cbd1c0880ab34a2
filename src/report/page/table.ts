/** The packet table: the packets of the time that is shown, decoded; only the rows on the screen are elements. */
import { ACK, type Run } from "../model/run.ts";
import { flagText, linkText, receivedText, ruleOf, sackText, truthText } from "./describe.ts";
import { element } from "./dom.ts";
import { octets } from "./format.ts";
import type { Span } from "./span.ts";

const ROW = 22;
const HEIGHT = 440;
/** A browser's elements cannot be higher than this many rows. */
const ROWS_MAX = 700_000;

const HEADS = [
  "time, s",
  "from",
  "flags",
  "seq",
  "length",
  "ack",
  "window",
  "why",
  "rule",
  "link",
  "receiver",
  "truth",
] as const;

export class PacketTable {
  readonly root = element("section", { class: "table", "data-chart": "packets" });
  readonly #run: Run;
  readonly #all: Uint32Array;
  readonly #span: Span;
  readonly #originals: ReadonlyMap<number, number>;
  readonly #scroller = element("div", { class: "rows", tabindex: "0" });
  readonly #body = element("div", { class: "sheet" });
  readonly #note = element("p", { class: "note" });
  readonly #search = element("input", {
    type: "search",
    placeholder: "filter: RST, dropped, spurious, retransmitted, sack, a number …   ( / )",
    "aria-label": "filter packets",
  });
  #rows: Uint32Array;
  #picked = -1;
  #filterTimer = 0;

  constructor(run: Run, rows: Uint32Array, originals: ReadonlyMap<number, number>, span: Span) {
    this.#run = run;
    this.#all = rows;
    this.#rows = rows;
    this.#originals = originals;
    this.#span = span;
    const heads = element("div", { class: "heads" }, ...HEADS.map((head) => element("span", {}, head)));
    this.#scroller.style.height = `${HEIGHT}px`;
    this.#scroller.append(this.#body);
    this.root.append(
      element("h3", {}, "Packets"),
      this.#search,
      this.#note,
      element("div", { class: "grid" }, heads, this.#scroller),
    );
    this.#scroller.addEventListener("scroll", () => this.#draw());
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#filterTimer);
      this.#filterTimer = window.setTimeout(() => this.#choose(), 150);
    });
    span.onRange(() => this.#choose());
    this.#choose();
  }

  focusSearch(): void {
    this.#search.focus();
  }

  /** Shows a packet in the middle, marked. */
  pick(row: number): void {
    this.#picked = row;
    this.showTime(this.#run.packets.time[row]! / 1e6);
    this.#draw();
  }

  /** Scrolls to a time. */
  showTime(time: number): void {
    const k = this.#indexOf(time * 1e6);
    this.#scroller.scrollTop = Math.max(0, k * ROW - HEIGHT / 2);
  }

  #indexOf(us: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#run.packets.time[this.#rows[middle]!]! < us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The rows of the span that the filter lets through. */
  #choose(): void {
    const { time } = this.#run.packets;
    const [from, to] = [this.#span.min * 1e6 - 1, this.#span.max * 1e6 + 1];
    const words = this.#search.value.trim().toLowerCase();
    let rows = this.#all.filter((row) => time[row]! >= from && time[row]! <= to);
    const inTime = rows.length;
    if (words !== "") rows = rows.filter((row) => this.#matches(row, words));
    const cut = rows.length > ROWS_MAX;
    this.#rows = cut ? rows.subarray(0, ROWS_MAX) : rows;
    const n = (count: number) => count.toLocaleString("en-US");
    const shown =
      words === "" ? `${n(inTime)} packets in the time shown` : `${n(rows.length)} of ${n(inTime)} packets match`;
    this.#note.textContent = cut ? `${shown}; the first ${n(ROWS_MAX)} are listed: zoom in for the others` : shown;
    this.#body.style.height = `${this.#rows.length * ROW}px`;
    this.#draw();
  }

  #matches(row: number, words: string): boolean {
    return (
      this.#cells(row).some((cell) => cell.toLowerCase().includes(words)) || sackText(this.#run, row).includes(words)
    );
  }

  #cells(row: number): string[] {
    const { packets, connections } = this.#run;
    const flags = packets.flags[row]!;
    const { who, ends } = connections[packets.connection[row]!] ?? { who: ["", ""], ends: ["", ""] };
    const from = packets.from[row]!;
    const sack = sackText(this.#run, row);
    const rule = ruleOf(this.#run, row);
    return [
      (packets.time[row]! / 1e6).toFixed(6),
      who[from] || ends[from] || "",
      flagText(flags),
      `${packets.seq[row]}`,
      packets.length[row] === 0 ? "" : `${packets.length[row]}`,
      flags & ACK ? `${packets.ack[row]}${sack === "" ? "" : ` sack ${sack}`}` : "",
      octets(packets.window[row]!),
      rule?.meaning ?? "",
      rule === null ? "" : `${rule.name}${rule.section === "" ? "" : ` · ${rule.section}`}`,
      linkText(this.#run, row),
      receivedText(this.#run, row),
      truthText(this.#run, row, this.#originals.get(row) ?? -1),
    ];
  }

  #draw(): void {
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / ROW) - 4);
    const end = Math.min(this.#rows.length, first + Math.ceil(HEIGHT / ROW) + 8);
    const lines: HTMLElement[] = [];
    for (let k = first; k < end; k++) {
      const row = this.#rows[k]!;
      const isDropped = this.#run.packets.dropped[row] !== 0;
      const kind = `line${isDropped ? " dropped" : this.#originals.has(row) ? " again" : ""}${row === this.#picked ? " picked" : ""}`;
      const line = element(
        "div",
        { class: kind },
        ...this.#cells(row).map((cell) => element("span", cell.length > 14 ? { title: cell } : {}, cell)),
      );
      line.style.top = `${k * ROW}px`;
      line.addEventListener("click", () => {
        this.#span.point(this.#run.packets.time[row]! / 1e6);
        this.pick(row);
      });
      lines.push(line);
    }
    this.#body.replaceChildren(...lines);
  }
}
