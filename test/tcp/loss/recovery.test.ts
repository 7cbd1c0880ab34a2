/** RTO, fast retransmit, limited transmit, NewReno and SACK recovery (RFC 6298, 5681, 3042, 6582, 6675, 6937, 2883). */
import { describe, expect, test } from "bun:test";
import type { TcpSettings } from "#tcp/words/params";
import { checkTcb } from "../../support/invariants.ts";
import { flight as longPath, RTT } from "../../support/linux-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1e6;
const M = 1000;

/** MSS 1000; `n` segments in flight of `queued` octets; segment i is [1 + i M, 1 + (i + 1) M). */
function flight(n: number, queued: number, params: TcpSettings = {}): TcpBench {
  const b = TcpBench.at(
    "ESTABLISHED",
    { params: { initialWindow: n, congestionControl: "newreno", ...params } },
    { mss: M },
  );
  b.send(queued);
  expect(b.out().length).toBe(n);
  return b;
}
/** The same with SACK, on a path of 100 ms; the first answers are due. */
function sacked(n: number, queued: number): TcpBench {
  const b = longPath(n, queued, { timestamps: false });
  b.run(RTT);
  return b;
}
const starts = (b: TcpBench) => b.out().map((sent) => (sent.seq - 1) / M);
const duplicate = (b: TcpBench, ack: number, ...sack: [number, number][]) =>
  b.in(".", { seq: 1, ack: 1 + ack * M, sack: sack.map(([l, r]) => [1 + l * M, 1 + r * M]) });

describe("the retransmission timer (RFC 6298)", () => {
  test("first sample: SRTT = R, RTTVAR = R/2 (2.2); then 1/8 and 1/4 (2.3)", () => {
    const b = TcpBench.at("ESTABLISHED");
    const round = (us: number) => {
      b.send(10);
      b.out();
      b.run(us);
      b.in(".");
    };
    b.tcb.srtt = -1;
    b.tcb.rtt.srtt8 = 0;
    round(100_000);
    expect(b.stack.info(b.tcb)).toMatchObject({ rtt: 100_000, rttvar: 50_000 });
    expect(b.tcb.rto).toBe(100_000 + 4 * 50_000);
    round(180_000);
    // RTTVAR first, with the old SRTT.
    expect(b.stack.info(b.tcb)).toMatchObject({ rtt: 110_000, rttvar: 57_500 });
    expect(b.tcb.rto).toBe(110_000 + 4 * 57_500);
  });

  test("never below its minimum, and doubled for each timeout up to its maximum (5.5)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { retriesR2: 20 } });
    b.send(10);
    const begin = b.now;
    b.out();
    b.run(3600 * SECOND);
    const times = b.out().map((sent) => sent.at + b.start - begin);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(times[0]!).toBeGreaterThanOrEqual(200_000);
    for (let i = 1; i < gaps.length; i++) {
      if (gaps[i]! < 119 * SECOND) expect(Math.abs(gaps[i]! / gaps[i - 1]! - 2)).toBeLessThan(0.01);
      else expect(gaps[i]!).toBeLessThanOrEqual(120 * SECOND);
    }
  });

  test("R2: given up after at least 100 s (SHLD-11), with everything given back", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(10);
    b.out();
    b.run(100 * SECOND);
    expect(b.state).toBe("ESTABLISHED");
    b.run(3600 * SECOND);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
    b.stack.release(b.tcb);
    expect(b.leftovers()).toEqual({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
  });

  test("the application sets R2 (MUST-21): the time that so many back-offs take", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { retriesR2: 2 } });
    b.send(10);
    b.out();
    b.run(10 * SECOND);
    expect(b.state).toBe("CLOSED");
    expect(b.out().length).toBe(3);
  });

  test("Karn: an ACK of something resent gives no sample, and the back-off stays until one comes", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(10);
    b.out();
    b.run(250_000);
    const { rtt } = b.stack.info(b.tcb);
    const rto = b.tcb.rto;
    b.in(".");
    expect(b.stack.info(b.tcb).rtt).toBe(rtt);
    b.send(10);
    b.out();
    expect(b.tcb.rto).toBe(rto);
    b.in(".");
    expect(b.tcb.rto).toBeLessThan(rto);
  });

  test("each new ACK begins it again (5.3), the last one stops it (5.2)", () => {
    const b = flight(4, 4 * M);
    b.run(150_000);
    b.in(".", { ack: 1 + M });
    b.run(150_000);
    expect(b.lines()).toEqual([]);
    b.in(".", { ack: 1 + 4 * M });
    b.run(10 * SECOND);
    expect(b.lines()).toEqual([]);
  });

  test("a resent SYN makes the RTO 3 s for the data after it (5.7)", () => {
    const b = new TcpBench().listen();
    b.in("S", { mss: 1460 }).out();
    b.run(1_100_000);
    b.out();
    b.in(".");
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.tcb.rto).toBe(3 * SECOND);
  });

  test("after a timeout: one segment, then slow start through what was lost; cwnd is never wrong for long", () => {
    const b = flight(10, 10 * M);
    b.run(250_000);
    expect(starts(b)).toEqual([0]);
    duplicate(b, 1);
    expect(starts(b)).toEqual([1, 2]);
    duplicate(b, 3);
    expect(starts(b)).toEqual([3, 4, 5, 6]);
    duplicate(b, 10);
    expect(starts(b)).toEqual([]);
    expect(b.tcb.inFlight()).toBe(0);
  });

  test("timeouts set ssthresh to half of the flight once, not again for each back-off (RFC 5681 (4))", () => {
    const b = flight(10, 10 * M);
    b.run(250_000);
    expect(b.tcb.cc).toMatchObject({ cwnd: M, ssthresh: 5 * M });
    b.run(2 * SECOND);
    expect(b.tcb.cc).toMatchObject({ cwnd: M, ssthresh: 5 * M });
  });
});

