/** Exports have the shape that other tools read, and the numbers of the record. */
import { describe, expect, test } from "bun:test";
import type { RunEvent } from "#observe/events";
import { exporter, type Format } from "#report/export/formats";
import { type Run as Plan, simulate } from "../support/transfer.ts";

const PLAN: Plan = { link: "delay 20ms loss 1% rate 10mbit queue 30", bytes: 1e6, seed: 5 };

function eventsOf(plan: Plan): RunEvent[] {
  const events: RunEvent[] = [];
  simulate({ time: Number.POSITIVE_INFINITY, ...plan, sink: { event: (event) => events.push(event) } });
  return events;
}

function exported(events: readonly RunEvent[], format: Format, interval = 0): string {
  let text = "";
  const out = exporter({ format, title: "a run", interval }, (piece) => (text += piece));
  for (const event of events) out.event(event);
  out.end();
  return text;
}

const events = eventsOf(PLAN);
type Named<E extends RunEvent["event"]> = Extract<RunEvent, { readonly event: E }>;
const all = <E extends RunEvent["event"]>(name: E, who?: string) =>
  events.filter((event): event is Named<E> => event.event === name && (who === undefined || event.who === who));
const isSorted = (times: readonly number[]) => times.every((time, i) => i === 0 || time >= times[i - 1]!);

/** The fields that are looked at, each of the events that have it. */
interface Data {
  readonly congestion_window: number;
  readonly bytes_in_flight: number;
  readonly latest_rtt: number;
  readonly min_rtt: number;
  readonly is_retransmission: boolean;
  readonly header: { readonly packet_number: number; readonly seq: number; readonly flags: string };
  readonly raw: { readonly payload_length: number };
  readonly frames: readonly { readonly frame_type: string; readonly acked_ranges: readonly [number, number][] }[];
  readonly missing: number;
}

interface Record {
  readonly time: number;
  readonly name: string;
  readonly group_id: string;
  readonly data: Data;
}

describe("qlog", () => {
  const text = exported(events, "qlog");
  const records = text
    .split("\x1e")
    .slice(1)
    .map((record) => {
      expect(record).toEndWith("\n");
      return JSON.parse(record);
    });
  const [head, ...rest] = records;
  const lines = rest as Record[];
  const left = lines.filter(({ group_id }) => / left /.test(group_id));

  test("is a JSON text sequence with the head that qvis asks for", () => {
    expect(text).toStartWith("\x1e{");
    expect([head.qlog_version, head.qlog_format, head.trace.common_fields.time_format]).toEqual([
      "0.3",
      "JSON-SEQ",
      "relative",
    ]);
    expect(head.trace.configuration).toMatchObject({
      command: "sim",
      seed: 5,
      link: expect.stringContaining("loss 1%"),
    });
  });

  test("has every event in order, in ms, with the group that it belongs to", () => {
    expect(lines.length).toBe(events.length - 1);
    expect(isSorted(lines.map(({ time }) => time))).toBe(true);
    expect(lines.at(-1)!.time).toBeCloseTo(events.at(-1)!.time / 1e3, 6);
    for (const { name, data, group_id } of lines) {
      expect(name).toMatch(/^(connectivity|transport|recovery|link):[a-z_]+$/);
      expect([typeof data, typeof group_id]).toEqual(["object", "string"]);
    }
    expect(new Set(lines.map(({ group_id }) => group_id)).size).toBe(4);
  });

  test("has the numbers of the record: windows in octets, round trips in ms", () => {
    const metrics = left.filter(({ name, data }) => name === "recovery:metrics_updated" && "congestion_window" in data);
    expect(metrics.map(({ data }) => [data.congestion_window, data.bytes_in_flight])).toEqual(
      all("recovery:metrics_updated", "left").map(({ cwnd, inFlight }) => [cwnd, inFlight]),
    );
    const trips = left.filter(({ data }) => "latest_rtt" in data);
    expect(trips.map(({ data }) => Math.round(data.latest_rtt * 1e3))).toEqual(
      all("recovery:rtt_updated", "left").map(({ sample }) => sample),
    );
    expect(trips.at(-1)!.data.min_rtt).toBe(Math.min(...trips.map(({ data }) => data.latest_rtt)));
  });

  test("each segment is sent with a number of its own, and each number with sequence space is acknowledged once or replaced", () => {
    const sent = left.filter(({ name }) => name === "transport:packet_sent");
    expect(sent.map(({ data }) => data.header.packet_number)).toEqual(sent.map((_, i) => i));
    const payload = sent.filter(({ data }) => !data.is_retransmission);
    expect(payload.reduce((sum, { data }) => sum + data.raw.payload_length, 0)).toBe(1e6);
    const acked = new Set<number>();
    for (const { name, data } of left) {
      if (name !== "transport:packet_received") continue;
      for (const { frame_type, acked_ranges } of data.frames) {
        if (frame_type !== "ack") continue;
        for (const [from, to] of acked_ranges)
          for (let n = from; n <= to; n++) {
            expect([n, acked.has(n)]).toEqual([n, false]);
            acked.add(n);
          }
      }
    }
    const space = sent.filter(({ data }) => data.raw.payload_length > 0 || /SYN|FIN/.test(data.header.flags));
    expect(space.every(({ data }) => acked.has(data.header.packet_number))).toBe(true);
    expect(acked.size).toBe(space.length);
    const lost = left.filter(({ name }) => name === "recovery:packet_lost");
    expect(lost.length).toBeGreaterThan(3);
    for (const { data } of lost) {
      const original = sent[data.header.packet_number]!;
      expect([original.data.header.seq, original.data.raw.payload_length]).toEqual([
        data.header.seq,
        data.raw.payload_length,
      ]);
    }
  });
});

