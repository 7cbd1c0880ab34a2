/** ICMP errors and TCP (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191, RFC 8201). */
import { describe, expect, test } from "bun:test";
import { SECOND } from "#base/time";
import { EVENT_SOFT_ERROR } from "#tcp/words/tcb";
import { icmp } from "../../support/icmp-error.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

/** Type, code of IPv4: what they are, and the error the user hears of. */
const SOFT = [
  [3, 0, "ENETUNREACH"],
  [3, 1, "EHOSTUNREACH"],
  [3, 5, "EHOSTUNREACH"],
  [11, 0, "EHOSTUNREACH"],
  [11, 1, "EHOSTUNREACH"],
  [12, 0, null],
] as const;

describe("soft errors (MUST-54, MUST-56, SHLD-25)", () => {
  test.each(SOFT)("type %d code %d never ends a connection, open or opening; the user may know", (type, code) => {
    for (const state of ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT"] as const) {
      const b = TcpBench.at(state);
      let seq = 0;
      if (state === "ESTABLISHED" || state === "CLOSE-WAIT") {
        b.send(10);
        b.out();
        seq = 1;
      } else if (state === "FIN-WAIT-1") seq = 1;
      icmp(b, type, code, seq);
      expect(b.state).toBe(state);
      expect(b.events() & EVENT_SOFT_ERROR).toBe(EVENT_SOFT_ERROR);
      expect(b.tcb.softError).not.toBe(0);
    }
  });

  test("the last soft error is reported if the connection is given up; progress clears it", () => {
    const b = TcpBench.at("SYN-SENT", { params: { retriesSyn: 2 } });
    icmp(b, 3, 1, 0);
    b.run(60e6);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "EHOSTUNREACH" });
    const c = TcpBench.at("ESTABLISHED", { params: { retriesR2: 2 } });
    c.send(10);
    c.out();
    icmp(c, 3, 1, 1);
    c.in(".");
    c.send(10);
    c.run(60e6);
    expect(c.stack.info(c.tcb).error).toBe("ETIMEDOUT");
  });
});

describe("hard errors (SHLD-26, RFC 5927 §6.1)", () => {
  test.each([
    [3, 2, "ENOPROTOOPT"],
    [3, 3, "ECONNREFUSED"],
  ] as const)("type %d code %d ends an opening connection: %s", (type, code, error) => {
    const b = TcpBench.at("SYN-SENT");
    icmp(b, type, code, 0);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error });
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0 });
  });

  test("an open connection only hears of it: such messages are too easily forged", () => {
    for (const code of [2, 3]) {
      const b = TcpBench.at("ESTABLISHED");
      b.send(10);
      b.out();
      icmp(b, 3, code, 1);
      expect(b.state).toBe("ESTABLISHED");
    }
  });

  test("a half-open connection ends, and frees its place in the backlog", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    icmp(b, 3, 3, 0);
    expect(b.state).toBe("CLOSED");
    expect(b.listener!.halfOpen).toBe(0);
  });
});

describe("which connection (MUST-54, RFC 5927 §4)", () => {
  test("only what is in flight is believed: SND.UNA <= SEQ <= SND.NXT", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(1000);
    b.out();
    for (const seq of [0, 1002, 5000, -100_000, 0x7fffffff]) icmp(b, 3, 1, seq);
    expect(b.tcb.softError).toBe(0);
    expect(b.count("tcp.icmp.stale")).toBe(5);
    icmp(b, 3, 1, 1000);
    expect(b.tcb.softError).not.toBe(0);
  });

  test("source quench is silently discarded (MUST-55)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(20_000);
    b.out();
    const { cwnd } = b.tcb.cc;
    icmp(b, 4, 0, 1);
    expect(b.lines()).toEqual([]);
    expect(b.tcb.cc.cwnd).toBe(cwnd);
    expect(b.tcb.softError).toBe(0);
  });
});

