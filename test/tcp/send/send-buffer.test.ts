/** How much SEND takes: Linux asks at the beginning of a piece, the RFCs' sender for each octet. */
import { describe, expect, test } from "bun:test";
import { sendRoom } from "#tcp/machine/calls";
import { memory, roomInPiece } from "#tcp/send/send-buffer";
import type { TcpParams } from "#tcp/words/params";
import { ack, lone, M, RTT } from "../../support/linux-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

/** Half of the window: a piece. */
const PIECE = 30 * M;
const bench = (params: Partial<TcpParams>) => {
  const b = lone({ nagle: "off", ...params });
  return { b, room: () => roomInPiece(b.tcb), cost: () => memory(b.tcb) };
};

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
    const { b, cost } = bench({});
    for (let i = 1; i <= 10; i++) {
      b.send(100);
      b.out();
      expect(cost()).toBe(i * (100 + 832));
    }
    // Nothing more may go: they gather.
    for (let i = 0; i < 3; i++) b.send(100);
    expect(cost()).toBe(13 * 100 + 11 * 832);
  });
});

test("by default payload counts, to the octet", () => {
  const b = TcpBench.at("ESTABLISHED", { params: { sendBuffer: 100_000, notSentLowWater: 4_000 } }, { mss: M });
  const free = (n: number) => sendRoom(b.tcb, n);
  expect([free(1), free(200_000)]).toEqual([1, 100_000]);
  b.send(13_999);
  b.out();
  expect(free(1)).toBe(1);
  b.send(1);
  b.out();
  expect(free(1)).toBe(0);
});