interface Traced {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly cat?: string;
  readonly id?: string;
  readonly ts: number;
  readonly args: { readonly value: number; readonly name: string };
}

describe("perfetto", () => {
  const { traceEvents, otherData } = JSON.parse(exported(events, "perfetto")) as {
    readonly traceEvents: readonly Traced[];
    readonly otherData: object;
  };
  const names = new Map(
    traceEvents.filter(({ name }) => name === "process_name").map(({ pid, args }) => [pid, args.name]),
  );
  const pid = [...names].find(([, name]) => name.startsWith("left "))![0];
  const own = traceEvents.filter((event) => event.pid === pid);

  test("is one JSON object: ends and directions are processes, times are µs and do not go back", () => {
    expect(otherData).toMatchObject({ command: "sim", seed: 5 });
    expect([...names.values()].sort()).toEqual([
      expect.stringMatching(/^left 10\.0\.0\.7:\d+ → 10\.0\.1\.5:7000$/),
      "link left>right",
      "link right>left",
      expect.stringMatching(/^right 10\.0\.1\.5:7000 → /),
    ]);
    const timed = traceEvents.filter(({ ph }) => ph !== "M");
    expect(isSorted(timed.map(({ ts }) => ts))).toBe(true);
    expect(timed.every(({ ts }) => Number.isInteger(ts))).toBe(true);
    expect(new Set(traceEvents.map(({ ph }) => ph))).toEqual(new Set(["M", "C", "b", "e", "i"]));
  });

  test("counters have the numbers of the record, each when it changed", () => {
    const counter = (name: string) =>
      own.filter((event) => event.ph === "C" && event.name === name).map(({ ts, args }) => [ts, args.value]);
    const changed = (pairs: [number, number][]) =>
      pairs.filter(([, value], i) => i === 0 || value !== pairs[i - 1]![1]);
    const metrics = all("recovery:metrics_updated", "left");
    expect(counter("cwnd (bytes)")).toEqual(changed(metrics.map(({ time, cwnd }): [number, number] => [time, cwnd])));
    expect(counter("srtt (µs)")).toEqual(
      changed(all("recovery:rtt_updated", "left").map(({ time, srtt }): [number, number] => [time, srtt])),
    );
  });

  test("without losses goodput is never more than the link carries, and most of the time nearly that", () => {
    const lossless = JSON.parse(
      exported(eventsOf({ link: "delay 20ms rate 10mbit queue 1000", bytes: 1e6 }), "perfetto"),
    );
    const goodput = (lossless.traceEvents as Traced[])
      .filter(({ name, pid }) => name === "goodput (bit/s)" && pid === 1)
      .map(({ args }) => args.value);
    expect(Math.max(...goodput)).toBeLessThan(10e6);
    expect(goodput.filter((value) => value > 8e6).length).toBeGreaterThan(4);
  });

  test("slices are closed in the order in which they are opened, and tell states, limits and recoveries", () => {
    const open = new Map<string, string>();
    const seen: string[] = [];
    for (const { ph, id, name } of traceEvents) {
      if (ph === "b") {
        expect(open.has(id!)).toBe(false);
        open.set(id!, name);
      } else if (ph === "e") {
        expect(open.get(id!)).toBe(name);
        open.delete(id!);
        seen.push(name);
      }
    }
    expect(open.size).toBe(0);
    for (const name of ["SYN-SENT", "ESTABLISHED", "TIME-WAIT", "limited by congestion-window", "fast recovery"])
      expect(seen).toContain(name);
    const entered = all("recovery:metrics_updated").filter(({ cause }) => cause === "tcp.cc.enter-recovery").length;
    expect(seen.filter((name) => name === "fast recovery").length).toBe(entered);
    const resent = all("transport:packet_sent").filter(({ resent }) => resent).length;
    expect(traceEvents.filter(({ name }) => name === "retransmission").length).toBe(resent);
    expect(traceEvents.filter(({ name }) => name.startsWith("link.")).length).toBe(all("link:packet_dropped").length);
  });
});

