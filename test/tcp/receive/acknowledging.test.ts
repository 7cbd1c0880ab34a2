/** When ACKs go (RFC 9293 §3.8.6.3, RFC 5681 §4.2). The scripts of test/drill/delayed-ack prove the same of this stack and of a kernel. */
import { describe, expect, test } from "bun:test";
import { worthAnUpdate } from "#tcp/receive/window";
import { PROFILES } from "#tcp/words/profiles";
import { lone } from "../../support/linux-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

const MS = 1_000;

/** After how many us text in order was acknowledged; -1: not within 600 ms. */
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
  const b = lone({ quickAcks: 16 });
  b.in(".", { n: 100 });
  b.out();
  b.read();
  b.tcb.interactive = true;
  return b;
}

test("the first segments are acknowledged one by one, as many as half the window has", () => {
  const b = lone({ quickAcks: 16 });
  for (let i = 0; i < 10; i++) {
    b.in(".", { n: 1000 });
    expect(b.out().length).toBe(1);
  }
});

test("an ACK that nothing rode on waits twice as long the next time in Linux, and no longer than before by the RFC", () => {
  const waits = (delayFollowsPace: boolean) => {
    const b = lone({ delayFollowsPace, quickAcks: 0 });
    return [answeredAfter(b, 100), answeredAfter(b, 100), answeredAfter(b, 100)].map((us) => us / MS);
  };
  expect(waits(false)).toEqual([40, 40, 40]);
  const [first, second] = waits(true);
  expect(first).toBe(40);
  expect(second).toBe(80);
});

test("a hole that is filled is acknowledged at once; of one that is left open three ACKs tell at once, later ones as one", () => {
  const b = talker();
  const at = b.peerNxt;
  let told = 0;
  for (let i = 1; i <= 6; i++) {
    b.in(".", { seq: at + 100 * i, n: 100 });
    told += b.out().length;
  }
  expect(told).toBe(3);
  b.run(2 * MS);
  expect(b.out().length).toBe(1);
  b.in(".", { seq: at, n: 100 });
  expect(b.out().map((x) => x.ack)).toEqual([at + 700]);
});

test("duplicate data makes ACKs immediate again", () => {
  const b = talker();
  b.tcb.quickAcks = 0;
  b.in(".", { seq: b.peerNxt - 50, n: 50 });
  b.out();
  expect(b.tcb.quickAcks).toBeGreaterThan(1);
  expect(b.tcb.interactive).toBe(false);
});

describe("a window update after a read", () => {
  /** The window told when 60 % of the buffer was free, and what is told when the user reads the rest. */
  function rest(params: (typeof PROFILES)[keyof typeof PROFILES] | undefined): number[] {
    const size = { receiveBuffer: 50_000, receiveBufferMax: 50_000, windowScale: false };
    const b = TcpBench.at("ESTABLISHED", { params: { ...params, ...size } });
    for (let i = 0; i < 40; i++) b.in(".", { n: 1000 });
    b.run(1e6);
    b.out();
    b.read(20_000);
    const first = b.out().map((x) => x.win);
    b.read(20_000);
    return [...first, ...b.out().map((x) => x.win)];
  }

  test("tells of more than half the buffer, and of the rest, although nothing arrives; Linux tells once it doubles", () => {
    for (const params of [undefined, PROFILES.rfc9293, PROFILES.freebsd]) {
      const told = rest(params);
      expect(told.length).toBe(2);
      expect(told[1]).toBeGreaterThan(45_000);
    }
    expect(rest(PROFILES.linux).length).toBe(1);
  });

  const payload = { receiveBufferCounts: "payload" } as const;

  test("a sender that is left with less than a segment is told by each rule as soon as MUST-39 lets it", () => {
    for (const windowUpdates of ["doubled", "quarter"] as const)
      for (let buffer = 1000; buffer < 20_000; buffer += 700)
        for (let left = 0; left < 1000; left += 190) {
          const b = lone({ ...payload, windowUpdates, receiveBuffer: buffer, receiveBufferMax: buffer });
          const { rcv } = b.tcb;
          rcv.mss = 1000;
          for (let free = left; free <= buffer; free += 90) {
            rcv.adv = (rcv.nxt + left) | 0;
            rcv.unread = buffer - free;
            const due = free - left >= Math.min(buffer >> 1, 1000);
            expect([windowUpdates, buffer, left, free, worthAnUpdate(b.tcb)]).toEqual([
              windowUpdates,
              buffer,
              left,
              free,
              due,
            ]);
          }
          rcv.unread = 0;
        }
  });
});
