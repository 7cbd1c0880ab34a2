/** Rules of recovery and of congestion windows that only rare conversations put to the test. */
import { describe, expect, test } from "bun:test";
import { NEVER, SECOND } from "#base/time";
import { setSegmentSize } from "#tcp/loss/segment-size";
import { CA_LOSS, CA_OPEN, CA_RECOVERY, T_RETRANSMIT } from "#tcp/words/tcb";
import { ack, CHARACTERISTICS, flight, lone, M, RTT, starts } from "../../support/linux-bench.ts";
import type { TcpBench } from "../../support/tcp-bench.ts";

const at = (i: number) => 1 + i * M;
const cwnd = (b: TcpBench) => b.tcb.cc.cwnd / M;
const ssthresh = (b: TcpBench) => b.tcb.cc.ssthresh / M;

/** All of `n` new segments are acknowledged after a round trip; the next is number `first`. */
function round(b: TcpBench, first: number, n: number): void {
  b.send(n * M);
  b.out();
  b.run(RTT);
  ack(b, first + n);
  b.out();
}

describe("a window that is not used (RFC 7661)", () => {
  test("comes down half way to what is used, once no ACK came for an RTO (RFC 2861)", () => {
    const b = lone({ initialWindow: 4, tailLossProbe: false });
    let sent = 0;
    for (const n of [4, 8, 16]) {
      round(b, sent, n);
      sent += n;
    }
    expect(cwnd(b)).toBe(32);
    b.tcb.cc.ssthresh = 5 * M;
    for (const pause of [b.tcb.rto - RTT - 10_000, RTT + 20_000]) {
      expect(cwnd(b)).toBe(32);
      b.run(pause);
      b.send(M);
      b.out();
    }
    expect(cwnd(b)).toBe((32 + 4) / 2);
    expect(ssthresh(b)).toBe(24);
  });

  test("ssthresh remembers three quarters of it after silence (RFC 2861)", () => {
    const b = lone({ initialWindow: 4 });
    round(b, 0, 4);
    round(b, 4, 8);
    b.tcb.cc.ssthresh = 5 * M;
    b.run(10 * SECOND);
    b.send(M);
    b.out();
    expect(cwnd(b)).toBe(4);
    expect(ssthresh(b)).toBe(12);
  });

  test("slow start ends at ssthresh, and what else the ACK tells counts for congestion avoidance (RFC 5681 §3.1)", () => {
    const b = flight(10, 20);
    b.tcb.cc.ssthresh = 12 * M;
    b.run(RTT);
    ack(b, 10);
    expect(cwnd(b)).toBe(12);
    expect(b.tcb.cc.credit).toBe(8);
  });

  test("smaller segments leave it as many segments as it was", () => {
    const b = flight(10, 10);
    setSegmentSize(b.tcb, 500);
    expect(b.tcb.snd.mss).toBe(500);
    expect(b.tcb.cc.cwnd).toBe(10 * 500);
  });

  test("NewReno grows by one segment for each window that is acknowledged", () => {
    const b = flight(10, 60);
    b.tcb.cc.ssthresh = 10 * M;
    b.run(RTT);
    for (let i = 1; i <= 9; i++) ack(b, i);
    expect(cwnd(b)).toBe(10);
    ack(b, 10);
    expect(cwnd(b)).toBe(11);
  });
});

