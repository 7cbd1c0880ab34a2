import { expect, test } from "bun:test";
import { SACKED } from "#tcp/words/records";
import { ack, flight, lone, M, RTT } from "../../support/linux-bench.ts";

test("a connection that was not measured yet has no delivery rate, and counts as application-limited", () => {
  const b = lone({});
  expect(b.tcb.delivery.isAppLimited).toBe(true);
  expect(b.stack.info(b.tcb, b.now)).toMatchObject({ deliveryRate: 0, deliveryRateAppLimited: true });
});

test("a flight that is acknowledged after a round trip was delivered in that round trip", () => {
  const b = flight(10, 10);
  b.run(RTT);
  ack(b, 10);
  // Silence before it does not count: ten segments in 100 ms.
  expect(b.stack.info(b.tcb, b.now).deliveryRate).toBe((10 * M * 1_000_000) / RTT);
});

test("silence between two flights is no time of sending", () => {
  const b = flight(10, 10);
  b.run(RTT);
  ack(b, 10);
  b.run(50 * RTT);
  b.send(20 * M);
  const sent = b.out().length;
  b.run(RTT);
  ack(b, 10 + sent);
  expect(b.stack.info(b.tcb, b.now).deliveryRate).toBeGreaterThanOrEqual((10 * M * 1_000_000) / RTT);
});

test("a segment that was SACKed is counted once, when the SACK arrived", () => {
  const b = flight(10, 10);
  b.run(RTT);
  ack(b, 1, [5, 7]);
  expect(b.tcb.delivery.segments).toBe(3);
  const { records } = b.tcb.env;
  const sacked: number[] = [];
  for (let r = b.tcb.board.head; r >= 0; r = records.next[r]!) if (records.flags[r]! & SACKED) sacked.push(r);
  expect(sacked.map((r) => records.deliveredAt[r])).toEqual([-1, -1]);
  b.run(10_000);
  // The other seven, of which the newest was sent together with the first: ten in 110 ms.
  ack(b, 10);
  expect(b.tcb.delivery).toMatchObject({ segments: 10, interval: RTT + 10_000 });
});

test("a sample shorter than the shortest round trip does not count: its ACKs were compressed", () => {
  const b = flight(10, 10);
  b.run(RTT);
  ack(b, 0, [1, 10]);
  b.out();
  const { segments, interval } = b.tcb.delivery;
  b.tcb.rttMin = 2 * RTT;
  b.run(1_000);
  ack(b, 10);
  expect(b.tcb.delivery).toMatchObject({ segments, interval });
});

test("a segment sent while the application had nothing more is application-limited, one of the next full write is not", () => {
  const b = flight(4, 4);
  b.run(RTT);
  ack(b, 4);
  expect(b.tcb.delivery).toMatchObject({ segments: 4, isAppLimited: true });
  b.send(20 * M);
  b.out();
  // The write came after silence, so what it sends first shows the application's pace.
  expect(b.tcb.delivery.appLimitedUntil).toBe(4);
  b.run(RTT / 2);
  ack(b, 5);
  expect(b.tcb.delivery.appLimitedUntil).toBe(0);
  b.out();
  b.run(RTT / 2);
  ack(b, 12);
  expect(b.tcb.delivery.isAppLimited).toBe(true);
  b.out();
  b.run(RTT / 2);
  ack(b, 14);
  expect(b.tcb.delivery.isAppLimited).toBe(false);
});

test("where the peer threw away SACKed data, nothing is measured until that is repaired", () => {
  const b = flight(10, 30);
  b.run(RTT);
  ack(b, 0, [2, 10]);
  b.out();
  b.run(10 * RTT);
  ack(b, 2);
  b.out();
  b.run(20 * RTT);
  expect(b.tcb.delivery.reneged).toBe(true);
  const { segments, interval } = b.tcb.delivery;
  b.out();
  ack(b, 3);
  expect(b.tcb.delivery).toMatchObject({ segments, interval });
});
