/** RFC 2018 and 2883 at the receiver: which blocks an ACK carries. */

import { describe, expect, test } from "bun:test";
import { TcpBench } from "../../support/tcp-bench.ts";

const bench = (ts = false) =>
  TcpBench.at(
    "ESTABLISHED",
    { params: { sack: true, timestamps: ts } },
    { mss: 1460, sackOk: true, ...(ts ? { ts: [1, 0] as const } : {}) },
  );
/** Segment i of 100 octets, counted from 1. */
const segment = (b: TcpBench, i: number) => b.in(".", { seq: 1 + (i - 1) * 100, n: 100 });
const blocks = (b: TcpBench) => b.out().map((sent) => [sent.ack, ...sent.sack.map(([l, r]) => `${l}:${r}`)].join(" "));

describe("blocks (RFC 2018 §4)", () => {
  test.each([
    [
      [2, 4, 1, 3, 5],
      ["1 101:201", "1 301:401 101:201", "201 301:401", "401", "501"],
    ],
    [
      [2, 5, 3, 4, 1],
      ["1 101:201", "1 401:501 101:201", "1 101:301 401:501", "1 101:501", "501"],
    ],
    [
      [3, 1, 2, 4, 5],
      ["1 201:301", "101 201:301", "301", "401", "501"],
    ],
  ])("%j: the newest block first, and the ACK jumps over what is filled", (order, expected) => {
    const b = bench();
    const got: string[] = [];
    for (const i of order) {
      segment(b, i);
      b.run(100_000);
      got.push(...blocks(b));
    }
    expect(got).toEqual(expected);
    expect(b.read()).toBe(500);
  });

  test("at most four blocks, three with timestamps; the newest is always there", () => {
    for (const ts of [false, true]) {
      const b = bench(ts);
      for (const i of [2, 4, 6, 8, 10]) {
        segment(b, i);
        b.run(2000);
        const [ack] = b.out();
        expect(ack!.sack.length).toBe(Math.min(i / 2, ts ? 3 : 4));
        expect(ack!.sack[0]).toEqual([1 + (i - 1) * 100, 1 + i * 100]);
      }
    }
  });

  test("no blocks where SACK was not agreed", () => {
    const b = TcpBench.at("ESTABLISHED");
    segment(b, 2);
    expect(blocks(b)).toEqual(["1"]);
  });

  test("data we send carries the blocks as well", () => {
    const b = bench();
    segment(b, 3);
    b.send(10);
    expect(b.out().at(-1)!.line).toBe("P. 1:11(10) ack 1 sack 201:301");
  });
});

describe("duplicates (RFC 2883)", () => {
  test("a duplicate below the ACK", () => {
    const b = bench();
    segment(b, 1);
    segment(b, 2);
    b.run(100_000);
    b.out();
    segment(b, 1);
    expect(blocks(b)).toEqual(["201 1:101"]);
    segment(b, 3);
    b.run(100_000);
    expect(blocks(b)).toEqual(["301"]);
  });

  test("a duplicate out of order: reported first, the block that holds it second", () => {
    const b = bench();
    segment(b, 3);
    b.out();
    segment(b, 3);
    expect(blocks(b)).toEqual(["1 201:301 201:301"]);
  });

  test("an overlap below the ACK with news behind it: only the old part is the duplicate", () => {
    const b = bench();
    segment(b, 1);
    b.run(100_000);
    b.out();
    b.in(".", { seq: 51, n: 100 });
    b.run(100_000);
    expect(blocks(b)).toEqual(["151 51:101"]);
  });

  test.each([
    [50, 150, "1 101:201 51:201"],
    [150, 400, "1 151:201 101:601"],
    [350, 200, "1 351:401 301:601"],
  ])("three stretches, then octets %d+%d over them", (from, n, expected) => {
    const b = bench();
    for (const i of [6, 4, 2]) segment(b, i);
    b.out();
    b.in(".", { seq: 1 + from, n });
    const [line] = blocks(b);
    // The duplicate lies first, and the block that holds it second (RFC 2883 §4.1.1).
    expect(line!.split(" ").slice(0, 3)).toEqual(expected.split(" ").slice(0, 3));
    segment(b, 1);
    for (let i = 1; i <= 6; i++) segment(b, i);
    expect(b.read()).toBe(600);
  });

  test("an unacceptable duplicate far below is reported too, clipped to what we have", () => {
    const b = bench();
    segment(b, 1);
    b.run(100_000);
    b.out();
    b.in(".", { seq: 1, n: 100 });
    expect(blocks(b)).toEqual(["101 1:101"]);
  });
});

