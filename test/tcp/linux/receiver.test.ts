/** Linux' receiver beside the RFCs': what it does otherwise. The scripts of test/drill prove the rest, on both this stack and a kernel. */
import { describe, expect, test } from "bun:test";
import { lone } from "../../support/linux-bench.ts";
import type { TcpBench } from "../../support/tcp-bench.ts";

const MS = 1_000;

/** Text in order, whose ACK is the only answer; returns after how many us it came. */
function answeredAfter(b: TcpBench, n: number): number {
  b.in(".", { n });
  for (let us = 0; us < 600 * MS; us += MS) {
    if (b.out().some((x) => x.ack === b.peerNxt)) return us;
    b.run(MS);
  }
  return -1;
}

/** A user who answers, so that no ACK is quick. */
function talker(): TcpBench {
  const b = lone({});
  b.in(".", { n: 100 });
  b.out();
  b.read();
  b.tcb.interactive = true;
  return b;
}

describe("when ACKs go", () => {
  test("the first segments are acknowledged one by one, as many as half the window has", () => {
    const b = lone({});
    for (let i = 0; i < 10; i++) {
      b.in(".", { n: 1000 });
      expect(b.out().length).toBe(1);
    }
  });

  test("a delayed ACK that nothing rode on is delayed twice as long the next time", () => {
    const b = talker();
    expect(answeredAfter(b, 100)).toBe(40 * MS);
    b.tcb.quickAcks = 0;
    b.run(90 * MS);
    const first = answeredAfter(b, 100);
    b.run(90 * MS);
    expect(answeredAfter(b, 100)).toBeGreaterThan(first);
  });

  test("a hole that is filled as a whole is acknowledged at once, one that is left open is told of thrice at once", () => {
    const b = talker();
    const at = b.peerNxt;
    for (let i = 1; i <= 6; i++) b.in(".", { seq: at + 100 * i, n: 100 });
    expect(b.out().length).toBe(1);
    b.run(2 * MS);
    b.out();
    b.in(".", { seq: at, n: 100 });
    expect(b.out().map((x) => x.ack)).toEqual([at + 700]);
  });

  test("old text makes ACKs quick again", () => {
    const b = talker();
    b.tcb.quickAcks = 0;
    b.in(".", { seq: b.peerNxt - 50, n: 50 });
    b.out();
    expect(b.tcb.quickAcks).toBeGreaterThan(1);
    expect(b.tcb.interactive).toBe(false);
  });
});

describe("what is offered", () => {
  test("windows follow the memory that segments take: the smaller they are, the more", () => {
    const small = lone({});
    const large = lone({});
    for (let i = 0; i < 40; i++) small.in(".", { n: 700 });
    for (let i = 0; i < 20; i++) large.in(".", { n: 1400 });
    const left = (b: TcpBench) => b.out().at(-1)!.win;
    expect(left(small)).toBeLessThan(left(large));
  });

  test("a window that was offered is never taken back, and opens when the user has read", () => {
    const b = lone({});
    let edge = 0;
    while (((b.tcb.rcv.adv - b.tcb.rcv.nxt) | 0) > 1000) {
      b.in(".", { n: 1000 });
      b.run(500 * MS);
      const last = b.out().at(-1)!;
      expect(last.ack + last.win).toBeGreaterThanOrEqual(edge);
      edge = last.ack + last.win;
    }
    b.read();
    expect(b.out().length).toBe(1);
    expect((b.tcb.rcv.adv - b.tcb.rcv.nxt) | 0).toBeGreaterThan(20_000);
  });

  test("memory is given back with what is read, and with what a filled hole joins", () => {
    const b = lone({});
    b.in(".", { n: 1000 });
    const at = b.peerNxt;
    b.in(".", { seq: at + 1000, n: 1000 });
    b.in(".", { seq: at, n: 1000 });
    expect(b.tcb.received).toMatchObject({ used: 3 * 2304 });
    b.read();
    expect(b.tcb.received).toMatchObject({ used: 0 });
  });
});