describe("slow start and congestion avoidance (MUST-19)", () => {
  test("the initial window is ten segments (RFC 6928), one where the SYN was lost twice", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(100_000);
    expect(b.out().length).toBe(10);
    const lossy = new TcpBench().listen();
    lossy.in("S", { mss: 1460 }).out();
    lossy.run(3_500_000);
    lossy.out();
    lossy.in(".");
    lossy.tcb = lossy.stack.accept(lossy.listener!)!;
    lossy.send(100_000);
    expect(lossy.out().length).toBe(1);
  });

  test("slow start: each segment acknowledged brings two", () => {
    const b = flight(4, 100 * M);
    for (let i = 1; i <= 4; i++) {
      duplicate(b, i);
      expect(b.out().length).toBe(2);
    }
  });

  test("avoidance: about one segment more per window", () => {
    const b = flight(10, 300 * M);
    b.tcb.cc.ssthresh = 10 * M;
    let acked = 0;
    let sent = 10;
    for (let round = 1; round <= 5; round++) {
      const end = sent;
      while (acked < end) {
        duplicate(b, ++acked);
        sent += b.out().length;
      }
      expect(b.tcb.cc.cwnd).toBe((10 + round) * M);
    }
  });

  test("cwnd does not grow while the sender does not use it (RFC 7661)", () => {
    const b = TcpBench.at("ESTABLISHED");
    const { cwnd } = b.tcb.cc;
    for (let i = 0; i < 200; i++) {
      b.send(100);
      b.out();
      b.in(".");
    }
    expect(b.tcb.cc.cwnd).toBeLessThanOrEqual(2 * cwnd);
  });

  test("after an idle time cwnd is no more than the initial window (RFC 5681 §4.1)", () => {
    const b = flight(10, 10 * M);
    for (let i = 1; i <= 10; i++) duplicate(b, i);
    expect(b.tcb.cc.cwnd).toBeGreaterThan(10 * M);
    b.run(100 * SECOND);
    b.send(100 * M);
    expect(b.out().length).toBe(10);
  });
});