describe("limits", () => {
  test("more holes than we keep are dropped and counted; the transfer goes on", () => {
    const most = 1024;
    const b = TcpBench.at(
      "ESTABLISHED",
      { limits: { ranges: most }, params: { sack: true } },
      { mss: 1460, sackOk: true },
    );
    for (let i = 2; i <= 2 * most + 200; i += 2) b.in(".", { seq: 1 + (i - 1) * 10, n: 10 });
    b.out();
    expect(b.tcb.ranges.count).toBeLessThanOrEqual(most);
    expect(b.count("tcp.rx.too-many-ranges")).toBeGreaterThan(0);
    for (let i = 1; i <= 2 * most + 200; i++) b.in(".", { seq: 1 + (i - 1) * 10, n: 10 });
    expect(b.read()).toBe((2 * most + 200) * 10);
    b.out();
    expect(b.leftovers().pages).toBe(0);
  });
});

describe("compressed ACKs (Linux)", () => {
  /** ACKs, and what each tells first, when segments 2 to `last` come one after the other every `gap` us. */
  function told(compressedSacks: number, last: number, gap: number, rtt = 0): string[] {
    const b = TcpBench.at(
      "ESTABLISHED",
      { params: { sack: true, quickAcks: 0, compressedSacks, compressedSacksDelay: 1_000 } },
      { mss: 1460, sackOk: true },
    );
    b.tcb.rcv.rtt = rtt;
    b.tcb.srtt = 0;
    b.out();
    const got: string[] = [];
    const sent = () => got.push(...b.out().map((ack) => `${ack.ack} ${ack.sack[0]![1]}`));
    for (let i = 2; i <= last; i++) {
      segment(b, i);
      sent();
      b.run(gap);
      sent();
    }
    b.run(2_000);
    sent();
    return got;
  }

  test("the first three about a gap are sent at once; later ones are merged into one", () => {
    expect(told(44, 8, 0, 1_000_000)).toEqual(["1 201", "1 301", "1 401", "1 801"]);
    expect(told(0, 8, 0, 1_000_000).length).toBe(7);
  });

  test("they wait for 5 % of the round trip, and no longer than the limit", () => {
    expect(told(44, 12, 250, 10_000)).toEqual(["1 201", "1 301", "1 401", "1 601", "1 801", "1 1001", "1 1201"]);
    expect(told(44, 9, 240, 1_000_000)).toEqual(["1 201", "1 301", "1 401", "1 901"]);
  });

  test("at most a limited number is held back", () => {
    expect(told(2, 9, 0, 1_000_000)).toEqual(["1 201", "1 301", "1 401", "1 701", "1 901"]);
  });

  test("a gap at another place is reported at once again", () => {
    const b = TcpBench.at(
      "ESTABLISHED",
      { params: { sack: true, quickAcks: 0, compressedSacks: 44, compressedSacksDelay: 1_000 } },
      { mss: 1460, sackOk: true },
    );
    b.out();
    for (const i of [2, 3, 4, 5]) segment(b, i);
    b.out();
    segment(b, 1);
    expect(blocks(b)).toEqual(["501"]);
    segment(b, 7);
    expect(blocks(b)).toEqual(["501 601:701"]);
  });

  test("each block of many is reported by some ACK, although only the newest three fit beside timestamps", () => {
    const b = TcpBench.at(
      "ESTABLISHED",
      { params: { sack: true, quickAcks: 0, compressedSacks: 44, compressedSacksDelay: 1_000 } },
      { mss: 1460, sackOk: true },
    );
    b.tcb.rcv.rtt = 1_000_000;
    b.out();
    const reported = new Set<number>();
    const sent = () => {
      const acks = b.out();
      for (const { sack } of acks) for (const [left] of sack.slice(0, 3)) reported.add(left);
      return acks.length;
    };
    // Every second segment is lost.
    const arrived = Array.from({ length: 30 }, (_, i) => 2 * i + 2);
    const acks = arrived.map((i) => {
      segment(b, i);
      return sent();
    });
    b.run(2_000);
    sent();
    expect([...reported].sort((x, y) => x - y)).toEqual(arrived.map((i) => (i - 1) * 100 + 1));
    // The first three at once; the fourth and fifth are held back, the fifth's arrival sends the fourth's ACK, and so on.
    expect(acks.slice(0, 7)).toEqual([1, 1, 1, 0, 1, 1, 1]);
  });
});
