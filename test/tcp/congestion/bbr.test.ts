import { expect, test } from "bun:test";
import * as three from "#tcp/congestion/bbr-state";
import { sampleLongTerm } from "#tcp/congestion/bbr1-model";
import * as one from "#tcp/congestion/bbr1-state";
import type { TcpSettings } from "#tcp/words/params";
import { ack, flight, M, RTT } from "../../support/linux-bench.ts";
import { simulate } from "../../support/transfer.ts";

/** One flow; afterwards what its control knows is in `seen`. */
function run(link: string, params: TcpSettings, seconds: number) {
  return simulate({ link, time: seconds, params }).flows[0]!;
}

test("BBR v1 counts rounds in packets: ACKs of one flight are one round", () => {
  const b = flight(10, 60, { congestionControl: "bbr1" });
  b.run(RTT);
  for (let i = 1; i <= 10; i++) ack(b, i);
  // The first ACK ends the round in which the flight began; the others answer what was sent in it.
  expect(b.tcb.ccState[one.ROUNDS]).toBe(1);
});

test("BBR v1 takes two intervals of equal bandwidth in which a fifth is lost for a policer, and then sends at this rate", () => {
  const b = flight(10, 60, { congestionControl: "bbr1" });
  b.run(RTT);
  ack(b, 10);
  const s = b.tcb.ccState;
  const interval = (bw: number) => {
    s[one.LT_SAMPLING] = 1;
    s[one.LT_ROUNDS] = 4;
    s[one.LT_STAMP] = one.milliseconds(b.tcb.delivery.deliveredAt) - 100;
    s[one.LT_DELIVERED] = b.tcb.deliveredSegments - bw * 100;
    s[one.LT_LOST] = b.tcb.board.lost - bw * 25;
    sampleLongTerm(b.tcb, 1, false);
  };
  interval(10);
  expect(s[one.LT_USED]).toBe(0);
  interval(20);
  expect(s[one.LT_USED]).toBe(0);
  interval(21);
  expect(s[one.LT_USED]).toBe(1);
  expect(one.bwOf(b.tcb) / one.BW_UNIT).toBeCloseTo(20.5 / 1000, 4);
});

test("BBR v1 has the window of before when recovery is over", () => {
  const b = flight(10, 200, { congestionControl: "bbr1" });
  b.run(RTT);
  ack(b, 10);
  b.run(RTT);
  b.out();
  ack(b, 10, [11, 16]);
  b.run(10_000);
  b.out();
  expect(b.tcb.cc.phase).toBe(3);
  b.tcb.ccState[one.PRIOR_CWND] = 90;
  const sent = ((b.tcb.snd.nxt - b.tcb.snd.iss - 1) | 0) / M;
  b.run(RTT / 2);
  b.out();
  ack(b, sent);
  expect(b.tcb.cc.phase).toBe(0);
  expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(90 * M);
});

test("BBR v3 bounds what is in flight after a probe that lost more than 2 %, with a queue", () => {
  const flow = run("rate 10mbit delay 20ms queue 30", { congestionControl: "bbr" }, 15);
  expect(flow.retransmissions * flow.mss).toBeLessThan(flow.bytes * 0.01);
  expect(flow.goodput).toBeGreaterThan(8e6);
});

test("BBR v3 ends STARTUP when the peer reports a congestion mark, and v1 does not", () => {
  const b = flight(10, 60, { congestionControl: "bbr" });
  b.run(RTT);
  b.tcb.congestion.reduce(b.tcb, b.now);
  expect(b.tcb.ccState[three.FULL_BW_REACHED]).toBe(1);
  expect(Number.isFinite(b.tcb.ccState[three.INFLIGHT_LONGTERM])).toBe(true);
});