describe("the fields that the formats' documents ask for", () => {
  const number = (value: unknown) => typeof value === "number" && Number.isFinite(value);
  const text = (value: unknown) => typeof value === "string" && value !== "";

  /** The Trace Event Format's table of phases, as far as we write them: what an event has besides name, pid and tid. */
  const PHASES: Readonly<{ [phase: string]: (event: { readonly [field: string]: unknown }) => boolean }> = {
    M: ({ name, args }) =>
      name === "process_name"
        ? text((args as { name: unknown }).name)
        : name === "process_sort_index" && Number.isInteger((args as { sort_index: unknown }).sort_index),
    C: ({ ts, args }) => number(ts) && Object.values(args as object).every(number),
    b: ({ ts, cat, id }) => number(ts) && text(cat) && text(id),
    e: ({ ts, cat, id }) => number(ts) && text(cat) && text(id),
    i: ({ ts, s }) => number(ts) && ["g", "p", "t"].includes(s as string),
  };

  test("trace events", () => {
    const { traceEvents, displayTimeUnit } = JSON.parse(exported(events, "perfetto"));
    expect(["ms", "ns"]).toContain(displayTimeUnit);
    for (const event of traceEvents) {
      const isWhole = text(event.name) && Number.isInteger(event.pid) && Number.isInteger(event.tid);
      expect([event, isWhole && PHASES[event.ph]?.(event) === true]).toEqual([event, true]);
    }
  });

  test("qlog (draft-ietf-quic-qlog-main-schema, and the recovery events of draft-ietf-quic-qlog-quic-events)", () => {
    const [head, ...records] = exported(events, "qlog")
      .split("\x1e")
      .slice(1)
      .map((record) => JSON.parse(record));
    expect(head).toMatchObject({ qlog_version: "0.3", qlog_format: "JSON-SEQ" });
    expect(["client", "server", "network", "unknown"]).toContain(head.trace.vantage_point.type);
    const METRICS = ["min_rtt", "smoothed_rtt", "latest_rtt", "rtt_variance", "congestion_window", "bytes_in_flight"];
    METRICS.push("ssthresh", "pacing_rate");
    for (const { time, name, data } of records) {
      expect([name, number(time) && /^[a-z_]+:[a-z_]+$/.test(name) && typeof data === "object"]).toEqual([name, true]);
      if (name === "recovery:metrics_updated")
        for (const field of METRICS) expect([field, !(field in data) || number(data[field])]).toEqual([field, true]);
      if (name === "transport:packet_sent" || name === "transport:packet_received") {
        const { header, raw, frames } = data;
        expect([text(header.packet_type), Number.isInteger(header.packet_number)]).toEqual([true, true]);
        expect([Number.isInteger(raw.length), raw.payload_length <= raw.length]).toEqual([true, true]);
        for (const { frame_type, ...frame } of frames)
          if (frame_type === "ack")
            for (const [from, to] of frame.acked_ranges)
              expect([from <= to, Number.isInteger(from)]).toEqual([true, true]);
          else expect([frame_type, number(frame.offset), number(frame.length)]).toEqual(["stream", true, true]);
      }
      if (name === "recovery:packet_lost") expect(Number.isInteger(data.header.packet_number)).toBe(true);
    }
  });
});

