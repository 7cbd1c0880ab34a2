/** What is shown: iperf3's layout in 80 columns, and iperf3's names in JSON. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Interval } from "#lab/bench/figures";
import { JsonReport } from "#lab/bench/json-report";
import type { Parameters } from "#lab/bench/parameters";
import type { TestRun } from "#lab/bench/run";
import { TextReport } from "#lab/bench/text-report";
import { latencyText, rateText, sizeText } from "#lab/bench/units";
import { type Told, type World, world } from "./world.ts";

let w: World;
beforeAll(async () => {
  w = await world();
});
afterAll(() => w.close());

/** The lines that a report of this test has. */
function lines(told: Told, intervals: readonly Interval[] = told.intervals, shows = true): string[] {
  const out: string[] = [];
  const report = new TextReport((more) => out.push(...more), shows);
  report.started(told.run!);
  for (const interval of intervals) report.interval(told.run!, interval);
  report.ended(told.run!, told.remote, told.failure);
  return out;
}

/** Figures as wide as they get. */
function widest(run: TestRun): Interval {
  const tcp = { retransmits: 123_456, cwnd: 1023.4 * 2 ** 20, wnd: 1, rtt: 99_949, rttvar: 1, pmtu: 1500 };
  const streams = run.streams.map((stream) => ({
    stream,
    start: 998,
    end: 999,
    bytes: 1023.4 * 2 ** 30,
    transactions: 123_456_789,
    tcp: stream.isSender ? tcp : null,
  }));
  return { start: 998, end: 999, omitted: false, streams, times: run.percentiles };
}

test("no line is wider than 80 columns, in any kind of test, with the largest figures", async () => {
  const kinds: readonly Partial<Parameters>[] = [
    {},
    { reverse: true },
    { parallel: 2 },
    { bidirectional: true, parallel: 2 },
    { mode: "rr", parallel: 2, len: 100_000 },
    { mode: "crr", parallel: 2 },
    { omit: 1, time: 0.2 },
  ];
  for (const kind of kinds) {
    const told = await w.test(kind);
    for (const each of [told, w.reports.at(-1)!]) {
      const wide = [...lines(each), ...lines(each, [widest(each.run!)])].filter((line) => line.length > 80);
      expect([kind, wide]).toEqual([kind, []]);
    }
  }
}, 60_000);

test("a test of one stream has iperf3's columns, and a round-trip time", async () => {
  const text = lines(await w.test({}));
  expect(text[0]).toMatch(/^\[ {2}1\] local 10\.0\.0\.5 port \d+ connected to 10\.0\.0\.7 port 5201$/);
  expect(text[1]).toBe("[ ID] Interval          Transfer    Bitrate          Retr        Cwnd     RTT");
  expect(text[2]).toMatch(
    /^\[ {2}1\] {3}0\.00-\d\.\d\d {3}sec +[\d.]+ [KMG]?Bytes +[\d.]+ [KMG]?bits\/sec +\d+ +[\d.]+ [KM]?Bytes +[\d.]+[um]s$/,
  );
  const ends = text.slice(text.indexOf("- - - - - - - - - - - - - - - - - - - - - - - - -"));
  expect(ends[2]).toMatch(/^\[ {2}1\] {3}0\.00-.* sender$/);
  expect(ends[3]).toMatch(/^\[ {2}1\] {3}0\.00-.* receiver$/);
  expect(ends.at(-1)).toBe("tcpnet bench: done.");
});

test("many streams have a sum; --quiet shows only the end", async () => {
  const told = await w.test({ parallel: 3 });
  expect(lines(told).filter((line) => line.startsWith("[SUM]")).length).toBe(told.intervals.length + 2);
  const quiet = lines(told, told.intervals, false);
  expect(quiet.filter((line) => line.startsWith("[SUM]")).length).toBe(2);
  expect(quiet.some((line) => line.includes("Cwnd"))).toBe(false);
});

test("--rr shows percentiles", async () => {
  const text = lines(await w.test({ mode: "rr" }));
  expect(text.some((line) => /^ {2}0\.00-\d\.\d\d +sec \d+ requests, [\d.,]+ per second$/.test(line))).toBe(true);
  expect(text.some((line) => /^latency {2}p50 \S+ {3}p90 \S+ {3}p99 \S+ {3}p99\.9 \S+ {3}max \S+$/.test(line))).toBe(
    true,
  );
});

