import { describe, expect, test } from "bun:test";
import type { RunEvent, TraceEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { segmentLine, segmentName } from "#observe/segment-words";
import { Words, type WordsOptions } from "#observe/words";

const PACKET = { who: "peer", connection: 2, seq: 1, length: 0, flags: "ACK", ack: 1, window: 65_536 } as const;

type Part = Partial<Record<string, unknown>>;
const sent = (time: number, part: Part = {}): TraceEvent =>
  ({ ...PACKET, time, event: "transport:packet_sent", cause: "tcp.tx.data", resent: false, ...part }) as TraceEvent;
const got = (time: number, part: Part = {}): TraceEvent =>
  ({ ...PACKET, time, event: "transport:packet_received", cause: "tcp.rx.ack", ...part }) as TraceEvent;
const other = (time: number, event: string, part: Part = {}): TraceEvent =>
  ({ who: "peer", connection: 2, cause: "none", time, event, ...part }) as unknown as TraceEvent;

function told(events: readonly RunEvent[], options?: WordsOptions): (string | null)[] {
  const words = new Words(options);
  return events.map((event) => words.tell(event));
}

describe("a segment", () => {
  test("is one line: direction, flags, number with length, ACK, window, SACK, and the reason", () => {
    expect(segmentLine("→", { ...PACKET, flags: "ACK,PSH", length: 1448 }, "new data")).toBe(
      "→ PSH ACK  seq 1+1448  ack 1  win 65536   new data",
    );
    const sack = [
      [2897, 4345],
      [5793, 7241],
    ] as const;
    expect(segmentLine("←", { ...PACKET, sack }, "")).toBe(
      "← ACK      seq 1  ack 1  win 65536  sack 2897-4345 5793-7241",
    );
    const syn = { seq: 0, length: 0, flags: "SYN", window: 64_240, isn: 99, mss: 1460, windowScale: 7, tsval: 5 };
    expect(segmentLine("→", { ...syn, sackPermitted: true }, "active OPEN")).toBe(
      "→ SYN      seq 0  win 64240  mss 1460 sackOK scale 7 timestamps   active OPEN",
    );
    expect(segmentLine("→", { ...PACKET, length: 3000, segmentSize: 1448 }, "")).toEndWith("win 65536  in 3 segments");
    expect([segmentName({ ...PACKET }), segmentName({ ...PACKET, flags: "FIN,ACK" })]).toEqual(["ack 1", "FIN seq 1"]);
  });

  test("is told whatever it is with packets, and else only as a step, or if it is sent again", () => {
    const events = [sent(0, { length: 4 }), sent(1, { length: 4, resent: true, cause: "tcp.tx.rto" }), got(2)];
    expect(told(events)).toEqual([null, "→ 4 bytes at 1 retransmitted: no ACK in time (RTO)", null]);
    expect(told(events, { packets: true })).toEqual([
      "→ ACK      seq 1+4  ack 1  win 65536   new data",
      "→ ACK      seq 1+4  ack 1  win 65536   retransmitted: no ACK in time (RTO)",
      "← ACK      seq 1  ack 1  win 65536   ACK of new data",
    ]);
    const probe = sent(1, { length: 4, resent: true, cause: "tcp.tx.tail-loss-probe" });
    expect(told([probe], { packets: true })[0]).toEndWith("   sent again; tail loss probe (RFC 8985)");
  });

  test("without decisions, nothing but segments and states is told", () => {
    const lost = other(0, "recovery:packet_lost", { seq: 1, length: 4 });
    expect(told([lost], { packets: true, decisions: false })).toEqual([null]);
    expect(told([lost], { packets: true })).toEqual(["4 bytes at 1 considered lost"]);
  });
});

describe("flow control", () => {
  const persist = (time: number, delay: number) => other(time, "recovery:timer_set", { timer: "persist", delay });
  const probed = (time: number, times: number) => other(time, "recovery:timer_expired", { timer: "persist", times });

  test("a closed window is told when it closes, with each probe, and with how long it was closed when it opens", () => {
    const events = [
      got(0, { window: 0 }),
      persist(0, 210_000),
      probed(210_000, 1),
      persist(210_000, 420_000),
      sent(210_000, { cause: "tcp.tx.window-probe" }),
      got(250_000, { window: 0 }),
      persist(250_000, 420_000),
      got(3_400_000, { window: 9000 }),
      persist(3_500_000, 200_000),
    ];
    expect(told(events)).toEqual([
      "← window 0: the receiver's buffer is full",
      "probe 1 in 210 ms, unless the window opens",
      "the peer's window is closed → probe 1",
      null,
      null,
      null,
      "probe 2 in 420 ms, unless the window opens",
      "← window open again after 3.4 s",
      null,
    ]);
    expect(told(events, { packets: true })[0]).toBe(
      "← ACK      seq 1  ack 1  win 0   ACK of new data; window 0: the receiver's buffer is full",
    );
  });

  test("our own closed window is told as well; an RST with window 0 closes none", () => {
    const events = [sent(0, { window: 0 }), sent(5e5, { window: 0 }), sent(1e6), got(2e6, { flags: "RST", window: 0 })];
    expect(told(events)).toEqual([
      "→ window 0: our receive buffer is full, the peer has to wait",
      null,
      "→ window open again after 1.0 s",
      "← RST",
    ]);
  });

  test("Nagle is told whenever it holds data back, a full window of the peer once", () => {
    const limit = (old: string, now: string) => other(0, "recovery:limit_updated", { old, new: now });
    const nagle = "less than a full segment: it waits for more data or for an ACK (Nagle)";
    expect(
      told([
        limit("application", "small-segment"),
        limit("small-segment", "receive-window"),
        limit("receive-window", "small-segment"),
        limit("small-segment", "receive-window"),
        limit("receive-window", "congestion-window"),
      ]),
    ).toEqual([nagle, "flow control: the peer's window is full, sending waits for its ACKs", nagle, null, null]);
  });
});

describe("the congestion window", () => {
  const cwnd = (cause: string, size: number, ssthresh = 0x7fffffff) =>
    other(0, "recovery:metrics_updated", { cause, cwnd: size, ssthresh, inFlight: 0, window: 0 });

  test("each phase of its growth is told when it begins; a restart after idle only if it changes something", () => {
    expect(
      told([
        cwnd("tcp.cc.slow-start", 14_480),
        cwnd("tcp.cc.slow-start", 28_960),
        cwnd("tcp.cc.avoidance", 43_440, 43_440),
        cwnd("tcp.cc.avoidance", 44_888, 43_440),
        cwnd("tcp.cc.idle", 44_888, 43_440),
        cwnd("tcp.cc.idle", 14_480, 43_440),
        cwnd("tcp.cc.slow-start", 15_928, 43_440),
      ]),
    ).toEqual([
      "slow start: cwnd 14.5 kB grows by what is acknowledged",
      null,
      "congestion avoidance: from cwnd 43.4 kB on, growth is slow",
      null,
      null,
      "restart after idle: cwnd 44.9 kB → 14.5 kB",
      "slow start: cwnd 15.9 kB grows by what is acknowledged, up to ssthresh 43.4 kB",
    ]);
  });
});

describe("a link", () => {
  const at = (packet: number, event: string, part: Part = {}): LinkEvent =>
    ({ time: 0, who: "peer>host", packet, event, ...part }) as unknown as LinkEvent;
  const offer = (packet: number, part: Part = {}) =>
    at(packet, "link:packet_offered", { size: 1500, queue: 3, ...PACKET, who: "peer>host", length: 1448, ...part });
  const events = [
    offer(1),
    at(1, "link:packet_dropped", { cause: "link.loss" }),
    offer(2, { seq: 1449 }),
    at(2, "link:packet_reordered"),
    at(2, "link:packet_delivered"),
    at(9, "link:packet_dropped", { cause: "link.queue-full" }),
  ];

  test("names each packet that it drops, or does something else to, by its segment", () => {
    expect(told(events, { packets: true })).toEqual([
      null,
      "✗ peer>host  seq 1+1448   the link: lost at random",
      null,
      "· peer>host  seq 1449+1448   overtook the packets before it",
      null,
      "✗ peer>host  packet 9   the link: dropped at the tail: the queue in front of the transmitter is full",
    ]);
    expect(told(events)).toEqual(events.map(() => null));
  });

  test("without a stack that tells of the segments, it tells each of them, and of other packets their text", () => {
    const ping = at(3, "link:packet_offered", { size: 84, queue: 0, text: "ICMP echo request" });
    expect(told([...events, ping], { packets: true, isWire: true })).toEqual([
      "peer>host ACK      seq 1+1448  ack 1  win 65536   3 before it in the queue",
      expect.stringContaining("lost at random"),
      "peer>host ACK      seq 1449+1448  ack 1  win 65536   3 before it in the queue",
      expect.stringContaining("overtook"),
      null,
      expect.stringContaining("packet 9"),
      "peer>host ICMP echo request",
    ]);
  });
});
