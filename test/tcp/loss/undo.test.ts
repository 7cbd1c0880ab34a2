/** Reductions for losses that were none are taken back (RFC 3522, 4015, 3708, 5682). */
import { describe, expect, test } from "bun:test";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";

const M = 1000;
const RTT = 100_000;

/** Ten segments in flight, of ten; after one that gave a round trip of 100 ms; segment i is [at(i), at(i + 1)). */
function flight(params: TcpSettings, sack: boolean, ts: boolean): TcpBench {
  const b = new TcpBench({
    params: { congestionControl: "newreno", sack, timestamps: ts, tailLossProbe: false, ...params },
  }).listen();
  b.in("S", { mss: M + (ts ? 12 : 0), sackOk: sack, ...(ts ? { ts: [1, 0] as const } : {}) });
  b.seenTs = b.out()[0]!.ts?.[0] ?? 0;
  b.usesTs = ts;
  b.peerTs = 1;
  b.run(RTT);
  b.in(".");
  b.tcb = b.stack.accept(b.listener!)!;
  b.send(M);
  b.out();
  b.run(RTT);
  b.in(".").out();
  b.send(10 * M);
  expect(b.out().length).toBe(10);
  return b;
}
const at = (i: number) => 1 + (1 + i) * M;
const state = (b: TcpBench) => ({ cwnd: b.tcb.cc.cwnd, ssthresh: b.tcb.cc.ssthresh });

describe("Eifel: the ACK echoes the first copy (RFC 3522)", () => {
  const reordered = (echoFirst: boolean) => {
    const b = flight({}, true, true);
    const before = state(b);
    const first = b.seenTs;
    b.run(RTT);
    for (let i = 2; i <= 4; i++) b.in(".", { ack: at(0), sack: [[at(1), at(i)]] });
    b.run(50_000);
    const resent = b.out();
    expect(resent.map((x) => x.seq)).toEqual([at(0)]);
    expect(b.tcb.cc.ssthresh).toBeLessThan(before.ssthresh);
    b.in(".", { ack: at(4), ts: [1, echoFirst ? first : resent[0]!.ts![0]] });
    return { b, before };
  };

  test("the first copy arrived late: cwnd and ssthresh are as before", () => {
    const { b, before } = reordered(true);
    expect(b.tcb.cc.ssthresh).toBe(before.ssthresh);
    expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(before.cwnd);
    expect(b.tcb.board).toMatchObject({ lostBytes: 0, resentBytes: 0 });
  });

  test("if the second copy was needed, the reduction is not undone", () => {
    const { b, before } = reordered(false);
    expect(b.tcb.cc.ssthresh).toBeLessThan(before.ssthresh);
  });

  test("the reduction is not undone if this is disabled", () => {
    const b = flight({ undo: false, frto: false }, true, true);
    const first = b.seenTs;
    b.run(RTT);
    for (let i = 2; i <= 4; i++) b.in(".", { ack: at(0), sack: [[at(1), at(i)]] });
    b.run(50_000);
    b.out();
    b.in(".", { ack: at(4), ts: [1, first] });
    expect(b.tcb.cc.ssthresh).toBeLessThan(0x7fffffff);
  });
});

describe("D-SACK: all that was resent was a duplicate (RFC 3708)", () => {
  test("the reduction is undone", () => {
    const b = flight({}, true, false);
    b.run(RTT);
    for (let i = 2; i <= 4; i++) b.in(".", { ack: at(0), sack: [[at(1), at(i)]] });
    expect(b.out().map((x) => x.seq)).toEqual([at(0)]);
    b.in(".", { ack: at(4) });
    expect(b.tcb.cc.ssthresh).toBeLessThan(0x7fffffff);
    b.in(".", { ack: at(4), sack: [[at(0), at(1)]] });
    expect(b.tcb.cc.ssthresh).toBe(0x7fffffff);
  });

  test("a D-SACK about data never retransmitted undoes nothing", () => {
    const b = flight({}, true, false);
    b.run(RTT);
    for (let i = 2; i <= 4; i++) b.in(".", { ack: at(0), sack: [[at(1), at(i)]] });
    b.out();
    b.in(".", {
      ack: at(0),
      sack: [
        [1, at(0)],
        [at(1), at(4)],
      ],
    });
    b.in(".", { ack: at(4) });
    expect(b.tcb.cc.ssthresh).toBeLessThan(0x7fffffff);
  });
});

describe("F-RTO: a spurious timeout (RFC 5682)", () => {
  test("two ACKs of what was never resent: nothing else is sent again, cwnd comes back", () => {
    const b = flight({}, true, false);
    const before = state(b);
    b.run(330_000);
    expect(b.out().map((x) => x.seq)).toEqual([at(0)]);
    expect(b.tcb.cc.cwnd).toBe(M);
    b.send(10 * M);
    b.in(".", { ack: at(1) });
    b.out();
    b.in(".", { ack: at(2) });
    b.out();
    b.in(".", { ack: at(3) });
    expect(b.tcb.cc.ssthresh).toBe(before.ssthresh);
    expect(b.tcb.cc.cwnd).toBeGreaterThan(4 * M);
    expect(b.stack.info(b.tcb).retransTotal).toBe(1);
  });

  test("duplicates instead: the timeout was right, everything lost is resent", () => {
    const b = flight({}, true, false);
    b.run(330_000);
    const resent = b.out().map((x) => x.seq);
    b.in(".", { ack: at(1) });
    resent.push(...b.out().map((x) => x.seq));
    for (let i = 0; i < 12 && b.tcb.outstanding() > 0; i++) {
      b.in(".", { ack: Math.min(at(10), at(2 + i)) });
      resent.push(...b.out().map((x) => x.seq));
      b.run(50_000);
    }
    b.in(".");
    expect(b.tcb.outstanding()).toBe(0);
  });

  test("if nothing arrives, the timer backs off, and in the end everything is delivered", () => {
    const b = flight({}, true, false);
    b.run(3e6);
    b.out();
    for (let i = 1; i <= 10; i++) {
      b.in(".", { ack: at(i) });
      b.run(1000);
      b.out();
    }
    expect(b.tcb.outstanding()).toBe(0);
    expect(b.tcb.inFlight()).toBe(0);
  });
});
