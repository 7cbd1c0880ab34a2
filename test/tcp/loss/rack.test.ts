/** RACK-TLP (RFC 8985): losses by time, probes for the tail. */
import { describe, expect, test } from "bun:test";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";

const M = 1000;
const RTT = 100_000;
const OFFLOAD = { checksum: true, tso4: true, tso6: true };

/** `n` segments in flight on a path of 100 ms; segment i is [1 + i M, 1 + (i + 1) M). */
function flight(n: number, queued: number, params: TcpSettings = {}): TcpBench {
  const b = new TcpBench({
    params: {
      initialWindow: n,
      congestionControl: "newreno",
      sack: true,
      ...params,
    },
  }).listen();
  b.in("S", { mss: M, sackOk: true }).out();
  b.run(RTT);
  b.in(".");
  b.tcb = b.stack.accept(b.listener!)!;
  // One exchange, so that the path has a round trip.
  b.send(M);
  b.out();
  b.run(RTT);
  b.in(".").out();
  expect(b.stack.info(b.tcb).rtt).toBe(RTT);
  b.send(queued);
  const sent = b.out();
  expect(sent.length).toBe(n);
  b.peerExpects = 1 + (1 + n) * M;
  return b;
}
const at = (i: number) => 1 + (1 + i) * M;
const starts = (b: TcpBench) => b.out().map((x) => (x.seq - 1) / M - 1);
const ack = (b: TcpBench, upTo: number, ...sack: [number, number][]) =>
  b.in(".", { seq: 1, ack: at(upTo), sack: sack.map(([l, r]) => [at(l), at(r)] as const) });

describe("losses (§6.2)", () => {
  test("of a super-segment that is acknowledged in part the acknowledged part is what was delivered last", () => {
    const b = new TcpBench({ offload: OFFLOAD, params: { sack: true } }).established({ mss: M, sackOk: true });
    b.send(4 * M);
    expect(b.out().map((x) => x.data.length)).toEqual([4 * M]);
    b.run(RTT);
    b.in(".", { ack: 1 + 3 * M });
    const { rack, snd } = b.tcb;
    expect([rack.end, snd.nxt - rack.end]).toEqual([snd.una, M]);
  });

  test("one segment SACKed above a hole: no loss at once, but after a quarter of the round trip", () => {
    const b = flight(5, 5 * M);
    b.run(RTT);
    ack(b, 0, [1, 2]);
    expect(starts(b)).toEqual([]);
    b.run(RTT / 4 - 2000);
    expect(starts(b)).toEqual([]);
    b.run(4000);
    expect(starts(b)).toEqual([0]);
    expect(b.stack.info(b.tcb).phase).toBe("recovery");
  });

  test("three segments SACKed: at once, while no reordering was ever seen", () => {
    const b = flight(6, 6 * M);
    b.run(RTT);
    ack(b, 0, [1, 4]);
    expect(starts(b)).toEqual([0]);
  });

  test("what arrives within the reordering window was not lost, and costs nothing", () => {
    const b = flight(5, 5 * M);
    const { cwnd } = b.tcb.cc;
    b.run(RTT);
    ack(b, 0, [1, 2]);
    b.run(RTT / 8);
    ack(b, 2);
    b.run(RTT / 2);
    expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(cwnd);
    expect(b.stack.info(b.tcb).phase).toBe("open");
    expect(b.stack.info(b.tcb).retransTotal).toBe(0);
  });

  test("a retransmission that is lost is found by what was sent after it", () => {
    const b = flight(6, 20 * M);
    b.run(RTT);
    ack(b, 0, [1, 4]);
    expect(starts(b)[0]).toBe(0);
    b.run(1000);
    ack(b, 0, [1, 6]);
    expect(starts(b)).toContain(6);
    b.run(RTT);
    // What was sent after the retransmission arrives; the retransmission did not.
    ack(b, 0, [1, 7]);
    expect(starts(b)).toContain(0);
    expect(b.tcb.timeouts).toBe(0);
  });
});

describe("tail loss probes (§7)", () => {
  test("no answer for two round trips: the last segment again, before the RTO; its answer finds the losses", () => {
    const b = flight(5, 5 * M);
    b.run(2 * RTT - 10_000);
    expect(starts(b)).toEqual([]);
    b.run(15_000);
    expect(starts(b)).toEqual([4]);
    expect(b.tcb.timeouts).toBe(0);
    b.run(RTT);
    ack(b, 2, [4, 5]);
    b.run(RTT / 2);
    expect(starts(b)[0]).toBe(2);
    expect(b.tcb.timeouts).toBe(0);
  });

  test("the probe is new data where there is some that the window lets go", () => {
    const b = flight(5, 5 * M, { nagle: "off" });
    b.send(100);
    b.out();
    b.run(2 * RTT + 10_000);
    const sent = b.out();
    expect(sent.length).toBeLessThanOrEqual(2);
    expect(b.tcb.timeouts).toBe(0);
  });

  test("one probe, then the RTO; never a second probe in a row", () => {
    const b = flight(5, 5 * M);
    b.run(20e6);
    const causes = b.out().map((x) => x.cause);
    expect(causes.filter((cause) => cause === "tcp.tx.tail-loss-probe").length).toBe(1);
    expect(causes.filter((cause) => cause === "tcp.tx.rto").length).toBeGreaterThan(2);
  });

  test("a single segment waits for the peer's delayed ACK as well", () => {
    const b = flight(1, M);
    b.run(2 * RTT + 50_000);
    expect(starts(b)).toEqual([]);
    b.run(200_000);
    expect(starts(b)).toEqual([0]);
  });

  test("a loss that the probe repaired is congestion (§7.4): cwnd comes down", () => {
    const b = flight(5, 5 * M);
    b.run(2 * RTT + 10_000);
    expect(starts(b)).toEqual([4]);
    ack(b, 4);
    b.run(RTT);
    ack(b, 5);
    b.send(M);
    b.out();
    b.run(RTT);
    b.in(".", { ack: at(6) });
    expect(b.tcb.cc.ssthresh).toBeLessThan(0x7fffffff);
  });

  test("if both copies arrived (D-SACK) nothing was lost", () => {
    const b = flight(5, 5 * M);
    b.run(2 * RTT + 10_000);
    expect(starts(b)).toEqual([4]);
    ack(b, 5);
    ack(b, 5, [4, 5]);
    b.send(M);
    b.out();
    b.run(RTT);
    b.in(".", { ack: at(6) });
    expect(b.tcb.cc.ssthresh).toBe(0x7fffffff);
  });
});