/** Rows by column name. */
function rowsOf(text: string): Record_[] {
  const lines = text.split("\r\n");
  expect(lines.pop()).toBe("");
  const [head, ...rows] = lines.map((line) => line.split(","));
  for (const cells of rows) expect(cells.length).toBe(head!.length);
  return rows.map((cells) => Object.fromEntries(head!.map((name, i) => [name, cells[i]!])));
}
type Record_ = Readonly<{ [name: string]: string }>;

describe("csv", () => {
  test("has a row for each change, with the numbers of the record", () => {
    const rows = rowsOf(exported(events, "csv"));
    expect(isSorted(rows.map(({ time_s }) => Number(time_s)))).toBe(true);
    const left = rows.filter(({ who }) => who === "left");
    const changes = events.filter(({ event, who }) => who === "left" && /metrics_updated|rtt_updated/.test(event));
    expect(left.length).toBe(changes.length);
    changes.forEach((event, i) => {
      expect(left[i]!.time_s).toBe((event.time / 1e6).toFixed(6));
      if (event.event === "recovery:metrics_updated") expect(left[i]!.cwnd_bytes).toBe(`${event.cwnd}`);
      if (event.event === "recovery:rtt_updated") expect(left[i]!.rtt_us).toBe(`${event.sample}`);
    });
    const resent = all("transport:packet_sent", "left").filter(({ resent }) => resent).length;
    expect(left.at(-1)).toMatchObject({ sent_bytes: "1000000", acked_bytes: "1000000", retransmissions: `${resent}` });
    const drops = all("link:packet_dropped", "left>right").length;
    expect(rows.filter(({ who }) => who === "left>right").at(-1)!.drops).toBe(`${drops}`);
    // Before the first loss ssthresh is no number.
    expect(left.find(({ cwnd_bytes }) => cwnd_bytes !== "")!.ssthresh_bytes).toBe("");
  });

  test("with an interval it has one row per series and interval, and goodput adds up to the payload", () => {
    const rows = rowsOf(exported(events, "csv", 100_000)).filter(({ who }) => who === "left");
    expect(rows.map(({ time_s }) => Math.round(Number(time_s) * 10))).toEqual(rows.map((_, i) => i + 1));
    const octets = rows.reduce((sum, { goodput_bits_per_second }) => sum + Number(goodput_bits_per_second) / 80, 0);
    expect(octets).toBeCloseTo(1e6, -2);
  });
});

test("a pacing rate is in each of the formats, in bits per second, and in none where nothing is paced", () => {
  const paced = eventsOf({ ...PLAN, bytes: 2e5, params: { pacing: true } });
  const rates = paced.flatMap((event) =>
    event.event === "recovery:metrics_updated" && event.who === "left" ? [event.pacingRate! * 8] : [],
  );
  expect(rates.length).toBeGreaterThan(10);
  const changed = rates.filter((rate, i) => rate !== rates[i - 1]);
  const { traceEvents } = JSON.parse(exported(paced, "perfetto")) as { readonly traceEvents: readonly Traced[] };
  const counted = traceEvents.filter(({ name, pid }) => name === "pacing rate (bit/s)" && pid === 1);
  expect(counted.map(({ args }) => args.value)).toEqual(changed);
  expect(rowsOf(exported(paced, "csv")).map((row) => row.pacing_rate_bits_per_second)).toContain(`${rates.at(-1)}`);
  const logged = exported(paced, "qlog").matchAll(/"pacing_rate":(\d+)/g);
  expect(new Set([...logged].map(([, rate]) => Number(rate)))).toEqual(new Set(rates));
  for (const format of ["qlog", "perfetto"] as const) expect(exported(events, format)).not.toMatch(/pacing.rate/);
});

test("virtual time that begins anew goes on, and a gap is told", () => {
  const [started] = events as [RunEvent];
  const twice = [
    ...events.slice(0, 50),
    { event: "run:gap", time: 0, who: "", missing: 7 } as const,
    started,
    ...events.slice(1, 50),
  ];
  const lines = exported(twice, "qlog")
    .split("\x1e")
    .slice(2)
    .map((line) => JSON.parse(line) as Record);
  expect(lines.length).toBe(twice.length - 2);
  expect(isSorted(lines.map(({ time }) => time))).toBe(true);
  expect(lines.find(({ name }) => name === "tcpnet:events_missing")!.data).toMatchObject({ missing: 7 });
  const times = JSON.parse(exported(twice, "perfetto")).traceEvents.filter(({ ph }: Traced) => ph !== "M");
  expect(isSorted(times.map(({ ts }: Traced) => ts))).toBe(true);
});
