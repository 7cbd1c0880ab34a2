/** Windows (RFC 9293 §3.8.6): zero, shrunk, silly; and the ACKs that carry them. */
import { describe, expect, test } from "bun:test";
import { RFC9293 } from "#tcp/words/profiles";
import { EVENT_SOFT_ERROR } from "#tcp/words/tcb";
import { PLAIN, TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1e6;

/** A connection that has something to send and a closed window. */
function closed(params = {}): TcpBench {
  const b = TcpBench.at("ESTABLISHED", { params });
  b.send(1000);
  b.out();
  b.in(".", { win: 0 });
  b.send(5000);
  expect(b.lines()).toEqual([]);
  return b;
}

const data = (b: TcpBench) =>
  b
    .out()
    .filter((sent) => sent.data.length > 0)
    .map(({ line }) => line);

/** When each probe goes out, if each is answered after `delay` by a window still closed (or never: null). */
function probeTimes(b: TcpBench, count: number, delay: number | null): number[] {
  const begin = b.now;
  const times: number[] = [];
  for (let turns = 0; times.length < count && turns < 1000; turns++) {
    b.run(Math.max(1, b.stack.nextDeadline() - b.now));
    const sent = b.out();
    if (sent.length === 0) continue;
    times.push((b.now - begin) / SECOND);
    if (delay === null) continue;
    b.run(delay);
    b.in(".", { win: 0, ack: 1001 });
  }
  return times;
}

describe("a closed window", () => {
  test.each([false, true])(
    "is probed (MUST-36), first after one RTO (SHLD-29); probe with data: %p",
    (probeWithData) => {
      const b = closed({ probeWithData });
      const rto = b.tcb.rto;
      b.run(rto - 2000);
      expect(b.lines()).toEqual([]);
      b.run(4000);
      const [probe] = b.out();
      expect(probe!.line).toBe(probeWithData ? "P. 1001:1002(1) ack 1" : ". 1000:1000(0) ack 1");
    },
  );

  test.each([null, 10_000])("probe intervals double (SHLD-30), answered after %p us or not", (delay) => {
    const times = probeTimes(closed(), 7, delay);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    for (let i = 1; i < gaps.length; i++) {
      const ratio = gaps[i]! / gaps[i - 1]!;
      expect(ratio).toBeGreaterThan(1.8);
      expect(ratio).toBeLessThan(2.2);
    }
  });

  test("answered probes keep the connection for ever (MUST-37); the interval has a limit", () => {
    const b = closed();
    const times = probeTimes(b, 60, 10_000);
    expect(b.state).toBe("ESTABLISHED");
    expect(times.at(-1)!).toBeGreaterThan(3600);
    expect(times.at(-1)! - times.at(-2)!).toBeLessThanOrEqual(121);
  });

  test("answered probes with data keep it as well", () => {
    const b = closed({ probeWithData: true });
    probeTimes(b, 40, 10_000);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("unanswered probes end it after R2", () => {
    const b = closed();
    b.run(3600 * SECOND);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("when it opens, the data is sent at once, and probing stops", () => {
    const b = closed();
    probeTimes(b, 3, 10_000);
    b.in(".", { ack: 1001, win: 10_000 });
    expect(b.out().map((sent) => sent.data.length)).toEqual([1460, 1460, 1460, 620]);
    b.in(".");
    expect(b.stack.nextDeadline() - b.now).toBeGreaterThan(0);
    b.run(600 * SECOND);
    expect(b.lines()).toEqual([]);
  });

  test("a FIN waits for the window as well, and is not lost", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { win: 0 });
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual([]);
    b.run(300_000);
    expect(b.lines().length).toBe(1);
    b.in(".", { ack: 1, win: 100 });
    expect(b.lines()).toEqual(["F. 1:1(0) ack 1"]);
  });

  test("a window that takes the data but not the FIN: data first", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { n: 1 }).in(".", { n: 1, win: 100 }).out();
    b.send(100);
    b.stack.closeSend(b.tcb, b.now);
    // Linux sends them as one segment, which does not fit: the data goes when the window is probed.
    b.run(SECOND / 4);
    expect(data(b)).toEqual(["P. 1:101(100) ack 3"]);
    b.in(".", { win: 100 });
    expect(b.lines()).toEqual(["F. 101:101(0) ack 3"]);
  });
});

describe("a window that shrinks", () => {
  test("the usable window turns negative: nothing new, nothing breaks (MUST-34, SHLD-15)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(20_000);
    b.out();
    b.in(".", { ack: 1461, win: 2000 });
    expect(b.lines()).toEqual([]);
    b.in(".", { ack: 14_601, win: 8000 });
    expect(b.out().map((sent) => sent.data.length)).toEqual([1460, 1460, 1460, 1020]);
  });

  test("to zero over data in flight: resent by its timer, never given up while the peer answers (MUST-35, SHLD-17)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    b.in(".", { ack: 1461, win: 0 });
    for (let i = 0; i < 40; i++) {
      b.run(Math.max(1, b.stack.nextDeadline() - b.now));
      if (b.out().length > 0) b.in(".", { ack: 1461, win: 0 });
    }
    expect(b.state).toBe("ESTABLISHED");
    b.in(".", { ack: 1461, win: 60_000 });
    b.run(200 * SECOND);
    b.in(".", { ack: 5001, win: 60_000 });
    b.out();
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
  });

  test("retransmissions stay inside what is open, but for the first (SHLD-16)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(14_600);
    b.out();
    b.in(".", { ack: 1, win: 3000 });
    b.run(SECOND);
    for (const sent of b.out()) expect(sent.seq + sent.data.length).toBeLessThanOrEqual(3001);
  });
});

