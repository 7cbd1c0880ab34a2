/** How much SEND takes: Linux asks at the beginning of a piece, the RFCs' sender for each octet. */
import { describe, expect, test } from "bun:test";
import { sendRoom } from "#tcp/machine/calls";
import type { TcpSettings } from "#tcp/words/params";
import { EVENT_WRITABLE } from "#tcp/words/tcb";
import { ack, lone, M, RTT } from "../../support/linux-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

/** Half of the window: a piece. */
const PIECE = 30 * M;
const bench = (params: TcpSettings) => {
  const b = lone({ nagle: "off", ...params });
  return { b, room: () => sendRoom(b.tcb, 1 << 20) };
};

/** Octets of memory that the queue costs: of half as much again a third is free. */
function cost(b: TcpBench): number {
  const isWritable = (sendBuffer: number) => {
    b.stack.setParams(b.tcb, { sendBuffer }, b.now);
    return b.stack.writable(b.tcb);
  };
  let n = 1;
  while (!isWritable(n)) n++;
  return Math.floor(n / 1.5);
}

describe("Linux", () => {
  test("a piece is filled, however small the buffer; the next is not begun", () => {
    const { b, room } = bench({ sendBuffer: 5 * M });
    expect(room()).toBe(PIECE);
    b.send(20 * M);
    b.out();
    // Ten segments went, and made room.
    expect(room()).toBe(PIECE - 10 * M);
    b.send(20 * M);
    expect(room()).toBe(0);
    b.run(RTT);
    ack(b, 10);
    b.out();
    expect(room()).toBe(PIECE - 10 * M);
  });

  test("what is unsent counts only where a piece begins", () => {
    const { b, room } = bench({ notSentLowWater: 1 });
    b.send(10 * M);
    b.out();
    expect(room()).toBe(PIECE);
    b.send(PIECE - 1);
    expect(room()).toBe(1);
    b.send(1);
    expect(room()).toBe(0);
  });

  test("a piece costs memory beside its data", () => {
    const { b } = bench({});
    for (let i = 1; i <= 10; i++) {
      b.send(100);
      b.out();
      expect(cost(b)).toBe(i * (100 + 832));
      b.stack.setParams(b.tcb, { sendBuffer: 100_000 }, b.now);
    }
    // Nothing more may go: they gather.
    for (let i = 0; i < 3; i++) b.send(100);
    expect(cost(b)).toBe(13 * 100 + 11 * 832);
  });
});

describe("by default", () => {
  test("payload counts, to the octet", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { sendBuffer: 100_000 } }, { mss: M });
    expect(b.send(99_999)).toBe(99_999);
    b.out();
    expect(b.send(2)).toBe(1);
    expect(b.send(1)).toBe(0);
  });

  test("the low-water mark is asked at each piece: one SEND queues no more than a piece beyond it", () => {
    const b = TcpBench.at(
      "ESTABLISHED",
      { params: { sendBuffer: 200_000, notSentLowWater: 4_000 } },
      { mss: M, win: 8_000 },
    );
    // Pieces of half the window.
    expect(b.send(100_000)).toBe(4_000);
    b.out();
    expect(b.send(100_000)).toBe(4_000);
    b.out();
    expect(b.send(5_000)).toBe(4_000);
    b.out();
    expect(b.send(1)).toBe(0);
  });

  test("a writer that the low-water mark stopped is told when less than half of it is unsent", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { sendBuffer: 200_000, notSentLowWater: 4_000 } }, { mss: M });
    b.send(30_000);
    b.events();
    expect(b.stack.writable(b.tcb)).toBe(false);
    b.out();
    expect(b.tcb.snd.queued - 10_000).toBeGreaterThan(2_000);
    expect(b.events() & EVENT_WRITABLE).toBe(0);
    b.in(".", { ack: 10_001 });
    b.out();
    expect(b.events() & EVENT_WRITABLE).toBe(EVENT_WRITABLE);
    expect(b.stack.writable(b.tcb)).toBe(true);
  });
});