interface Document {
  readonly start: { readonly test_start: object; readonly connected: readonly object[] };
  readonly intervals: readonly { readonly streams: readonly object[]; readonly sum: object }[];
  readonly end: Readonly<Record<string, object>> & {
    readonly streams: readonly { sender: object; receiver: object }[];
  };
}

function json(told: Told, stream: boolean): unknown[] {
  const out: unknown[] = [];
  const report = new JsonReport({ print: (value) => out.push(value), stream, version: "v", system: "s" });
  report.started(told.run!);
  for (const interval of told.intervals) report.interval(told.run!, interval);
  report.ended(told.run!, told.remote, told.failure);
  return out;
}

/** What iperf3 3.12 prints for a sender, as far as it is about TCP. */
const STREAM_INTERVAL = ["bits_per_second", "bytes", "end", "omitted", "pmtu", "retransmits", "rtt", "rttvar"];

test("the JSON has iperf3's names", async () => {
  const told = await w.test({ bidirectional: true });
  const [document] = json(told, false) as [Document];
  expect(Object.keys(document)).toEqual(["start", "intervals", "end"]);
  expect(document.start.test_start).toMatchObject({ protocol: "TCP", num_streams: 1, blksize: 131_072, bidir: 1 });
  expect(Object.keys(document.start.connected[0]!)).toEqual([
    "socket",
    "local_host",
    "local_port",
    "remote_host",
    "remote_port",
  ]);
  const [first] = document.intervals;
  const names = [...STREAM_INTERVAL, "seconds", "sender", "snd_cwnd", "snd_wnd", "socket", "start"];
  expect(Object.keys(first!.streams[0]!).sort()).toEqual(names.sort());
  expect(Object.keys(first!)).toEqual(["streams", "sum", "sum_bidir_reverse"]);
  const { end } = document;
  expect(Object.keys(end)).toEqual([
    "streams",
    "sum_sent",
    "sum_received",
    "sum_sent_bidir_reverse",
    "sum_received_bidir_reverse",
    "cpu_utilization_percent",
    "sender_tcp_congestion",
    "receiver_tcp_congestion",
  ]);
  expect(end.sum_sent).toMatchObject({
    bytes: told.run!.totals[0]!.bytes,
    sender: true,
    retransmits: told.run!.totals[0]!.retransmits,
  });
  expect(end.sum_received_bidir_reverse).toMatchObject({ bytes: told.run!.totals[1]!.bytes, sender: false });
  expect(end.streams[0]!.sender).toMatchObject({ socket: 1, sender: true, min_rtt: expect.any(Number) });
  expect(end.sender_tcp_congestion as unknown).toBe("cubic");
});

test("--json-stream: start, each interval, end", async () => {
  const told = await w.test({ mode: "rr" });
  const events = json(told, true) as { event: string; data: Record<string, Record<string, unknown>> }[];
  expect(events.map(({ event }) => event)).toEqual(["start", ...told.intervals.map(() => "interval"), "end"]);
  const { tcpnet } = events.at(-1)!.data;
  const { count, p99_9 } = told.run!.percentiles!;
  expect(tcpnet).toMatchObject({ mode: "rr", transactions: count, latency_us: { "p99.9": p99_9 } });
});

test("numbers are iperf3's: sizes in powers of 1024, rates in powers of 1000, three digits", () => {
  expect([0, 1023, 1024, 104_857_600, 1e12].map(sizeText)).toEqual([
    "0.00 Bytes",
    "1023 Bytes",
    "1.00 KBytes",
    "100 MBytes",
    "931 GBytes",
  ]);
  expect([999, 34_800_000_000, 1e6].map(rateText)).toEqual(["999 bits/sec", "34.8 Gbits/sec", "1.00 Mbits/sec"]);
  expect([0.5, 18, 999.6, 1320, 2_500_000].map(latencyText)).toEqual(["0.5us", "18us", "1.00ms", "1.32ms", "2.50s"]);
});