describe("silly windows", () => {
  test("the sender waits for a full segment, or half of the largest window (MUST-38)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(1460);
    b.out();
    b.in(".", { win: 100 });
    b.send(5000);
    expect(b.lines()).toEqual([]);
    b.in(".", { ack: 1461, win: 1459 });
    expect(b.lines()).toEqual([]);
    b.in(".", { ack: 1461, win: 1460 });
    expect(b.out().map((sent) => sent.data.length)).toEqual([1460]);
  });

  test("the override: what fits goes after the time-out (§3.8.6.2.1 (4))", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { n: 1 }).in(".", { n: 1, win: 100 }).out();
    b.send(5000);
    expect(b.lines()).toEqual([]);
    b.run(SECOND / 4);
    expect(data(b)).toEqual(["P. 1:101(100) ack 3"]);
  });

  test("a peer whose window was always small gets what fits at once", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: 1460, win: 500 });
    b.in(".", { n: 1, win: 500 }).out();
    b.send(2000);
    expect(b.out().reduce((sum, { data }) => sum + data.length, 0)).toBe(500);
  });

  test("the receiver opens its window in steps of at least min(buffer / 2, MSS) (MUST-39)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { ...RFC9293, receiveBuffer: 10_000, receiveBufferMax: 10_000 } });
    for (let i = 0; i < 10; i++) b.in(".", { n: 1000 });
    b.run(SECOND);
    expect(b.out().at(-1)!.win).toBe(0);
    for (let i = 0; i < 9; i++) b.read(100);
    expect(b.lines()).toEqual([]);
    b.in(".", { seq: 10_000 });
    expect(b.out().at(-1)!.win).toBe(0);
    b.read(600);
    const [update] = b.out();
    expect(update!.win).toBeGreaterThanOrEqual(1000);
  });

  test("rounding up to the scale adds at most an eighth of the buffer, however small the segments (RFC 7323 §2.4)", () => {
    const size = 16_384;
    const params = { receiveBuffer: size, receiveBufferMax: 32 << 20, windowScale: true };
    const b = TcpBench.at("ESTABLISHED", { params }, { mss: 1000, wscale: 10 });
    for (let i = 0; i < 5_000; i++) b.in("P.", { n: i < 14 ? 1_000 : 1 }).out();
    expect(b.tcb.rcv.unread).toBeGreaterThan(size - 2_048);
    expect(b.tcb.rcv.unread).toBeLessThanOrEqual(size + (size >> 3));
  });

  test("the right edge never moves left, scaled or not (SHLD-14)", () => {
    for (const windowScale of [false, true]) {
      const b = TcpBench.at(
        "ESTABLISHED",
        { params: { windowScale, receiveBuffer: 1 << 20, receiveBufferMax: 1 << 20 } },
        { mss: 1460, ...(windowScale ? { wscale: 0 } : {}) },
      );
      let edge = 0;
      for (let i = 0; i < 400; i++) {
        b.in(".", { n: 1 + ((i * 37) % 1460) });
        if (i % 7 === 3) b.read((i * 91) % 4000);
        if (i % 5 === 0) b.run(50_000);
        for (const sent of b.out()) {
          const right = sent.ack + (sent.win << b.tcb.rcv.shift);
          // What the field cannot express is no retreat (RFC 7323 §2.4), and the octets are taken all the same.
          expect(right).toBeGreaterThan(edge - (1 << b.tcb.rcv.shift));
          edge = Math.max(edge, right);
          expect((b.tcb.rcv.adv - b.irs) | 0).toBeGreaterThanOrEqual(edge);
        }
      }
    }
  });

  test("a read announces at once the room that the sender was waiting for", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { ...RFC9293, receiveBuffer: 5000, receiveBufferMax: 5000 } });
    b.in(".", { n: 5000 });
    b.run(SECOND);
    expect(b.out().at(-1)!.win).toBe(0);
    b.read();
    expect(b.out().map((sent) => [sent.ack, sent.win])).toEqual([[5001, 5000]]);
  });

  test("without window scale reading does not send an ACK per segment", () => {
    const b = TcpBench.at("ESTABLISHED");
    let acks = 0;
    for (let i = 0; i < 100; i++) {
      b.in(".", { n: 1460 });
      b.read();
      acks += b.out().length;
    }
    expect(acks).toBeLessThanOrEqual(60);
  });
});

