/** Keep-alive (RFC 9293 §3.8.4), user timeout (§3.9.1, RFC 5482). */
import { describe, expect, test } from "bun:test";
import { DEFAULT_PARAMS } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1e6;
const ALIVE = { keepAlive: true, keepAliveIdle: 100 * SECOND, keepAliveInterval: 10 * SECOND, keepAliveCount: 3 };

describe("keep-alive", () => {
  test("is off by default (MUST-25), and 2 h or more when on (MUST-28)", () => {
    expect(DEFAULT_PARAMS.keepAlive).toBe(false);
    expect(DEFAULT_PARAMS.keepAliveIdle).toBeGreaterThanOrEqual(7200 * SECOND);
    const b = TcpBench.at("ESTABLISHED");
    b.run(24 * 3600 * SECOND);
    expect(b.lines()).toEqual([]);
  });

  test("probes an idle connection with an old sequence number and no data (SHLD-12)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: ALIVE });
    b.run(99 * SECOND);
    expect(b.lines()).toEqual([]);
    b.run(2 * SECOND);
    expect(b.lines()).toEqual([". 0:0(0) ack 1"]);
    b.in(".");
    b.run(99 * SECOND);
    expect(b.lines()).toEqual([]);
    b.run(2 * SECOND);
    expect(b.lines()).toEqual([". 0:0(0) ack 1"]);
  });

  test("connections that were opened together are probed apart: evenly over an eighth of the idle time more", () => {
    const b = new TcpBench({ params: { ...ALIVE, keepAliveSpread: 1 / 8 }, limits: { memory: 4 << 20 } });
    b.listen({ backlog: 1_000 });
    const n = 500;
    for (let i = 0; i < n; i++) {
      Object.assign(b, { port: 1_000 + i, peerNxt: 0, peerExpects: 0 });
      b.established();
    }
    b.run(100 * SECOND - 1_000);
    expect(b.count("tcp.timer.keep-alive")).toBe(0);
    // 500 in 12.5 s: 40 in each second. After 10 s the first are probed again.
    for (let second = 0; second < 9; second++) {
      const before = b.count("tcp.timer.keep-alive");
      b.run(SECOND);
      expect(b.count("tcp.timer.keep-alive") - before).toBeWithin(35, 46);
    }
  });

  test("one unanswered probe does not end the connection (MUST-29), the configured number does", () => {
    const b = TcpBench.at("ESTABLISHED", { params: ALIVE });
    b.run(115 * SECOND);
    expect(b.state).toBe("ESTABLISHED");
    b.run(10 * SECOND);
    expect(b.lines().length).toBe(3);
    b.run(10 * SECOND);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("is not sent while data is in flight (MUST-26): the retransmission timer detects a dead peer", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { ...ALIVE, keepAliveIdle: SECOND, keepAliveInterval: SECOND } });
    b.send(10);
    b.run(30 * SECOND);
    expect(b.out().every((sent) => sent.data.length === 10)).toBe(true);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("is not sent while the peer sends, also in FIN-WAIT-2 (MUST-26)", () => {
    for (const state of ["ESTABLISHED", "FIN-WAIT-2"] as const) {
      const b = TcpBench.at(state, { params: { ...ALIVE, keepAliveIdle: 5 * SECOND } });
      for (let i = 0; i < 20; i++) {
        b.run(SECOND);
        b.in(".", { n: 10 });
        b.read();
      }
      expect(b.out().filter((sent) => sent.cause === "tcp.tx.keep-alive")).toEqual([]);
    }
  });

  test("switched on and off on a living connection (MUST-24), its interval too (MUST-27)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.stack.setParams(b.tcb, ALIVE, b.now);
    b.run(101 * SECOND);
    expect(b.lines()).toEqual([". 0:0(0) ack 1"]);
    b.stack.setParams(b.tcb, { keepAlive: false }, b.now);
    b.run(1000 * SECOND);
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("a peer's probe is answered, also one with a garbage octet (MAY-6)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { seq: 0 });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    b.run(SECOND);
    b.in(".", { seq: 0, data: [0] });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(b.tcb.rcv.unread).toBe(0);
  });
});

describe("a sign of life", () => {
  const given = {
    params: { keepAlive: true, keepAliveIdle: 10 * SECOND, keepAliveInterval: SECOND, keepAliveCount: 3 },
  };

  test.each([
    ["an old segment", ".", { seq: -5000, n: 10 }],
    ["a segment beyond the window", ".", { seq: 1_000_000, n: 10 }],
    ["an RST that misses", "R", { seq: 100 }],
    ["an ACK of what was never sent", ".", { ack: 5000 }],
    ["an ACK older than the largest window", ".", { ack: -200_000 }],
  ] as const)("%s is none: a dead peer's connection ends all the same", (_, flags, segment) => {
    const b = TcpBench.at("ESTABLISHED", given);
    for (let i = 0; i < 40 && b.state !== "CLOSED"; i++) {
      b.in(flags, segment);
      b.run(500_000);
      b.out();
    }
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
  });

  test("is an acceptable segment: data, an ACK, an answer to a probe", () => {
    const b = TcpBench.at("ESTABLISHED", given);
    for (let i = 0; i < 40; i++) {
      b.in(".", i % 2 === 0 ? { n: 10 } : {});
      b.run(10.5 * SECOND);
      b.read();
      expect(b.out().some(({ seq }) => seq === 0)).toBe(true);
    }
    expect(b.state).toBe("ESTABLISHED");
  });
});

describe("user timeout", () => {
  test("data unacknowledged for longer ends the connection", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { userTimeout: 5 * SECOND } });
    b.send(10);
    b.run(4_900_000);
    expect(b.state).toBe("ESTABLISHED");
    b.run(SECOND);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
  });

  test("progress restarts it; without data in flight it does not run", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { userTimeout: 5 * SECOND } });
    for (let i = 0; i < 5; i++) {
      b.send(10);
      b.out();
      b.run(4 * SECOND);
      b.out();
      b.in(".");
    }
    b.run(100 * SECOND);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("it also applies to the SYN and to a closed window", () => {
    const b = TcpBench.at("SYN-SENT", { params: { userTimeout: 5 * SECOND } });
    b.run(6 * SECOND);
    expect(b.state).toBe("CLOSED");
    const c = TcpBench.at("ESTABLISHED", { params: { userTimeout: 5 * SECOND } });
    c.in(".", { win: 0 });
    c.send(10);
    // The first probe goes after 200 ms; the time counts from it.
    c.run(5.1 * SECOND);
    expect(c.state).toBe("ESTABLISHED");
    c.run(0.2 * SECOND);
    expect(c.state).toBe("CLOSED");
  });
});