describe("without SACK (RFC 5681, 6582, 3042)", () => {
  test("two duplicates let two new segments out (limited transmit), the third resends the first", () => {
    const b = flight(10, 100 * M);
    duplicate(b, 0);
    expect(starts(b)).toEqual([10]);
    duplicate(b, 0);
    expect(starts(b)).toEqual([11]);
    duplicate(b, 0);
    expect(starts(b)[0]).toBe(0);
    expect(b.stack.info(b.tcb).phase).toBe("recovery");
  });

  test("ssthresh is half of the flight, and cwnd ends there", () => {
    const b = flight(10, 100 * M);
    for (let i = 0; i < 9; i++) duplicate(b, 0);
    b.out();
    duplicate(b, 10);
    b.out();
    duplicate(b, Math.ceil((b.tcb.snd.nxt - b.tcb.snd.iss) / M));
    for (let i = 0; i < 3; i++) {
      b.out();
      b.in(".");
    }
    expect(b.tcb.cc.ssthresh).toBe(5 * M);
    expect(b.stack.info(b.tcb).phase).toBe("open");
  });

  test("segments with data, or that change the window, are no duplicates", () => {
    const b = flight(10, 10 * M);
    for (let i = 0; i < 6; i++) b.in(".", { n: 10, ack: 1 });
    for (let i = 0; i < 6; i++) b.in(".", { ack: 1, win: 60_000 + i });
    expect(b.out().filter((sent) => sent.data.length > 0)).toEqual([]);
  });

  test("duplicates without anything in flight do nothing", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (let i = 0; i < 6; i++) b.in(".");
    expect(b.lines()).toEqual([]);
    expect(b.stack.info(b.tcb).phase).toBe("open");
  });

  test("a partial ACK resends the next hole at once (RFC 6582 §3.2)", () => {
    const b = flight(10, 10 * M);
    for (let i = 0; i < 7; i++) duplicate(b, 0);
    expect(starts(b)).toContain(0);
    duplicate(b, 3);
    expect(starts(b)).toContain(3);
    duplicate(b, 6);
    expect(starts(b)).toContain(6);
    duplicate(b, 10);
    expect(b.tcb.inFlight()).toBe(0);
    expect(b.stack.info(b.tcb).phase).not.toBe("loss");
  });

  test("duplicates of an earlier recovery begin no second one (RFC 6582 §3.2 step 2)", () => {
    const b = flight(10, 10 * M);
    b.run(250_000);
    b.out();
    duplicate(b, 10);
    for (let i = 0; i < 5; i++) duplicate(b, 10);
    expect(b.stack.info(b.tcb).phase).not.toBe("recovery");
  });

  test("works beyond 2 GiB without a loss (the sequence number of `recover` wraps)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { congestionControl: "newreno" } }, { mss: M });
    b.tcb.cc.recover = (b.tcb.snd.una - 0x7ffffff0) | 0;
    for (let i = 0; i < 3; i++) {
      b.send(10);
      b.out();
      b.in(".");
    }
    b.send(10 * M);
    b.out();
    for (let i = 0; i < 3; i++) b.in(".", { ack: 31 });
    expect(b.out()[0]?.seq).toBe(31);
  });
});

