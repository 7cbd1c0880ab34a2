/** The time series as CSV (RFC 4180): a row for each change, or one row per interval. */
import type { RunEvent } from "#observe/events";
import { RunClock } from "../model/clock.ts";
import type { Exporter, Put } from "./exporter.ts";
import { type EndSeries, type Series, SeriesTable } from "./series.ts";

type Cell = string | number | undefined;

/** Name and value of each column behind the first ones; the unit is in the name. Those of a link are empty in an end's rows, and vice versa. */
const ENDS: readonly (readonly [string, (end: EndSeries) => Cell])[] = [
  ["local", (end) => end.local],
  ["remote", (end) => end.remote],
  ["cwnd_bytes", (end) => end.cwnd],
  ["ssthresh_bytes", (end) => end.ssthresh],
  ["in_flight_bytes", (end) => end.inFlight],
  ["window_bytes", (end) => end.window],
  ["pacing_rate_bits_per_second", (end) => bits(end.pacingRate)],
  ["rtt_us", (end) => end.rtt],
  ["srtt_us", (end) => end.srtt],
  ["rttvar_us", (end) => end.rttvar],
  ["rto_us", (end) => end.rto],
  ["sent_bytes", (end) => end.sent],
  ["acked_bytes", (end) => end.acked],
  ["goodput_bits_per_second", (end) => Math.round(end.goodput)],
  ["retransmissions", (end) => end.retransmissions],
  ["timeouts", (end) => end.timeouts],
];

const bits = (octets: number | undefined) => (octets === undefined ? undefined : octets * 8);

const HEAD = ["time_s", "who", "connection", ...ENDS.map(([name]) => name), "queue_packets", "drops"];

/** What changes the numbers of a row. */
const CHANGES = new Set<RunEvent["event"]>([
  "recovery:metrics_updated",
  "recovery:rtt_updated",
  "link:packet_offered",
  "link:packet_dropped",
]);

export class CsvExporter implements Exporter {
  readonly #put: Put;
  readonly #clock = new RunClock();
  readonly #table = new SeriesTable();
  /** µs; 0: a row for each change. */
  readonly #interval: number;
  #next: number;

  constructor(put: Put, interval: number) {
    this.#put = put;
    this.#interval = interval;
    this.#next = interval;
    put(`${HEAD.join(",")}\r\n`);
  }

  event(event: RunEvent): void {
    if (event.event === "run:started") {
      this.#clock.begin(event);
      return;
    }
    this.#clock.at(event);
    const time = this.#clock.last;
    if (this.#interval > 0) while (time >= this.#next) this.#tick();
    const series = this.#table.take(event, time);
    if (this.#interval === 0 && series !== null && CHANGES.has(event.event)) this.#row(time, series);
  }

  end(): void {
    // The rest of the last interval.
    if (this.#interval > 0 && this.#table.all.length > 0) this.#tick();
  }

  #tick(): void {
    for (const series of this.#table.all) {
      if (series.kind === "end") series.pass(this.#next);
      this.#row(this.#next, series);
    }
    this.#next += this.#interval;
  }

  #row(time: number, series: Series): void {
    const own: Cell[] =
      series.kind === "end"
        ? [...ENDS.map(([, value]) => value(series)), undefined, undefined]
        : [...ENDS.map(() => undefined), series.queue, series.drops];
    const cells = [(time / 1e6).toFixed(6), series.who, series.connection, ...own];
    this.#put(`${cells.map((cell) => quoted(cell ?? "")).join(",")}\r\n`);
  }
}

function quoted(cell: string | number): string {
  const text = `${cell}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