describe("path MTU (RFC 1191, RFC 8201)", () => {
  test("fragmentation needed: the segment is retransmitted at once in smaller ones, and cwnd is not reduced", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 1, 1000);
    const sent = b.out();
    expect(sent.length).toBeGreaterThan(0);
    expect(sent[0]!.seq).toBe(1);
    for (let i = 0; i < 12; i++) {
      b.in(".", { ack: Math.min(5001, 1 + (i + 1) * 960) });
      sent.push(...b.out());
    }
    for (const x of sent) expect(x.size).toBeLessThanOrEqual(1000);
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
  });

  test("a path MTU learned by another connection also makes this connection's segments smaller", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    const { a, b: second, c, d } = b.tcb.remote;
    expect(b.stack.pathMtu.lower(a, second, c, d, 1000, b.now)).toBe(true);
    icmp(b, 3, 4, 1, 1000);
    const sent = b.out();
    expect(sent[0]!.seq).toBe(1);
    expect(Math.max(...sent.map(({ size }) => size))).toBe(1000);
  });

  test("too big (ICMPv6) as well, never below 1280", () => {
    const b = TcpBench.at("ESTABLISHED", { family: 6 });
    b.send(5000);
    b.out();
    icmp(b, 2, 0, 1, 100);
    expect(b.lines()).toEqual([]);
    icmp(b, 2, 0, 1, 1300);
    expect(Math.max(...b.out().map((x) => x.size))).toBe(1300);
  });

  test("a larger or equal MTU, or one about nothing in flight, changes nothing", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 1, 1500);
    icmp(b, 3, 4, 1, 9000);
    icmp(b, 3, 4, 9000, 600);
    expect(b.lines()).toEqual([]);
    expect(b.tcb.snd.mss).toBe(1460);
  });

  test("without an MTU in it (old routers): the next plateau", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 1, 0);
    const [first] = b.out();
    expect(first!.size).toBeLessThan(1500);
    expect(first!.size).toBeGreaterThan(500);
  });

  test("an absurdly small MTU: segments keep a useful size, routers may fragment them, and there is no flood (RFC 5927 §7)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 1, 1);
    const sent = b.out();
    expect(sent.length).toBeLessThan(12);
    for (const { size, dontFragment } of sent) {
      expect(size).toBeLessThanOrEqual(552);
      expect(dontFragment).toBe(false);
    }
    expect(b.tcb.snd.mss).toBe(512);
  });

  test("the floor is a parameter", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { pathMtuFloor: 296 } });
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 1, 300);
    expect(b.tcb.snd.mss).toBe(260);
    expect(b.out()[0]!.dontFragment).toBe(true);
  });
});

describe("a segment size that the path has carried (RFC 5927 §7.2)", () => {
  /** 10,000 octets in full segments are acknowledged, 5000 more are in flight. */
  const proven = (params = {}): TcpBench => {
    const b = TcpBench.at("ESTABLISHED", { params: { ...params } });
    b.send(10_000);
    b.out();
    b.in(".", { ack: 10_001 });
    b.out();
    b.send(5000);
    b.out();
    return b;
  };

  test("is believed to be too big only when the quoted segment has timed out", () => {
    const b = proven();
    icmp(b, 3, 4, 10_001, 1000);
    expect([b.lines(), b.tcb.snd.mss]).toEqual([[], 1460]);
    b.run(SECOND);
    const again = b.out();
    expect([again[0]!.seq, b.tcb.snd.mss]).toEqual([10_001, 960]);
    for (const { size } of again) expect(size).toBeLessThanOrEqual(1000);
  });

  test("is not believed to be too big where the quoted segment is acknowledged", () => {
    const b = proven();
    for (let seq = 10_001; seq < 15_001; seq += 100) icmp(b, 3, 4, seq, 68);
    b.in(".", { ack: 15_001 });
    b.send(5000);
    b.run(10 * SECOND);
    for (const { size } of b.out()) expect(size).toBeGreaterThan(552);
    expect(b.tcb.snd.mss).toBe(1460);
    expect(b.stack.connect(b.tcb.remote, 99, {}, b.now).localMss).toBe(1460);
  });

  test("is believed to be too big at once with Linux's policy", () => {
    const b = proven({ pathMtuDelay: false });
    icmp(b, 3, 4, 10_001, 1000);
    expect(b.out()[0]).toMatchObject({ seq: 10_001, size: 1000 });
  });

  test("is not proven for larger segments that are sent for the first time", () => {
    const b = TcpBench.at("ESTABLISHED", { params: {} });
    b.send(500);
    b.out();
    b.in(".", { ack: 501 });
    b.send(5000);
    b.out();
    icmp(b, 3, 4, 501, 1000);
    expect(b.out()[0]).toMatchObject({ seq: 501, size: 1000 });
  });

  test("is kept, whatever another connection believes, until a segment times out", () => {
    const b = proven();
    const { a, b: second, c, d } = b.tcb.remote;
    b.stack.pathMtu.lower(a, second, c, d, 1000, b.now);
    b.in(".", { ack: 15_001 });
    b.send(5000);
    expect(b.out()[0]!.size).toBe(1500);
    b.run(SECOND);
    expect(b.out()[0]!.size).toBe(1000);
  });

  test("shrinks twice at once where a second link carries still less", () => {
    const b = proven();
    icmp(b, 3, 4, 10_001, 1000);
    b.run(SECOND);
    b.out();
    icmp(b, 3, 4, 10_001, 700);
    expect(b.out()[0]).toMatchObject({ seq: 10_001, size: 700 });
  });
});