describe("with SACK (RFC 2018, 6675, 8985)", () => {
  test("three segments SACKed above a hole: it is lost, and only it is resent", () => {
    const b = sacked(10, 10);
    duplicate(b, 0, [1, 2]);
    duplicate(b, 0, [1, 3]);
    expect(starts(b)).toEqual([]);
    duplicate(b, 0, [1, 4]);
    expect(starts(b)).toEqual([0]);
    for (let i = 5; i <= 10; i++) duplicate(b, 0, [1, i]);
    expect(starts(b)).toEqual([]);
    duplicate(b, 10);
    expect(b.stack.info(b.tcb)).toMatchObject({ phase: "open", retransTotal: 1, sacked: 0, lost: 0 });
  });

  test("two holes in one flight are repaired in one recovery", () => {
    const b = sacked(10, 10);
    const seen: number[] = [];
    for (let i = 1; i <= 10; i++) {
      if (i <= 4) duplicate(b, 0, [1, i]);
      else duplicate(b, 0, [5, i], [1, 4]);
      seen.push(...starts(b));
    }
    expect(seen.sort((x, y) => x - y)).toEqual([0, 4]);
    duplicate(b, 4, [5, 10]);
    duplicate(b, 10);
    expect(b.stack.info(b.tcb)).toMatchObject({ phase: "open", retransTotal: 2 });
  });

  test("reordering below the threshold resends nothing and leaves cwnd alone", () => {
    const b = sacked(10, 10);
    const { cwnd } = b.tcb.cc;
    duplicate(b, 0, [1, 3]);
    duplicate(b, 3);
    expect(starts(b)).toEqual([]);
    expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(cwnd);
    expect(b.stack.info(b.tcb).phase).toBe("open");
  });

  test("SACKed octets make room for new ones (limited transmit)", () => {
    const b = sacked(10, 59);
    duplicate(b, 0, [1, 2]);
    expect(starts(b)).toEqual([10]);
  });

  test("invalid SACK blocks are ignored", () => {
    const b = sacked(10, 10);
    for (const [l, r] of [
      [5, 3],
      [20, 30],
      [8, 11],
      [-2000, -1000],
      [4, 4],
      [-1e6, 1e6],
    ] as [number, number][]) {
      duplicate(b, 0, [l, r]);
    }
    expect(b.tcb.board.sackedBytes).toBe(0);
    expect(starts(b)).toEqual([]);
  });

  test("a late ACK still shows what arrived (RFC 6675 §4)", () => {
    const b = sacked(10, 10);
    duplicate(b, 2);
    duplicate(b, 1, [4, 7]);
    expect(b.tcb.board.sackedBytes).toBe(3 * M);
  });

  test("a D-SACK is not counted as a SACK (RFC 2883): below the ACK, or inside the second block", () => {
    const b = sacked(10, 10);
    duplicate(b, 3, [0, 1]);
    expect(b.tcb.board.sackedBytes).toBe(0);
    duplicate(b, 3, [5, 6], [5, 8]);
    expect(b.tcb.board.sackedBytes).toBe(3 * M);
  });

  test("blocks count whole segments: a part of one that arrived is none; a partial ACK keeps the sums right", () => {
    const b = sacked(10, 10);
    b.in(".", {
      seq: 1,
      ack: 1,
      sack: [
        [1501, 1502],
        [3001, 4777],
        [2000, 2600],
      ],
    });
    expect(b.tcb.board.sackedBytes).toBe(M);
    b.in(".", { seq: 1, ack: 2300 });
    expect(b.tcb.board.sackedBytes).toBe(M);
    checkTcb(b.tcb);
    b.in(".", { seq: 1, ack: 10_001 });
    expect(b.tcb.board).toMatchObject({ sackedBytes: 0, lostBytes: 0, resentBytes: 0 });
    expect(b.leftovers().records).toBe(0);
  });

  test("after a timeout everything is retransmitted to a peer that reneges on its SACKs (RFC 2018 §8)", () => {
    const b = sacked(4, 4);
    duplicate(b, 0, [1, 4]);
    duplicate(b, 1);
    starts(b);
    b.run(3 * RTT);
    expect(starts(b)).toEqual([1]);
    duplicate(b, 2);
    expect(starts(b)).toEqual([2, 3]);
  });

  test("a timeout resends what is not SACKed, and nothing else", () => {
    const b = sacked(6, 6);
    duplicate(b, 0, [1, 3]);
    b.run(3 * RTT);
    const seen = starts(b).filter((i) => i !== 5);
    duplicate(b, 3);
    seen.push(...starts(b));
    duplicate(b, 4);
    seen.push(...starts(b));
    duplicate(b, 6);
    expect(seen).toEqual([0, 3, 4, 5]);
  });

  test("PRR (RFC 6937): about half as many go out as are delivered, the flight ends at ssthresh", () => {
    const b = sacked(20, 200);
    let sent = 0;
    for (let i = 2; i <= 20; i++) {
      duplicate(b, 0, [1, i]);
      sent += b.out().length;
    }
    expect(b.tcb.cc.ssthresh).toBe(10 * M);
    // Limited transmit before the third, then one for two.
    expect(sent).toBeGreaterThanOrEqual(9);
    expect(sent).toBeLessThanOrEqual(13);
    expect(b.tcb.inFlight()).toBeLessThanOrEqual(11 * M);
    b.in(".");
    expect(b.tcb.cc.cwnd / M).toBeWithin(10, 12);
  });

  test("a hostile peer's tiny blocks do not use up the records of all connections", () => {
    const b = sacked(40, 40);
    let most = 0;
    for (let i = 0; i < 3000; i++) {
      const at = 2001 + ((i * 8) % 37_000);
      b.in(".", { seq: 1, ack: 1, sack: [0, 2, 4, 6].map((k) => [at + k, at + k + 1] as const) });
      b.out();
      most = Math.max(most, b.stack.recordsInUse);
    }
    // Blocks cut between segments alone.
    expect(most).toBeLessThanOrEqual(40);
    expect(b.state).toBe("ESTABLISHED");
  });
});

test("STATUS lists what the peer has beyond holes, as octets from SND.UNA, neighbours as one range", () => {
  const b = sacked(10, 10);
  expect(b.stack.info(b.tcb).sackedRanges).toEqual([]);
  duplicate(b, 0, [2, 3]);
  duplicate(b, 0, [3, 4]);
  duplicate(b, 0, [6, 9]);
  const { sackedRanges, sacked: octets } = b.stack.info(b.tcb);
  expect(sackedRanges).toEqual([
    [2 * M, 4 * M],
    [6 * M, 9 * M],
  ]);
  expect(octets).toBe(5 * M);
});

test("STATUS says what the sender waits for if there is a trace, and does not guess without", () => {
  const b = flight(2, 10 * M);
  expect(b.stack.info(b.tcb).limitedBy).toBe(b.stack.trace.enabled ? "congestion-window" : "");
});
