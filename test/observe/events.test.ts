import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mark } from "#base/mark";
import { EV_TX, Trace } from "#base/trace";
import { EventFile } from "#observe/event-file";
import { EventLines } from "#observe/event-reader";
import { eventOf, eventsOf, eventText, jsonLine, type RunStarted, type TraceEvent } from "#observe/events";
import { OutputError } from "#observe/output-file";
import { Recorder } from "#observe/recorder";
import { Words } from "#observe/words";
import { ACK, CWR, FIN, PSH } from "#wire/tcp";
import { bytes, connected, HOST, PORT, readAll, world, writeAll } from "../socket/world.ts";

const CAUSE = mark("test.events", "because it is a test");
const folder = mkdtempSync(join(tmpdir(), "tcpnet-events-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Events at the sender of a transfer, over such a link. */
async function run(link: string, seed: number, n = 300_000): Promise<TraceEvent[]> {
  const w = await world({ link, seed, peer: { trace: 16_384 } });
  const events: TraceEvent[] = [];
  w.peer.onTrace = (trace) => {
    events.push(...eventsOf(trace, "peer"));
    expect(trace.lost).toBe(0);
  };
  const [active, passive] = await connected(w);
  void writeAll(active, bytes(n)).then(() => active.closeWrite());
  const reading = readAll(passive).then(() => passive.closeWrite());
  await w.until(Promise.all([reading, active.closed]));
  return events;
}

const STARTED: RunStarted = { event: "run:started", time: 0, who: "host", epoch: 5, about: { seed: 7 } };

/** The names of the kinds of records, from 1 on. */
const KINDS = [
  "connectivity:state_updated",
  "transport:packet_sent",
  "transport:packet_received",
  "transport:packet_dropped",
  "recovery:metrics_updated",
  "recovery:rtt_updated",
  "recovery:timer_expired",
  "recovery:packet_lost",
  "connectivity:connection_started",
  "recovery:limit_updated",
  "recovery:timer_set",
] as const;

function recorderOf(trace: Trace, file: EventFile): Recorder {
  const recorder = new Recorder([file]);
  recorder.follow(trace, "host", false);
  return recorder;
}

const told = (events: readonly TraceEvent[]) => {
  const words = new Words();
  return events.map((event) => words.tell(event)).filter((text) => text !== null);
};

describe("events", () => {
  test("every kind of record has its name, becomes one line of JSON and of text, and is read back from it", () => {
    const trace = new Trace(KINDS.length);
    for (let kind = 1; kind <= KINDS.length; kind++) trace.record(1_500_000, kind, CAUSE, 3, 1, 2, 3, 4);
    const events = [...eventsOf(trace, "host")];
    expect(events.map(({ event }) => event)).toEqual([...KINDS]);
    const lines = new EventLines("test");
    lines.read(jsonLine(STARTED, STARTED.time));
    for (const event of events) {
      const { time, ...fields } = event;
      expect(JSON.parse(jsonLine(event, 500_000))).toEqual({ t: (time - 500_000) / 1e6, ...fields });
      expect(lines.read(jsonLine(event))).toEqual(event);
      expect(eventText(event)).toStartWith(`${event.event.split(":")[1]} `);
      expect(eventText(event)).toEndWith(" (test.events)");
    }
  });

  test("a super-segment that is cut below the stack becomes the packets of the wire", () => {
    const trace = new Trace(1);
    const i = trace.record(0, EV_TX, CAUSE, 1, 1, 3_000, ACK | PSH | FIN | CWR, 0);
    trace.more(i, 7, 65_535, 1_448);
    const packets = [...eventsOf(trace, "host", true)].map((event) => {
      const { seq, length, flags, ack, segmentSize } = event as TraceEvent & { event: "transport:packet_sent" };
      return [seq, length, flags, ack, segmentSize];
    });
    expect(packets).toEqual([
      [1, 1_448, "ACK,CWR", 7, undefined],
      [1_449, 1_448, "ACK", 7, undefined],
      [2_897, 104, "FIN,ACK,PSH", 7, undefined],
    ]);
    expect([...eventsOf(trace, "host")]).toEqual([expect.objectContaining({ length: 3_000, segmentSize: 1_448 })]);
  });

  test("a received segment has its window, its SACK blocks, and what it was", async () => {
    const got = (await run("delay 10ms loss 3%", 6)).filter(({ event }) => event === "transport:packet_received");
    expect(new Set(got.map(({ cause }) => cause))).toEqual(
      new Set(["tcp.got.ack-of-syn", "tcp.rx.ack", "tcp.rx.window", "tcp.rx.ack-sack", "tcp.got.fin"]),
    );
    expect(got.every((event) => "flags" in event && event.window > 0 && event.ack !== undefined)).toBe(true);
    const sack = got.filter((event) => "sack" in event && event.sack !== undefined);
    expect(sack.length).toBeGreaterThan(3);
    for (const event of sack) {
      const { ack, sack } = event as unknown as { ack: number; sack: [number, number][] };
      for (const [left, right] of sack) expect([left > ack || right <= ack, right > left]).toEqual([true, true]);
    }
  });

  test("the text is the whole event, but for when and to whom", () => {
    const trace = new Trace(1);
    trace.record(41_234, EV_TX, CAUSE, 1, 1, 1448, 0x18, 1);
    expect(eventText(eventOf(trace, 0, "host"))).toBe(
      "packet_sent resent=true seq=1 length=1448 flags=ACK,PSH window=0 ack=0 (test.events)",
    );
  });

  test("the same seed tells the same, line by line", async () => {
    const link = "delay 10ms 2ms loss 2%";
    const [first, second, other] = await Promise.all([run(link, 1), run(link, 1), run(link, 2)]);
    expect(first).toEqual(second);
    expect(first).not.toEqual(other);
  });

  test("of what is sent, the events say every octet: the first copies cover the stream, in order", async () => {
    const events = await run("delay 10ms loss 3%", 6);
    let next = 1;
    for (const event of events) {
      if (event.event !== "transport:packet_sent" || event.resent || event.length === 0) continue;
      expect(event.seq).toBe(next);
      next += event.length;
    }
    expect(next).toBe(300_001);
  });
});

describe("words", () => {
  test("a clean transfer is told by its handshake, how cwnd grows, and its end", async () => {
    expect(told(await run("delay 10ms", 1))).toEqual([
      "CLOSED → SYN-SENT: OPEN",
      "→ SYN: active OPEN",
      "← SYN,ACK",
      "SYN-SENT → ESTABLISHED: our SYN was acknowledged",
      "ESTABLISHED → FIN-WAIT-1: CLOSE",
      "slow start: cwnd 26.1 kB grows by what is acknowledged",
      "→ FIN,ACK,PSH: new data",
      "FIN-WAIT-1 → FIN-WAIT-2: our FIN was acknowledged",
      "← FIN,ACK",
      "FIN-WAIT-2 → TIME-WAIT: the peer's FIN arrived",
    ]);
  });

  test("a loss is told with what was lost, what came of it and when it was over", async () => {
    const text = told(await run("delay 10ms loss 1%", 3, 2_000_000)).join("\n");
    expect(text).toMatch(/^1448 bytes at \d+ considered lost$/m);
    expect(text).toMatch(/^duplicate ACKs show a loss → fast retransmit, cwnd [\d.]+ kB → [\d.]+ kB$/m);
    expect(text).toMatch(/^→ 1448 bytes at \d+ retransmitted: duplicate ACKs show a loss$/m);
    expect(text).toMatch(/^recovery complete after \d+ ms, cwnd [\d.]+ kB$/m);
  });

  test("a timeout is told with how long nothing came", async () => {
    const w = await world({ peer: { trace: 4096 } });
    const words = new Words();
    const lines: string[] = [];
    w.peer.onTrace = (trace) => {
      for (const event of eventsOf(trace, "peer")) lines.push(words.tell(event) ?? "");
    };
    const [active, passive] = await connected(w, { userTimeout: 3_000 });
    await w.host.close();
    expect(await w.until(active.closed.catch((error) => error.code))).toBe("ECONNRESET");
    expect(passive.state).toBe("CLOSED");
    expect(lines).toContain("← RST,ACK");
    expect(lines).toContain("ESTABLISHED → CLOSED: reset by the peer");
    lines.length = 0;
    const lone = await world({ link: "loss 100%", peer: { trace: 4096 } });
    lone.peer.onTrace = w.peer.onTrace;
    const attempt = lone.peer.connect({ hostname: HOST, port: PORT }, { timeout: 4_000 });
    await lone.until(attempt.closed.catch(() => {}));
    expect(lines).toContain("nothing acknowledged → the retransmission timer expired, 2 times in a row");
  });
});

describe("event file", () => {
  test("names its schema, then has one event per line; a gap in the ring is told", async () => {
    const path = join(folder, "events.ndjson");
    const file = new EventFile({ path }, STARTED);
    const trace = new Trace(3);
    const recorder = recorderOf(trace, file);
    for (let i = 0; i < 5; i++) trace.record(i, EV_TX, CAUSE, 1, i);
    recorder.read();
    trace.drain();
    trace.record(9, EV_TX, CAUSE, 1, 9);
    recorder.read();
    await file.close();
    const lines = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({ schema: "tcpnet.event/2", event: "run:started", t: 0, who: "host", epoch: 5, seed: 7 });
    expect(lines.slice(1).map((line) => line.seq ?? line)).toEqual([0, 1, 2, { event: "run:gap", missing: 2 }, 9]);
    expect([file.events, file.lost]).toEqual([4, 2]);
  });

  test("where a slow reader left no room for events, a line says how many are missing", async () => {
    const path = join(folder, "slow");
    Bun.spawnSync(["mkfifo", path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const file = new EventFile({ path }, STARTED);
    const trace = new Trace(1000);
    const recorder = recorderOf(trace, file);
    let text = "";
    const read = () => {
      const chunk = new Uint8Array(1 << 16);
      try {
        text += new TextDecoder().decode(chunk.subarray(0, readSync(reader, chunk)));
      } catch {
        // Nothing is there for now.
      }
    };
    const all = 150_000;
    for (let i = 0; i < all; i++) {
      trace.record(i, EV_TX, CAUSE, 1, i);
      if (trace.size < 1000) continue;
      recorder.read();
      trace.drain();
      // The reader takes a break, and then comes back.
      if (i > 100_000) for (let n = 0; n < 5; n++, await Bun.sleep(1)) read();
    }
    let closed = false;
    void file.close().then(() => {
      closed = true;
    });
    while (!closed) {
      read();
      await Bun.sleep(1);
    }
    for (let before = -1; before < text.length; read()) before = text.length;
    closeSync(reader);
    const [, ...lines] = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    let next = 0;
    for (const { event, missing, seq } of lines) {
      if (event === "run:gap") next += missing;
      else expect(seq).toBe(next++);
    }
    expect([next, file.events + file.lost, file.lost > 1_000]).toEqual([all, all, true]);
    expect(lines.filter(({ event }) => event !== "run:gap").length).toBe(file.events);
  });

  test("a full disk ends it once, in words", async () => {
    const ends: OutputError[] = [];
    const file = new EventFile({ path: "/dev/full", onEnd: (error) => ends.push(error) }, STARTED);
    const trace = new Trace(1000);
    const recorder = recorderOf(trace, file);
    for (let i = 0; i < 20; i++) {
      for (let i = 0; i < 1000; i++) trace.record(i, EV_TX, CAUSE, 1);
      recorder.read();
      trace.drain();
    }
    expect(ends.map((error) => error.message)).toEqual([
      "the event file /dev/full ends here: the disk is full (ENOSPC)",
    ]);
    await file.close();
    expect([file.events, file.lost, file.missed, file.error]).toEqual([0, 0, 20_000, ends[0]!]);
    expect(ends[0]).toBeInstanceOf(OutputError);
  });
});
