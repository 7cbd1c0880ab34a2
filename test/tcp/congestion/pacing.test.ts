import { expect, test } from "bun:test";
import { superSegments } from "#tcp/congestion/pacing";
import { LIMIT_PACING, LIMIT_SMALL_SEGMENT } from "#tcp/words/limited-by";
import { T_PACE } from "#tcp/words/tcb";
import { ack, flight, lone, M, RTT, starts } from "../../support/linux-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

/** 100 segments per second: 10 ms each. */
const RATE = 100 * M;
const STEP = 10_000;

test("without pacing, and with it while nobody limits the rate and nothing was measured, an initial window goes at once", () => {
  for (const pacing of [false, true]) {
    const b = lone({ pacing });
    b.send(30 * M);
    expect(starts(b)).toHaveLength(10);
  }
});

test("after the initial window data goes in pieces of a super-segment, each after the time of the one before", () => {
  const b = flight(10, 40, { pacingRateMax: RATE });
  b.run(RTT);
  ack(b, 10);
  // Without segmentation offload two segments go at once at least, as in the smallest super-segment.
  expect(starts(b)).toEqual([10, 11]);
  // The first of them made up for silence: it counts half.
  b.run(STEP + STEP / 2);
  expect(starts(b)).toEqual([12, 13]);
  b.run(2 * STEP - 1);
  expect(starts(b)).toEqual([]);
  b.run(1);
  expect(starts(b)).toEqual([14, 15]);
});

test("without segmentation offload a burst is no longer on a short path: it might not fit into the queue", () => {
  const b = flight(10, 40, { pacingRateMax: RATE });
  b.run(1000);
  ack(b, 10);
  expect(starts(b)).toEqual([10]);
  b.run(2 * STEP);
  expect(starts(b)).toEqual([11, 12]);
});

test("paced data may be too early by the slack, and its timer fires half of the slack early, since it may be late", () => {
  const run = (tso4: boolean, pacingSlack: number) => {
    const offload = { checksum: true, tso4, tso6: tso4 };
    const params = { pacingRateMax: RATE, pacingSlack, initialWindow: 30 };
    const b = TcpBench.at("ESTABLISHED", { offload, params }, { mss: M, win: 65_535 });
    b.send(60 * M);
    const sent = b.out().reduce((octets, { data }) => octets + data.length, 0) / M;
    return [sent, b.tcb.timers[T_PACE]! - b.now];
  };
  // Half of cwnd is a super-segment, and the next one is due 75 ms later.
  expect(run(true, 0)).toEqual([15, 75_000]);
  expect(run(true, 74_000)).toEqual([15, 38_000]);
  expect(run(true, 75_000)[0]).toBe(30);
  const [sent] = run(false, 0);
  expect(run(false, 4 * STEP)[0]).toBe(sent! + 4);
});

test("within the slack it is not the pace that holds back a small segment", () => {
  const heldBy = (pacingSlack: number) => {
    const params = { pacingRateMax: RATE, pacingSlack, initialWindow: 30, nagle: "rfc896" } as const;
    const b = TcpBench.at("ESTABLISHED", { trace: 64, params }, { mss: M, win: 65_535 });
    b.send(16 * M + 10);
    b.out();
    return b.tcb.limited.traced;
  };
  // The two segments take 20 ms.
  expect([heldBy(0), heldBy(10 * STEP)]).toEqual([LIMIT_PACING, LIMIT_SMALL_SEGMENT]);
});

test("ACKs make paced data no faster, and its timer is the only one: no further deadline for each segment", () => {
  const b = flight(10, 40, { pacingRateMax: RATE });
  b.run(RTT);
  for (let i = 1; i <= 10; i++) ack(b, i);
  expect(starts(b)).toEqual([10, 11]);
  expect(b.stack.nextDeadline()).toBeLessThanOrEqual(b.now + 2 * STEP);
});

test("a retransmission waits for its time as new data does", () => {
  const b = flight(10, 40, { pacingRateMax: RATE });
  b.run(RTT);
  ack(b, 2);
  expect(starts(b)).toEqual([10, 11]);
  ack(b, 2, [3, 7]);
  expect(starts(b)).toEqual([]);
  b.run(2 * STEP);
  expect(starts(b)).toContain(2);
});

test("the retransmission timer allows for what pacing adds", () => {
  const b = flight(10, 40, { pacingRateMax: M });
  b.run(RTT);
  ack(b, 5);
  // The next data waits for about a second. The five segments in flight would be probed after two round trips without that.
  starts(b);
  b.run(500_000);
  expect(starts(b)).toEqual([]);
  expect(b.tcb.timeouts).toBe(0);
});

test("pacing can be changed while data waits: without it the rest goes as far as cwnd allows", () => {
  const b = flight(10, 40, { pacingRateMax: RATE });
  b.run(RTT);
  ack(b, 10);
  expect(starts(b)).toEqual([10, 11]);
  b.stack.setParams(b.tcb, { pacing: false, pacingRateMax: Number.POSITIVE_INFINITY }, b.now);
  b.run(STEP);
  expect(starts(b).length).toBeGreaterThan(10);
});

test("a super-segment fits one packet also where two segments do not", () => {
  const offload = { checksum: true, tso4: true, tso6: true };
  const params = { windowScale: true };
  const b = TcpBench.at("ESTABLISHED", { mtu: 65_520, offload, params }, { mss: 65_480, win: 65_535, wscale: 8 });
  b.in(".", { win: 65_535 });
  b.send(400_000);
  const sent = b.out().map(({ data }) => data.length);
  expect([sent.length > 2, Math.max(...sent)]).toEqual([true, 65_480]);
  for (const mss of [1_448, 20_000, 32_767, 40_000]) {
    expect(superSegments(b.tcb, mss) * mss).toBeLessThanOrEqual(65_215);
  }
});