describe("the estimate of the deviation", () => {
  /** One segment, acknowledged after `us`. */
  function sample(b: TcpBench, number: number, us: number): void {
    b.send(M);
    b.out();
    b.run(us);
    ack(b, number + 1);
    b.out();
  }

  test("falls by a quarter of the way per round trip, and not below what the shortest RTO stands for", () => {
    const b = lone({ tailLossProbe: false });
    let i = 0;
    sample(b, i++, RTT);
    sample(b, i++, 290_000);
    const high = b.tcb.rtt.rttvar;
    expect(high).toBeGreaterThan(250_000);
    sample(b, i++, RTT);
    sample(b, i++, RTT);
    const later = b.tcb.rtt.rttvar;
    expect(later).toBeLessThan(high);
    expect(later).toBeGreaterThan(high / 2);
    while (i < 60) sample(b, i++, RTT);
    expect(b.tcb.rtt.rttvar).toBeGreaterThanOrEqual(200_000);
    expect(b.tcb.rtt.rttvar).toBeLessThan(210_000);
  });

  test("hardly grows where round trips become shorter", () => {
    const b = lone({ tailLossProbe: false });
    let i = 0;
    while (i < 40) sample(b, i++, 180_000);
    const before = b.tcb.rtt.mdev;
    sample(b, i++, 20_000);
    // In quarters: the error of 160 ms counts for an eighth.
    expect(b.tcb.rtt.mdev - before).toBeLessThan(25_000);
  });
});

describe("with SACK", () => {
  test("a segment that arrives after seven that were sent later is reordered by eight", () => {
    const b = flight(10, 10);
    // RACK waits on a path that reorders: the first is not resent.
    b.tcb.reorderingsSeen = 1;
    b.run(RTT);
    ack(b, 0, [1, 8]);
    b.run(1000);
    ack(b, 8);
    expect(b.tcb.retransmissionsTotal).toBe(0);
    expect(b.tcb.reordering).toBe(8);
  });

  test("a block that begins below SND.UNA is not believed (RFC 2018 §4)", () => {
    const b = flight(10, 10);
    b.run(RTT);
    ack(b, 3);
    b.in(".", { seq: 1, ack: at(3), sack: [[at(2), at(5)]] });
    expect(b.tcb.board.sackedOut).toBe(0);
  });

  test("an ACK that was overtaken still tells what arrived (RFC 6675 §4)", () => {
    const b = flight(10, 10);
    b.run(RTT);
    ack(b, 3);
    ack(b, 1, [5, 6]);
    expect(b.tcb.board.sackedOut).toBe(1);
  });

  test("more duplicates than were ever resent say nothing (RFC 2883 §5)", () => {
    const b = flight(10, 10);
    b.run(RTT);
    ack(b, 3);
    const delivered = b.tcb.deliveredSegments;
    b.in(".", { seq: 1, ack: at(3), sack: [[at(0), at(2)]] });
    expect(b.tcb.deliveredSegments).toBe(delivered);
  });

  test("a peer that throws away what it had SACKed is resent to soon, not after an RTO (RFC 2018 §8)", () => {
    const b = flight(10, 10, { tailLossProbe: false });
    b.run(RTT);
    ack(b, 0, [1, 3]);
    ack(b, 1);
    expect(b.tcb.timers[T_RETRANSMIT]! - b.now).toBeLessThanOrEqual(60_000);
    b.run(60_000);
    expect(starts(b)).toContain(1);
  });

  test("the reordering window opens by a quarter for a D-SACK, and closes after sixteen recoveries without (RFC 8985 §6.2)", () => {
    const b = flight(10, 200);
    const { rack } = b.tcb;
    b.tcb.reorderingsSeen = 1;
    let una = 0;
    const recovery = (duplicate: boolean) => {
      b.run(RTT);
      const end = b.tcb.snd.nxt;
      const last = (((end >>> 0) - b.iss) | 0) - 1;
      const top = last / M;
      ack(b, una, [una + 1, top]);
      b.run(RTT);
      b.out();
      ack(b, top);
      if (duplicate) b.in(".", { seq: 1, ack: at(top), sack: [[at(una), at(una + 1)]] });
      una = top;
      b.out();
    };
    expect(rack.reoSteps).toBe(1);
    recovery(true);
    b.run(RTT);
    recovery(false);
    expect(rack.reoSteps).toBe(2);
    for (let i = 0; i < 17; i++) recovery(false);
    expect(rack.reoSteps).toBe(1);
  });

  test("a timeout in recovery is not tested by F-RTO (RFC 5682 §3.1 step 1)", () => {
    const b = flight(10, 30, { tailLossProbe: false });
    b.run(RTT);
    ack(b, 0, [1, 5]);
    expect(b.tcb.cc.phase).toBe(CA_RECOVERY);
    b.out();
    b.run(b.tcb.timers[T_RETRANSMIT]! - b.now);
    const frtoAtFirst = b.tcb.recovery.frto;
    b.out();
    expect(b.tcb.cc.phase).toBe(CA_LOSS);
    expect(b.tcb.retries).toBeGreaterThan(0);
    expect(frtoAtFirst).toBe(false);
  });

  test("without an earlier recovery F-RTO watches, and a duplicate ends that (step 3 a)", () => {
    const b = flight(4, 30, { tailLossProbe: false });
    b.run(500_000);
    expect(b.tcb.recovery.frto).toBe(true);
    b.out();
    ack(b, 1);
    // Two new segments went instead of what is lost.
    expect(starts(b)).toEqual([4, 5]);
    ack(b, 1, [4, 5]);
    expect(b.tcb.recovery.frto).toBe(false);
    expect(starts(b)).toContain(1);
  });
});