describe("delayed ACK (§3.8.6.3)", () => {
  test("one segment waits, less than half a second (MUST-40, SHLD-18); two full ones do not (SHLD-19)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { n: 1460 });
    expect(b.lines()).toEqual([]);
    const begin = b.now;
    b.run(499_000);
    const [late] = b.out();
    expect(late!.ack).toBe(1461);
    expect(late!.at + b.start - begin).toBeLessThan(500_000);
    b.in(".", { n: 1460 });
    expect(b.lines()).toEqual([]);
    b.in(".", { n: 1460 });
    expect(b.lines()).toEqual([". 1:1(0) ack 4381"]);
    b.run(SECOND);
    expect(b.lines()).toEqual([]);
  });

  test("a queue of segments is worked off before one ACK (MUST-58, MUST-59)", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (let i = 0; i < 20; i++) b.in(".", { n: 1460 });
    expect(b.lines()).toEqual([". 1:1(0) ack 29201"]);
  });

  test("it is sent with data", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { n: 100 });
    b.send(50);
    expect(b.lines()).toEqual(["P. 1:51(50) ack 101"]);
    b.run(SECOND / 10);
    expect(b.lines()).toEqual([]);
  });

  test("an out-of-order segment and one that fills a hole are acknowledged at once (RFC 5681 §4.2, MAY-13)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { seq: 101, n: 100 });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    b.in(".", { seq: 1, n: 50 });
    expect(b.lines()).toEqual([". 1:1(0) ack 51"]);
    b.in(".", { seq: 51, n: 50 });
    expect(b.lines()).toEqual([". 1:1(0) ack 201"]);
  });

  test("without SACK each out-of-order segment gets its duplicate, and a filled hole exactly one ACK", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (const i of [2, 3, 4, 5]) b.in(".", { seq: 1 + (i - 1) * 1460, n: 1460 });
    expect(b.lines()).toEqual(new Array(4).fill(". 1:1(0) ack 1"));
    for (const i of [7, 8, 9, 10]) b.in(".", { seq: 1 + (i - 1) * 1460, n: 1460 });
    b.in(".", { seq: 1, n: 1460 });
    expect(b.lines()).toEqual([". 1:1(0) ack 7301"]);
    b.run(SECOND);
    expect(b.lines()).toEqual([]);
  });

  test("duplicate ACKs that were due are not sent after data that carried the ACK", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (const i of [2, 3, 4, 5]) b.in(".", { seq: 1 + (i - 1) * 1460, n: 1460 });
    b.send(100);
    b.out();
    b.in(".", { seq: 1, n: 1460 });
    expect(b.lines()).toEqual([". 101:101(0) ack 7301"]);
  });

  test("quick ACKs at the beginning, while the peer's slow start lives on them", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { ...PLAIN, quickAcks: 4 } });
    const acks: number[] = [];
    for (let i = 0; i < 8; i++) {
      b.in(".", { n: 1460 });
      acks.push(b.out().length);
    }
    expect(acks.slice(0, 3)).toEqual([1, 1, 1]);
    expect(acks.slice(4)).not.toEqual([1, 1, 1, 1]);
  });
});

test("R1 tells the user that delivery is in doubt (MUST-20, SHLD-9, SHLD-10)", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.send(10);
  b.run(SECOND / 2);
  expect(b.events() & EVENT_SOFT_ERROR).toBe(0);
  b.run(10 * SECOND);
  expect(b.events() & EVENT_SOFT_ERROR).toBe(EVENT_SOFT_ERROR);
  expect(b.state).toBe("ESTABLISHED");
});
