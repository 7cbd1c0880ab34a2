/** RFC 7323: timestamps, PAWS, TS.Recent. */
import { describe, expect, test } from "bun:test";
import { RFC9293 } from "#tcp/words/profiles";
import { type Given, TcpBench } from "../../support/tcp-bench.ts";

const bench = (extra = {}) =>
  TcpBench.at(
    "ESTABLISHED",
    { params: { timestamps: true, sack: true, ...extra } },
    { mss: 1460, ts: [1000, 0], sackOk: true },
  );
const DAY = 24 * 3600 * 1e6;

describe("our own timestamps", () => {
  test("every segment carries them, FIN and RST too, and TSval runs in milliseconds", () => {
    const b = bench({ nagle: "off" });
    b.send(10);
    const [data] = b.out();
    b.run(100_000);
    b.send(10);
    const [later] = b.out();
    b.stack.closeSend(b.tcb, b.now);
    const [fin] = b.out();
    b.stack.abort(b.tcb, b.now);
    const [rst] = b.out();
    expect([data, later, fin, rst].map((sent) => sent!.ts?.[1])).toEqual([1000, 1000, 1000, 1000]);
    expect(later!.ts![0] - data!.ts![0]).toBe(100);
    expect(rst!.flags).toContain("R");
  });

  test("an offset per pair of endpoints: two connections' clocks differ", () => {
    const b = new TcpBench({ params: { timestamps: true } });
    b.connect({ localPort: 81 });
    b.connect({ localPort: 82 });
    const [one, two] = b.out();
    expect(Math.abs(one!.ts![0] - two!.ts![0])).toBeGreaterThan(1000);
  });
});

describe("TS.Recent (§4.3, §5.3)", () => {
  const echoed = (b: TcpBench) => {
    b.send(1);
    return b.out().at(-1)!.ts![1];
  };

  test("is taken from a segment that covers Last.ACK.sent, and is not taken back", () => {
    const b = bench();
    b.in(".", { n: 10, ts: [1010, 0] });
    expect(echoed(b)).toBe(1010);
    b.in(".", { n: 10, ts: [1020, 0] });
    expect(echoed(b)).toBe(1020);
  });

  test("with delayed ACKs the oldest one counts: the echo covers the delay", () => {
    const b = bench();
    b.in(".", { n: 10, ts: [1010, 0] });
    b.in(".", { n: 10, ts: [1020, 0] });
    b.run(500_000);
    expect(b.out()[0]!.ts![1]).toBe(1010);
  });

  test("is not taken from an out-of-order segment, but from the one that fills the hole", () => {
    const b = bench();
    b.in(".", { seq: 101, n: 100, ts: [1010, 0] });
    expect(b.out()[0]!.ts![1]).toBe(1000);
    b.in(".", { seq: 1, n: 100, ts: [1020, 0] });
    expect(b.out()[0]!.ts![1]).toBe(1020);
  });

  test("crosses the wrap of its own clock", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { timestamps: true } }, { mss: 1460, ts: [0xfffffff0, 0] });
    b.in(".", { n: 10, ts: [5, 0] });
    expect(b.tcb.rcv.unread).toBe(10);
    expect(echoed(b)).toBe(5);
  });

  test("an RST does not touch it", () => {
    const b = bench();
    b.in(".", { n: 10 });
    b.run(1_000_000);
    b.out();
    b.in("R", { seq: 5, n: 20, ts: [999_999, 0] });
    expect(b.tcb.tsRecent).toBe(1000);
  });

  test("a segment outside of the window does not touch it", () => {
    const b = bench();
    b.in(".", { seq: 1_000_000_000, n: 10, ts: [999_999, 0] });
    b.in(".", { seq: -1000, n: 10, ts: [999_999, 0] });
    expect(b.tcb.tsRecent).toBe(1000);
  });
});

describe("the answer to our SYN", () => {
  const opening = () => {
    const b = TcpBench.at("SYN-SENT", { params: { timestamps: true } });
    b.usesTs = true;
    return { b, syn: b.seenTs };
  };

  test.each([
    ["before our first SYN", -1],
    ["after now", 1_000_000],
  ])("is not believed where it echoes a time %s: SYN,ACK draws RST, RST does nothing", (_, shift) => {
    const { b, syn } = opening();
    b.in("S.", { mss: 1460, ts: [5, syn + shift] });
    expect([b.state, b.lines()]).toEqual(["SYN-SENT", ["R 1:1(0)"]]);
    b.in("R.", { seq: 0, ack: 1, ts: [5, syn + shift] });
    expect([b.state, b.count("tcp.rx.bad-echo")]).toEqual(["SYN-SENT", 2]);
  });

  test("may echo any SYN of ours, the first as well as the last, or nothing", () => {
    for (const late of [0, 1500]) {
      const { b, syn } = opening();
      b.run(2_000_000);
      b.in("S.", { mss: 1460, seq: 0, ack: 1, ts: [5, syn + late] });
      expect(b.state).toBe("ESTABLISHED");
    }
    const { b } = opening();
    b.in("S.", { mss: 1460, ts: [5, 0] });
    expect(b.state).toBe("ESTABLISHED");
  });
});