describe("without SACK", () => {
  test("duplicates beyond what is in flight count for no segment", () => {
    const b = flight(4, 4, { sack: false, initialWindow: 4, tailLossProbe: false });
    b.run(RTT);
    for (let i = 0; i < 9; i++) ack(b, 0);
    expect(b.tcb.board.sackedOut).toBeLessThanOrEqual(3);
  });
});

describe("answers to what cannot be", () => {
  test("ACKs of what was never sent draw one challenge ACK in half a second (RFC 5961 §7)", () => {
    const b = flight(2, 2, { tailLossProbe: false });
    const answers = [0, 1, 2].map(() => b.in(".", { seq: 1, ack: at(9), win: 1000 }).out().length);
    expect(answers).toEqual([1, 0, 0]);
    b.run(550_000);
    b.out();
    b.in(".", { seq: 1, ack: at(9), win: 1000 });
    expect(b.out().length).toBe(1);
  });
});

describe("expected segments", () => {
  test("the window that comes with the next data is taken (RFC 9293 §3.10.7.4)", () => {
    const b = flight(2, 2);
    b.in(".", { n: 100, ack: 1, win: CHARACTERISTICS.window });
    for (const win of [20_000, 50_000]) {
      b.in(".", { n: 100, ack: 1, win });
      expect(b.tcb.snd.wnd).toBe(win);
    }
    expect(b.tcb.snd.una).toBe((b.iss + 1) | 0);
  });
});

describe("timers", () => {
  test("R2 of so many retries is the time that they take with an RTO of 200 ms (RFC 9293 §3.8.3)", () => {
    for (const [retriesR2, least, most] of [
      [3, 3, 5],
      [15, 924.6, 1100],
    ] as const) {
      const b = flight(2, 2, { retriesR2 });
      const begun = b.now;
      while (b.state !== "CLOSED" && b.now - begun < 1200 * SECOND) b.run(SECOND / 10);
      expect((b.now - begun) / SECOND).toBeGreaterThan(least);
      expect((b.now - begun) / SECOND).toBeLessThan(most);
    }
  });

  test("whoever answers retransmissions into a window that was closed over them is alive (RFC 9293 §3.8.6.1, MUST-37)", () => {
    const b = flight(2, 2, { tailLossProbe: false });
    b.run(RTT);
    b.in(".", { seq: 1, ack: 1, win: 0 });
    for (let i = 0; i < 3600 && b.state === "ESTABLISHED"; i++) {
      b.run(SECOND);
      for (const _ of b.out()) b.in(".", { seq: 1, ack: 1, win: 0 });
    }
    expect(b.state).toBe("ESTABLISHED");
    expect(b.tcb.cc.phase).not.toBe(CA_OPEN);
    expect(b.tcb.timers[T_RETRANSMIT]).toBeLessThan(NEVER);
  });
});
