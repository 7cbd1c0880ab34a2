/**
 * Chrome's trace-event format, which ui.perfetto.dev opens. Each end of a connection and each direction of a link is a process. Its numbers
 * are counters ("C"), states, limits and recoveries are async slices ("b", "e"), the rest are instants ("i"). Times are µs.
 */

import type { RunEvent, TraceEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { RunClock } from "../model/clock.ts";
import type { Exporter, Put } from "./exporter.ts";
import { type EndSeries, type LinkSeries, type Series, SeriesTable } from "./series.ts";

/** The counters of an end: name with unit, and value. */
const COUNTERS: readonly (readonly [string, (end: EndSeries) => number | undefined])[] = [
  ["cwnd (bytes)", (end) => end.cwnd],
  ["ssthresh (bytes)", (end) => end.ssthresh],
  ["in flight (bytes)", (end) => end.inFlight],
  ["peer's window (bytes)", (end) => end.window],
  ["pacing rate (bit/s)", (end) => (end.pacingRate === undefined ? undefined : end.pacingRate * 8)],
  ["rtt (µs)", (end) => end.rtt],
  ["srtt (µs)", (end) => end.srtt],
  ["rto (µs)", (end) => end.rto],
  ["goodput (bit/s)", (end) => end.goodput],
];

/** Causes that begin a recovery, with its name; and the ones that end it. */
const RECOVERIES: Readonly<Record<string, string>> = {
  "tcp.cc.enter-recovery": "fast recovery",
  "tcp.cc.loss": "recovery after a timeout",
};
const RECOVERED = new Set(["tcp.cc.exit-recovery", "tcp.cc.undo"]);

/** What is shown of an end: the values that its counters have, and its open slices by category. */
interface Shown {
  title: string;
  readonly counters: (number | undefined)[];
  readonly slices: Map<string, string>;
}

export class PerfettoExporter implements Exporter {
  readonly #put: Put;
  readonly #clock = new RunClock();
  readonly #table = new SeriesTable();
  readonly #shown: Shown[] = [];
  #isFirst = true;
  #about: Readonly<Record<string, unknown>> = {};

  constructor(put: Put) {
    this.#put = put;
    put('{"displayTimeUnit":"ms","traceEvents":[');
  }

  event(event: RunEvent): void {
    if (event.event === "run:started") {
      this.#clock.begin(event);
      this.#about = this.#clock.started!.about;
      return;
    }
    this.#clock.at(event);
    const { last: time } = this.#clock;
    const series = this.#table.take(event, time);
    if (series === null) return;
    const shown = this.#processOf(series);
    if (series.kind === "end") this.#end(event as TraceEvent, series, shown, time);
    else this.#link(event as LinkEvent, series, shown, time);
  }

  end(): void {
    for (const [i, { slices }] of this.#shown.entries())
      for (const category of [...slices.keys()]) this.#close(i + 1, category, this.#clock.last);
    this.#put(`\n],"otherData":${JSON.stringify(this.#about)}}\n`);
  }

  /** A process for each series, named when it appears; an end is named again when its addresses are known. */
  #processOf({ number: pid, title }: Series): Shown {
    let shown = this.#shown[pid - 1];
    if (shown === undefined) {
      this.#shown[pid - 1] = shown = { title: "", counters: [], slices: new Map() };
      this.#write({ ph: "M", name: "process_sort_index", pid, tid: 0, args: { sort_index: pid } });
    }
    if (shown.title !== title) {
      shown.title = title;
      this.#write({ ph: "M", name: "process_name", pid, tid: 0, args: { name: title } });
    }
    return shown;
  }

  #end(event: TraceEvent, end: EndSeries, shown: Shown, ts: number): void {
    const { number: pid } = end;
    this.#counters(end, shown, ts);
    switch (event.event) {
      case "connectivity:state_updated":
        this.#open(pid, "state", event.new === "CLOSED" ? null : event.new, ts);
        break;
      case "recovery:limit_updated":
        this.#open(pid, "limit", event.new === "done" ? null : `limited by ${event.new}`, ts);
        break;
      case "recovery:metrics_updated":
        if (event.cause in RECOVERIES) this.#open(pid, "recovery", RECOVERIES[event.cause]!, ts);
        else if (RECOVERED.has(event.cause)) this.#close(pid, "recovery", ts);
        break;
      case "transport:packet_sent":
        if (event.resent)
          this.#instant(pid, "retransmission", ts, { seq: event.seq, length: event.length, cause: event.cause });
        break;
      case "transport:packet_dropped":
        this.#instant(pid, "dropped by the stack", ts, { length: event.length, cause: event.cause });
        break;
      case "recovery:timer_expired":
        this.#instant(pid, `timer: ${event.timer}`, ts, { times: event.times });
        break;
      case "recovery:packet_lost":
        this.#instant(pid, "considered lost", ts, { seq: event.seq, length: event.length });
        break;
    }
  }

  #link(event: LinkEvent, link: LinkSeries, { counters }: Shown, ts: number): void {
    const { number: pid } = link;
    if (event.event === "link:packet_offered") this.#counter(pid, counters, 0, "queue (packets)", link.queue, ts);
    else if (event.event === "link:packet_dropped") {
      this.#instant(pid, event.cause, ts, { packet: event.packet });
      this.#counter(pid, counters, 1, "drops", link.drops, ts);
    }
  }

  #counters(end: EndSeries, { counters }: Shown, ts: number): void {
    for (const [i, [name, value]] of COUNTERS.entries()) this.#counter(end.number, counters, i, name, value(end), ts);
  }

  /** Writes counter `i` of the process if its value is another one than before. */
  #counter(
    pid: number,
    before: (number | undefined)[],
    i: number,
    name: string,
    value: number | undefined,
    ts: number,
  ): void {
    if (value === undefined || value === before[i]) return;
    before[i] = value;
    this.#write({ ph: "C", name, pid, tid: 0, ts, args: { value } });
  }

  /** Begins a slice in place of the one that the category has; null: it has none from now on. */
  #open(pid: number, cat: string, name: string | null, ts: number): void {
    this.#close(pid, cat, ts);
    if (name === null) return;
    this.#shown[pid - 1]!.slices.set(cat, name);
    this.#write({ ph: "b", cat, name, id: `${cat}-${pid}`, pid, tid: 0, ts });
  }

  #close(pid: number, cat: string, ts: number): void {
    const { slices } = this.#shown[pid - 1]!;
    const name = slices.get(cat);
    if (name === undefined) return;
    slices.delete(cat);
    this.#write({ ph: "e", cat, name, id: `${cat}-${pid}`, pid, tid: 0, ts });
  }

  #instant(pid: number, name: string, ts: number, args: object): void {
    this.#write({ ph: "i", s: "p", name, pid, tid: 0, ts, args });
  }

  #write(event: object): void {
    this.#put(`${this.#isFirst ? "\n" : ",\n"}${JSON.stringify(event)}`);
    this.#isFirst = false;
  }
}
