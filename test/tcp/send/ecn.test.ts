/** Explicit congestion notification (RFC 3168; SHLD-8). */
import { describe, expect, test } from "bun:test";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";

const CE = 3;
const ECT0 = 2;
const M = 1000;

/** A connection with ECN agreed, opened by the peer. */
function agreed(params: TcpSettings = {}): TcpBench {
  const b = new TcpBench({ params: { congestionControl: "newreno", ...params } }).listen();
  b.in("SEW", { mss: M }).out();
  b.in(".");
  b.tcb = b.stack.accept(b.listener!)!;
  b.out();
  return b;
}

describe("agreement (§6.1.1)", () => {
  test.each([
    ["off", "S", "S.", "S."],
    ["passive", "S", "SE.", "S."],
    ["on", "SEW", "SE.", "S."],
  ] as const)(
    "%s: our SYN is %s, the answer to one that asks %s, to one that does not %s",
    (ecn, syn, asked, plain) => {
      expect(new TcpBench({ params: { ecn } }).connect().out()[0]!.flags).toBe(syn);
      const answer = (flags: string) =>
        new TcpBench({ params: { ecn } }).listen().in(flags, { mss: M }).out()[0]!.flags;
      expect(answer("SEW")).toBe(asked);
      expect(answer("S")).toBe(plain);
      expect(answer("SE")).toBe(plain);
      expect(answer("SW")).toBe(plain);
    },
  );

  test.each([
    ["SE.", true],
    ["S.", false],
    ["SEW.", false],
    ["SW.", false],
  ] as const)("SYN,ACK %s to our asking: agreed %p", (flags, good) => {
    const b = new TcpBench({ params: { ecn: "on" } }).connect();
    b.out();
    b.in(flags, { mss: M }).out();
    expect(b.tcb.ecnOk).toBe(good);
    b.send(10);
    expect(b.out()[0]!.tos & 3).toBe(good ? ECT0 : 0);
  });

  test("a SYN that was lost is resent without asking (§6.1.1.1)", () => {
    const b = new TcpBench({ params: { ecn: "on" } }).connect();
    b.run(1_500_000);
    expect(b.out().map((x) => x.flags)).toEqual(["SEW", "S"]);
  });

  test("SYNs are never ECT", () => {
    const b = new TcpBench({ params: { ecn: "on" } }).connect();
    expect(b.out()[0]!.tos & 3).toBe(0);
    const c = new TcpBench().listen();
    expect(c.in("SEW", { mss: M }).out()[0]!.tos & 3).toBe(0);
  });
});

describe("the sender (§6.1.2, §6.1.4 to §6.1.6)", () => {
  test("new data is ECT(0); pure ACKs, retransmissions, probes and RST are not", () => {
    const b = agreed();
    b.send(M);
    expect(b.out()[0]!.tos & 3).toBe(ECT0);
    b.run(300_000);
    expect(b.out()[0]!.tos & 3).toBe(0);
    b.in(".", { win: 0 });
    b.send(M);
    b.run(2_000_000);
    for (const x of b.out()) expect(x.tos & 3).toBe(0);
    b.in(".", { n: 2000, win: 0 }).run(100_000);
    expect(b.out().at(-1)!.tos & 3).toBe(0);
    b.stack.abort(b.tcb, b.now);
    expect(b.out().at(-1)!.tos & 3).toBe(0);
  });

  test("ECE halves cwnd once per window, CWR goes with the next new data, once", () => {
    const b = agreed();
    b.send(50 * M);
    expect(b.out().length).toBe(10);
    b.in("E.", { ack: 1 + M });
    b.in("E.", { ack: 1 + 2 * M });
    b.in("E.", { ack: 1 + 3 * M });
    const half = b.tcb.cc.ssthresh;
    expect(half).toBeGreaterThanOrEqual(4 * M);
    expect(half).toBeLessThanOrEqual(5 * M);
    const sent = b.out();
    for (let i = 4; i <= 10; i++) {
      b.in("E.", { ack: 1 + i * M });
      sent.push(...b.out());
    }
    const marked = sent.filter((x) => x.flags.includes("W"));
    expect(marked.length).toBe(1);
    expect(marked[0]).toBe(sent[0]!);
    expect(b.tcb.cc.ssthresh).toBe(half);
    expect(b.tcb.outstanding()).toBeLessThanOrEqual(6 * M);
    // Another window, another reduction.
    const end = b.peerExpects;
    b.in("E.", { ack: end }).out();
    b.send(50 * M);
    b.out();
    b.in("E.");
    expect(b.tcb.cc.ssthresh).toBeLessThan(half);
  });

  test("where ECN was not agreed ECE means nothing", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(10_000);
    b.out();
    const { cwnd } = b.tcb.cc;
    b.in("E.", { ack: 1461 });
    expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(cwnd);
    expect(b.tcb.cc.ssthresh).toBe(0x7fffffff);
  });

  test("DSCP stays beside the ECN field (SHLD-22)", () => {
    const b = agreed({ tos: 0xb8 });
    b.send(10);
    expect(b.out()[0]!.tos).toBe(0xb8 | ECT0);
  });
});

describe("the receiver (§6.1.3)", () => {
  test("CE: every ACK carries ECE until CWR comes", () => {
    const b = agreed();
    const answer = (flags: string, tos: number) => b.in(flags, { n: M, tos }).run(100_000).out()[0]!.flags;
    expect(answer(".", CE)).toBe("E.");
    expect(answer(".", ECT0)).toBe("E.");
    b.send(10);
    expect(b.out()[0]!.flags).toBe("PE.");
    expect(answer("W.", ECT0)).toBe(".");
    expect(answer("W.", CE)).toBe("E.");
  });

  test("CE where ECN was not agreed, or on a segment outside of the window, is nothing", () => {
    const plain = TcpBench.at("ESTABLISHED");
    plain.in(".", { n: 3000, tos: CE }).run(100_000);
    expect(plain.out()[0]!.flags).toBe(".");
    const b = agreed();
    b.in(".", { seq: 1_000_000, n: 10, tos: CE });
    expect(b.out()[0]!.flags).toBe(".");
  });
});
