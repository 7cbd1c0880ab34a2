import type { Percentiles } from "#base/histogram";
import type { Interval, StreamInterval } from "./figures.ts";
import type { RemoteResults } from "./results.ts";
import type { Report, TestRun } from "./run.ts";
import type { Stream } from "./streams.ts";
import { directionSums, intervalSum, type Volume } from "./sums.ts";
import { latencyText, rateText, sizeText } from "./units.ts";

const RULE = "- ".repeat(25).trimEnd();

/** If a test has more streams, a server shows only their sum, because it may serve many clients. */
const STREAMS_SHOWN = 16;

/** Reports in iperf3's layout, with a column for the round-trip time. All lines fit in 80 columns. */
export class TextReport implements Report {
  readonly #print: (lines: readonly string[]) => void;
  /** Intervals are shown. */
  readonly #shows: boolean;
  #hasHead = false;

  constructor(print: (lines: readonly string[]) => void, shows = true) {
    this.#print = print;
    this.#shows = shows;
  }

  started(run: TestRun): void {
    const lines = run.streams.flatMap(({ id, socket }) => {
      if (socket === null) return [];
      const { local, remote } = socket;
      return `${idText(id)} local ${local.hostname} port ${local.port} connected to ${remote.hostname} port ${remote.port}`;
    });
    if (run.role === "server") {
      const { hostname, port } = run.ends.remote;
      lines.unshift(`Accepted connection from ${hostname}, port ${port}`);
    }
    const { mode, parallel, len } = run.parameters;
    if (mode === "crr") lines.push(`${parallel} at a time: connect, ${len} B request, ${len} B response, close`);
    else if (mode === "rr") lines.push(`${len} B request, ${len} B response, on each connection one at a time`);
    this.#print(lines);
  }

  interval(run: TestRun, interval: Interval): void {
    if (!this.#shows) return;
    const lines = this.#hasHead ? [] : [head(run)];
    this.#hasHead = true;
    if (run.parameters.mode === "bulk") lines.push(...bulkLines(run, interval));
    else lines.push(exchangeLine(run, interval));
    this.#print(lines);
  }

  ended(run: TestRun, remote: RemoteResults | null, failure: Error | null): void {
    if (run.parameters.mode === "bulk") this.#endBulk(run, remote);
    else this.#endExchange(run);
    if (failure === null && run.role === "client") this.#print(["", "tcpnet bench: done."]);
  }

  #endBulk(run: TestRun, remote: RemoteResults | null): void {
    // The intervals of several streams already end with a rule.
    const lines = this.#shows && run.streams.length === 1 ? [RULE] : [];
    lines.push(`${headStart(run)} ${"Retr".padStart(6)}`);
    for (const { streams, sent, received, retransmits, isSender } of directionSums(run, remote)) {
      const tag = tagOf(run, isSender);
      if (streams.length <= STREAMS_SHOWN || run.role === "client") {
        for (const { own, ...ends } of streams) lines.push(...endLines(run, `${idText(own.stream.id)}${tag}`, ends));
      }
      if (streams.length > 1) lines.push(...endLines(run, `[SUM]${tag}`, { sent, received, retransmits }));
    }
    this.#print(lines);
  }

  #endExchange(run: TestRun): void {
    const transactions = run.totals.reduce((n, each) => n + each.transactions, 0);
    const rate = run.seconds > 0 ? transactions / run.seconds : 0;
    const what = run.parameters.mode === "rr" ? "requests" : "connections";
    const lines = this.#shows ? [RULE] : [];
    lines.push(`${span(0, run.seconds)} ${transactions} ${what}, ${numberText(rate)} per second`);
    const { percentiles } = run;
    if (percentiles !== null) lines.push(percentilesLine(percentiles));
    this.#print(lines);
  }
}

function head(run: TestRun): string {
  if (run.parameters.mode !== "bulk") {
    const what = run.parameters.mode === "rr" ? "Requests" : "Connections";
    const latency = run.role === "client" ? "       p50       p99       max" : "";
    return ` Interval           ${what.padStart(11)}   per second${latency}`;
  }
  const sends = run.streams.some(({ isSender }) => isSender);
  const columns = sends ? ` ${"Retr".padStart(6)} ${"Cwnd".padStart(11)}${"RTT".padStart(rttWidth(run))}` : "";
  return `${headStart(run)}${columns}`.trimEnd();
}

/** The columns that all tables of bulk data begin with. */
function headStart(run: TestRun): string {
  const interval = "Interval".padEnd(spanWidth(run) + 4);
  return `[ ID]${isBidirectional(run) ? "[Role]" : ""} ${interval} ${"Transfer".padEnd(11)} ${"Bitrate".padEnd(14)}`;
}