describe("PAWS (§5)", () => {
  /** Older than the tick that Linux forgives. */
  const old: Given = { n: 10, ts: [998, 0] };

  test("an old TSval: dropped, and acknowledged", () => {
    const b = bench();
    b.in(".", old);
    expect(b.tcb.rcv.unread).toBe(0);
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(b.count("tcp.rx.paws")).toBe(1);
  });

  test("the tick before TS.Recent is forgiven, as Linux does; not by the letter of §5.3", () => {
    for (const [params, taken] of [
      [{}, 10],
      [RFC9293, 0],
    ] as const) {
      const b = bench(params);
      b.in(".", { n: 10, ts: [999, 0] });
      expect(b.tcb.rcv.unread).toBe(taken);
    }
  });

  test("the same TSval is not old", () => {
    const b = bench();
    b.in(".", { n: 10, ts: [1000, 0] });
    expect(b.tcb.rcv.unread).toBe(10);
  });

  test("an old TSval drops FIN as well; RST is not looked at", () => {
    const b = bench();
    b.in("F.", { seq: 1, ts: [998, 0] });
    expect(b.state).toBe("ESTABLISHED");
    b.in("R", { seq: 1, ts: [998, 0] });
    expect(b.state).toBe("CLOSED");
  });

  test("an RST without timestamps is taken", () => {
    const b = bench();
    b.in("R", { seq: 1, raw: [] });
    expect(b.state).toBe("CLOSED");
  });

  test("a segment without the agreed timestamp is taken, as Linux does; by the letter of §3.2 it is dropped in silence", () => {
    const strict = bench(RFC9293);
    strict.in(".", { n: 10, raw: [] });
    strict.run(1_000_000);
    expect(strict.lines()).toEqual([]);
    expect(strict.tcb.rcv.unread).toBe(0);
    const lenient = bench();
    lenient.in(".", { n: 10, raw: [] });
    expect(lenient.tcb.rcv.unread).toBe(10);
  });

  test("after 24 days of silence an old TSval is good again (§5.5)", () => {
    const b = bench();
    b.run(25 * DAY);
    b.in(".", { ...old });
    expect(b.tcb.rcv.unread).toBe(10);
  });

  test("an old duplicate does not shut the connection off: the next good segment goes through", () => {
    const b = bench();
    for (let i = 0; i < 10; i++) b.in(".", old);
    b.in(".", { seq: 1, n: 10, ts: [1001, 0] });
    expect(b.tcb.rcv.unread).toBe(10);
  });

  test("timestamps that were not agreed are ignored", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { timestamps: true } });
    b.in(".", { n: 10, ts: [5, 0] });
    b.in(".", { n: 10, ts: [1, 0] });
    expect(b.tcb.rcv.unread).toBe(20);
    b.send(1);
    expect(b.out().every((sent) => sent.ts === null)).toBe(true);
  });
});

describe("round trips from timestamps", () => {
  test("a retransmission is measured by its echo, not by guesswork (RFC 6298 §3, RFC 7323 §4)", () => {
    const b = bench();
    b.send(100);
    b.out();
    b.run(1_300_000);
    const resent = b.out().at(-1)!;
    expect(resent.line).toBe("P. 1:101(100) ack 1");
    b.run(30_000);
    b.in(".", { ts: [1001, resent.ts![0]] });
    expect(b.stack.info(b.tcb).rtt).toBeLessThan(3_000_000);
    expect(b.tcb.retries).toBe(0);
  });

  test("an echo from the future or of nothing gives no sample", () => {
    const b = bench();
    const rto = b.tcb.rto;
    b.send(100);
    b.out();
    b.run(2_500_000);
    b.out();
    b.in(".", { ts: [1001, (b.seenTs + 1_000_000) >>> 0] });
    expect(b.stack.info(b.tcb).rto).toBeLessThanOrEqual(120_000_000);
    expect(b.tcb.srtt).toBeLessThan(10 * rto);
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
  });
});