function bulkLines(run: TestRun, { streams, omitted }: Interval): string[] {
  const note = omitted ? "  (omitted)" : "";
  const lines: string[] = [];
  const few = streams.length <= STREAMS_SHOWN || run.role === "client";
  if (few) for (const each of streams) lines.push(streamLine(run, each, note));
  for (const isSender of [true, false]) {
    const same = streams.filter(({ stream }) => stream.isSender === isSender);
    if (same.length < 2) continue;
    const { volume, retransmits } = intervalSum(same);
    const resent = isSender ? ` ${String(retransmits).padStart(6)}` : "";
    lines.push(`[SUM]${tagOf(run, isSender)}${amounts(run, same[0]!.start, same[0]!.end, volume)}${resent}${note}`);
  }
  // As iperf3 does, between the intervals of many streams.
  if (streams.length > 1 && few) lines.push(RULE);
  return lines;
}

function streamLine(run: TestRun, each: StreamInterval, note: string): string {
  const { stream, start, end, bytes, tcp } = each;
  const seconds = end - start;
  const volume = { bytes, seconds, bitsPerSecond: seconds > 0 ? (bytes * 8) / seconds : 0 };
  const begin = `${idText(stream.id)}${tagOf(run, stream.isSender)}${amounts(run, start, end, volume)}`;
  if (tcp === null) return `${begin}${note}`;
  const rtt = (note === "" ? latencyText(tcp.rtt) : "(omit)").padStart(rttWidth(run));
  return `${begin} ${String(tcp.retransmits).padStart(6)} ${sizeText(tcp.cwnd).padStart(11)}${rtt}`;
}

function exchangeLine(run: TestRun, { start, end, omitted, streams, times }: Interval): string {
  const { transactions, volume } = intervalSum(streams);
  const rate = volume.seconds > 0 ? transactions / volume.seconds : 0;
  const begin = `${span(start, end)} ${String(transactions).padStart(10)}   ${numberText(rate).padStart(10)}`;
  const latency =
    times === null || run.role === "server"
      ? ""
      : [times.p50, times.p99, times.max].map((us) => latencyText(us).padStart(10)).join("");
  return `${begin}${latency}${omitted ? "  (omitted)" : ""}`;
}

interface Ends {
  readonly sent: Volume | null;
  readonly received: Volume | null;
  readonly retransmits: number | null;
}

/** The lines "sender" and "receiver" of a stream, as in iperf3. */
function endLines(run: TestRun, begin: string, { sent, received, retransmits }: Ends): string[] {
  const lines: string[] = [];
  const resent = retransmits === null ? "" : String(retransmits);
  if (sent !== null) lines.push(`${begin}${amounts(run, 0, sent.seconds, sent)} ${resent.padStart(6)}   sender`);
  if (received !== null) lines.push(`${begin}${amounts(run, 0, received.seconds, received)}${" ".repeat(10)}receiver`);
  return lines;
}

function amounts(run: TestRun, start: number, end: number, { bytes, bitsPerSecond }: Volume): string {
  const digits = isBidirectional(run) ? 1 : 2;
  const time = `${start.toFixed(digits).padStart(4 + digits)}-${end.toFixed(digits).padEnd(4 + digits)}`;
  return ` ${time} sec ${sizeText(bytes).padStart(11)} ${rateText(bitsPerSecond).padStart(14)}`;
}

/** In a test of both directions each line has a tag, so there is less room for the other columns. */
const spanWidth = (run: TestRun) => (isBidirectional(run) ? 11 : 13);
const rttWidth = (run: TestRun) => (isBidirectional(run) ? 7 : 8);

function span(start: number, end: number): string {
  return `${start.toFixed(2).padStart(6)}-${end.toFixed(2).padEnd(6)} sec`;
}

export function percentilesLine({ p50, p90, p99, p99_9, max }: Percentiles): string {
  const pairs: readonly (readonly [string, number])[] = [
    ["p50", p50],
    ["p90", p90],
    ["p99", p99],
    ["p99.9", p99_9],
    ["max", max],
  ];
  return `latency  ${pairs.map(([name, us]) => `${name} ${latencyText(us)}`).join("   ")}`;
}

function numberText(n: number): string {
  return n >= 1000 ? Math.round(n).toLocaleString("en-US") : n.toFixed(1);
}

function isBidirectional({ parameters, streams }: TestRun): boolean {
  return parameters.bidirectional && streams.length > 1;
}

const tagOf = (run: TestRun, isSender: boolean) =>
  isBidirectional(run) ? `[${isSender ? "TX" : "RX"}-${run.role === "client" ? "C" : "S"}]` : "";
const idText = (id: Stream["id"]) => `[${String(id).padStart(3)}]`;
