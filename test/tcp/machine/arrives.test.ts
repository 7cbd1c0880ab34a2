/** SEGMENT ARRIVES (RFC 9293 §3.10.7), state by state. */
import { describe, expect, test } from "bun:test";
import { RFC9293 } from "#tcp/words/profiles";
import type { StateName } from "#tcp/words/state";
import { prefix } from "../../support/ip-bench.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

const SYNCHRONIZED: StateName[] = [
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
];

describe("CLOSED (§3.10.7.1)", () => {
  test.each([
    ["S", { seq: 10 }, "R. 0:0(0) ack 11"],
    ["S", { seq: 10, n: 5 }, "R. 0:0(0) ack 16"],
    ["F", { seq: 10 }, "R. 0:0(0) ack 11"],
    ["SF", { seq: 10 }, "R. 0:0(0) ack 12"],
    ["", { seq: 10, n: 4 }, "R. 0:0(0) ack 14"],
    [".", { seq: 10, ack: 77 }, "R 77:77(0)"],
    ["S.", { seq: 10, ack: 77 }, "R 77:77(0)"],
    ["F.", { seq: 10, ack: 77, n: 9 }, "R 77:77(0)"],
  ] as const)("%s %o draws %s", (flags, given, answer) => {
    const b = new TcpBench();
    b.in(flags, given);
    expect(b.lines()).toEqual([answer]);
  });

  test.each(["R", "R.", "SR", "RF."])("%s is dropped in silence", (flags) => {
    const b = new TcpBench();
    b.in(flags, { seq: 10, ack: 5 });
    expect(b.lines()).toEqual([]);
  });
});

describe("LISTEN (§3.10.7.2)", () => {
  test.each(["R", "SR", "R.", "SR."])("%s is ignored", (flags) => {
    const b = new TcpBench().listen();
    b.in(flags, { seq: 5, ack: 9 });
    expect(b.lines()).toEqual([]);
    expect(b.stack.connectionCount).toBe(0);
  });

  test.each([".", "S.", "F.", "P."])("%s draws <SEQ=SEG.ACK><CTL=RST>", (flags) => {
    const b = new TcpBench().listen();
    b.in(flags, { seq: 5, ack: 9 });
    expect(b.lines()).toEqual(["R 9:9(0)"]);
    expect(b.stack.connectionCount).toBe(0);
  });

  test.each(["", "F", "P", "U", "FPU"])("no SYN, no ACK, no RST (%s): silence, and the listener lives", (flags) => {
    const b = new TcpBench().listen();
    b.in(flags, { seq: 5, n: 3 });
    expect(b.lines()).toEqual([]);
    b.in("S", { seq: 0, mss: 1460 });
    expect(b.out()[0]!.flags).toBe("S.");
  });

  test("SYN,FIN is dropped", () => {
    const b = new TcpBench().listen();
    b.in("SF", { seq: 0 });
    expect(b.lines()).toEqual([]);
  });

  test.each(["255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "10.0.0.7"])(
    "a SYN from %s makes no connection (MUST-63)",
    (source) => {
      const b = new TcpBench({ prefixes: [prefix("10.0.0.1/24")] }).listen();
      b.in("S", { seq: 0, mss: 1460, source });
      expect(b.lines()).toEqual([]);
      expect(b.stack.connectionCount).toBe(0);
    },
  );

  test.each(["255.255.255.255", "224.0.0.1", "10.0.0.255"])(
    "a SYN to %s is dropped in silence (MUST-57)",
    (destination) => {
      const b = new TcpBench({ prefixes: [prefix("10.0.0.1/24")] }).listen();
      b.in("S", { seq: 0, mss: 1460, destination });
      expect(b.lines()).toEqual([]);
      expect(b.stack.connectionCount).toBe(0);
    },
  );
});

describe("SYN-SENT (§3.10.7.3)", () => {
  test.each([
    ["S.", 0],
    ["S.", 2],
    [".", 0],
    [".", 2],
    ["F.", 5],
  ])("%s with an unacceptable ACK %d: <SEQ=SEG.ACK><CTL=RST>, and the SYN goes on", (flags, ack) => {
    const b = TcpBench.at("SYN-SENT");
    b.in(flags, { seq: 0, ack });
    expect(b.lines()).toEqual([`R ${ack}:${ack}(0)`]);
    expect(b.state).toBe("SYN-SENT");
    b.run(1_000_000);
    expect(b.lines()).toEqual(["S 0:0(0)"]);
  });

  test("RST with an unacceptable ACK is dropped", () => {
    const b = TcpBench.at("SYN-SENT");
    b.in("R.", { seq: 0, ack: 2 });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe("SYN-SENT");
  });

  test("RST with the acceptable ACK: refused; without ACK: dropped", () => {
    const b = TcpBench.at("SYN-SENT");
    b.in("R", { seq: 0 });
    expect(b.state).toBe("SYN-SENT");
    b.in("SR", { seq: 0 });
    expect(b.state).toBe("SYN-SENT");
    b.in("R.", { seq: 0, ack: 1 });
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNREFUSED" });
    expect(b.lines()).toEqual([]);
  });

  test.each(["", "F", ".", "P"])("%s without SYN changes nothing", (flags) => {
    const b = TcpBench.at("SYN-SENT");
    b.in(flags, { seq: 0, ack: 1 });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe("SYN-SENT");
  });
});

describe("SYN-RECEIVED", () => {
  test.each([0, 2, 100, -5])(
    "ACK %d other than ISS+1 draws <SEQ=SEG.ACK><CTL=RST>, and the handshake goes on",
    (ack) => {
      const b = TcpBench.at("SYN-RECEIVED");
      b.in(".", { seq: 1, ack });
      expect(b.lines()).toEqual([`R ${ack}:${ack}(0)`]);
      expect(b.state).toBe("SYN-RECEIVED");
      b.in(".", { seq: 1, ack: 1 });
      expect(b.state).toBe("ESTABLISHED");
    },
  );

  test("RST at RCV.NXT-1 and beyond the window is ignored; inside the window it is challenged (RFC 5961 §3)", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    b.in("R", { seq: 0 });
    b.in("R", { seq: 1 + 65535 });
    expect(b.lines()).toEqual([]);
    b.in("R", { seq: 2 });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(b.state).toBe("SYN-RECEIVED");
  });

  test("a segment without ACK is dropped", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    b.in("", { seq: 1, n: 5 });
    b.in("F", { seq: 1 });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe("SYN-RECEIVED");
  });

  test("data before the SYN,ACK was acknowledged by it is kept out (wrong ACK), an acceptable one is taken", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    b.in(".", { seq: 1, n: 10, ack: 5 });
    b.out();
    b.in(".", { seq: 1, n: 10, ack: 1 });
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.tcb.rcv.unread).toBe(10);
  });
});

describe("first: the sequence number (§3.10.7.4, the table of §3.4)", () => {
  // With a window of 1000 after RCV.NXT = 1: octets 1..1000.
  const bench = () => TcpBench.at("ESTABLISHED", { params: { receiveBuffer: 1000, receiveBufferMax: 1000 } });
  test.each([
    ["length 0, at RCV.NXT", 1, 0, true],
    ["length 0, the last of the window", 1000, 0, true],
    ["length 0, just beyond", 1001, 0, false],
    ["length 0, just before", 0, 0, false],
    ["one octet at RCV.NXT", 1, 1, true],
    ["one octet, the last of the window", 1000, 1, true],
    ["one octet just beyond", 1001, 1, false],
    ["one octet just before", 0, 1, false],
    ["overlapping the left edge", 0, 2, true],
    ["overlapping the right edge", 1000, 10, true],
    ["around the whole window (as the table has it)", 0, 1400, false],
    ["far before", -50_000, 10, false],
    ["half of the sequence space away", 0x7fffffff, 10, false],
  ] as const)("%s: seq %d length %d is acceptable: %s", (_name, seq, n, good) => {
    const b = bench();
    b.in(".", { seq, n, ack: 1, data: new Uint8Array(n) });
    const wrong = b.count("tcp.rx.unacceptable") + b.count("tcp.rx.duplicate");
    expect(wrong).toBe(good ? 0 : 1);
    b.run(500_000);
    if (!good) expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
  });

  test("an unacceptable segment with RST is not answered", () => {
    const b = bench();
    b.in("R", { seq: 0 });
    b.in("R", { seq: 1001 });
    b.in("R.", { seq: 5000, n: 0 });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("data beyond the window is trimmed, and accepted when it is retransmitted", () => {
    const b = bench();
    b.in(".", { seq: 1, n: 1400 });
    expect(b.tcb.rcv.unread).toBe(1000);
    b.run(1_000_000);
    expect(b.out().at(-1)!).toMatchObject({ ack: 1001, win: 0 });
    expect(b.read()).toBe(1000);
    expect(b.out()[0]).toMatchObject({ ack: 1001, win: 1000 });
    b.in(".", { seq: 1001, n: 400 });
    expect(b.read()).toBe(400);
  });

  test("with a closed window, RST, ACK and URG of the next segment are processed, its data is not (MUST-66)", () => {
    const b = bench();
    b.send(10);
    b.out();
    b.in(".", { seq: 1, n: 1000, ack: 1 });
    b.run(500_000);
    b.out();
    b.in("U.", { seq: 1001, n: 10, ack: 11, urg: 10 });
    expect(b.tcb.rcv.unread).toBe(1000);
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
    expect(b.tcb.rcv.urgent).toBe(true);
    expect(b.lines()).toEqual([". 11:11(0) ack 1001"]);
    b.in("R", { seq: 1001 });
    expect(b.stack.info(b.tcb).error).toBe("ECONNRESET");
  });

  test("a FIN without data is taken at a closed window, as Linux does: it needs no room", () => {
    const b = bench();
    b.in(".", { seq: 1, n: 1000 });
    b.out();
    b.in("F.", { seq: 1001 });
    b.run(1_000_000);
    expect([b.state, b.lines()]).toEqual(["CLOSE-WAIT", [". 1:1(0) ack 1002"]]);
    expect(b.read()).toBe(1000);
  });

  test("a FIN with data waits until a closed window opens; so does one behind RCV.NXT, or without ACK", () => {
    const b = bench();
    b.in(".", { seq: 1, n: 1000 });
    b.in("F.", { seq: 1001, n: 1 });
    b.in("F.", { seq: 1002 });
    b.in("F", { seq: 1001 });
    expect(b.state).toBe("ESTABLISHED");
    b.read();
    b.out();
    b.in("F.", { seq: 1001, n: 1 });
    b.run(1_000_000);
    expect([b.state, b.lines()]).toEqual(["CLOSE-WAIT", [". 1:1(0) ack 1003"]]);
  });
});

describe("second: RST (RFC 5961 §3.2)", () => {
  test.each(SYNCHRONIZED)("%s + RST at RCV.NXT: the connection is over", (state) => {
    const b = TcpBench.at(state);
    b.in("R", { seq: b.peerNxt });
    expect(b.state).toBe("CLOSED");
    expect(b.lines()).toEqual([]);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
  });

  test.each(SYNCHRONIZED)("%s + RST inside the window but not at RCV.NXT: challenge ACK", (state) => {
    const b = TcpBench.at(state);
    const answer = `. ${b.peerExpects}:${b.peerExpects}(0) ack ${b.peerNxt}`;
    b.in("R", { seq: b.peerNxt + 1 });
    expect(b.lines()).toEqual([answer]);
    expect(b.state).toBe(state);
    b.run(1_000_000);
    b.out();
    if (b.state === state) {
      const edge = (b.tcb.rcv.adv - b.irs) | 0;
      b.in("R", { seq: edge - 1 });
      expect(b.lines()).toEqual([answer]);
    }
  });

  test.each(SYNCHRONIZED)("%s + RST left or right of the window: nothing", (state) => {
    const b = TcpBench.at(state);
    b.in("R", { seq: b.peerNxt - 2 });
    b.in("R", { seq: (b.tcb.rcv.adv - b.irs) | 0 });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe(state);
  });

  test("RFC 793 profile: any RST inside the window ends it", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { rfc5961: false } });
    b.in("R", { seq: 5000 });
    expect(b.state).toBe("CLOSED");
  });

  test("data received before a reset can still be read, as in Linux", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("P.", { n: 100 });
    b.in("R", { seq: 101 });
    expect(b.read()).toBe(100);
  });

  test("by the letter a reset flushes what was received, and later segments draw RST", () => {
    const b = TcpBench.at("ESTABLISHED", { params: RFC9293 });
    b.in("P.", { n: 100 });
    b.send(100);
    b.out();
    b.in("R", { seq: 101 });
    expect(b.read()).toBe(0);
    expect(b.send(1)).toBeLessThan(0);
    b.in(".", { seq: 101, ack: 101 });
    expect(b.lines()).toEqual(["R 101:101(0)"]);
  });
});

describe("fourth: SYN (RFC 5961 §4)", () => {
  test.each(SYNCHRONIZED)("%s + SYN, wherever it lies: challenge ACK, and the connection lives", (state) => {
    for (const offset of [0, 1, -1, -1000, 65_534, 65_535, 0x40000000]) {
      const b = TcpBench.at(state);
      b.in("S", { seq: b.peerNxt + offset, mss: 1460 });
      expect(b.state).toBe(state === "TIME-WAIT" && offset > 0 ? "CLOSED" : state);
      if (b.state === state) {
        expect(b.lines()).toEqual([`. ${b.peerExpects}:${b.peerExpects}(0) ack ${b.peerNxt}`]);
      }
    }
  });

  test.each(SYNCHRONIZED)("%s + SYN,ACK: challenge ACK, no change of state", (state) => {
    const b = TcpBench.at(state);
    b.in("S.", { seq: b.peerNxt, ack: b.peerExpects });
    expect(b.lines()).toEqual([`. ${b.peerExpects}:${b.peerExpects}(0) ack ${b.peerNxt}`]);
    expect(b.state).toBe(state);
  });

  test("challenge ACKs are rate limited (RFC 5961 §7)", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (let i = 0; i < 1000; i++) b.in("S", { seq: 5000 + i });
    expect(b.out().length).toBeLessThanOrEqual(2);
    b.run(1_000_000);
    b.in("S", { seq: 5000 });
    expect(b.out().length).toBe(1);
  });

  test("RFC 793 profile: a SYN inside the window resets", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { rfc5961: false } });
    b.in("S", { seq: 5000 });
    expect(b.state).toBe("CLOSED");
    expect(b.out()[0]!.flags).toContain("R");
  });

  test("a SYN without the agreed timestamps is challenged as well", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { timestamps: true } }, { mss: 1460, ts: [5, 0] });
    b.usesTs = false;
    b.in("S", { seq: 5000 });
    expect(b.out().length).toBe(1);
  });
});

describe("fifth: ACK", () => {
  test.each(SYNCHRONIZED)("%s + segment without ACK: dropped in silence", (state) => {
    // Linux answers it in TIME-WAIT.
    const b = TcpBench.at(state, state === "TIME-WAIT" ? { params: RFC9293 } : {});
    b.in("", { seq: b.peerNxt, n: 5 });
    b.in("F", { seq: b.peerNxt });
    expect(b.lines()).toEqual([]);
    expect(b.state).toBe(state);
    expect(b.tcb.rcv.unread).toBe(0);
  });

  test.each(["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK"] as const)(
    "%s + ACK of what was never sent: an ACK, and the segment is dropped",
    (state) => {
      const b = TcpBench.at(state);
      b.in(".", { seq: b.peerNxt, ack: b.peerExpects + 1, n: 5 });
      expect(b.lines()).toEqual([`. ${b.peerExpects}:${b.peerExpects}(0) ack ${b.peerNxt}`]);
      expect(b.tcb.rcv.unread).toBe(0);
      expect(b.state).toBe(state);
    },
  );

  test("an ACK older than the largest window is dropped with a challenge (RFC 5961 §5, MAY-12); a young old one is not", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: 1460, win: 2000 });
    b.send(1000);
    b.out();
    b.in(".", { win: 2000 });
    b.in(".", { ack: 1001 - 2000, n: 10 });
    expect(b.tcb.rcv.unread).toBe(10);
    b.run(1_000_000);
    b.out();
    b.in(".", { ack: 1001 - 2001, n: 10 });
    expect(b.tcb.rcv.unread).toBe(10);
    expect(b.lines()).toEqual([". 1001:1001(0) ack 11"]);
  });

  test("a duplicate ACK changes nothing; the window comes from the newest segment only (SND.WL1, SND.WL2)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(3000);
    b.out();
    b.in(".", { seq: 1, ack: 1461, win: 5000 });
    expect(b.tcb.snd.wnd).toBe(5000);
    b.in(".", { seq: 1, ack: 1, win: 9000 });
    expect(b.tcb.snd.wnd).toBe(5000);
    // As Linux: a segment that is not newer may widen the window or close it, but not shrink it; it may be an old one.
    b.in(".", { seq: 1, ack: 1461, win: 4000 });
    expect(b.tcb.snd.wnd).toBe(5000);
    b.in("P.", { seq: 1, n: 10, ack: 1461, win: 6000 });
    expect(b.tcb.snd.wnd).toBe(6000);
    b.in(".", { seq: 11, ack: 1461, win: 6000 });
    // Overtaken by the one before: older SEQ, same ACK; acceptable because its last octets are new.
    b.in(".", { seq: 5, n: 30, ack: 1461, win: 200 });
    expect(b.tcb.snd.wnd).toBe(6000);
    b.in(".", { seq: 1, ack: 1461, win: 100 });
    expect(b.tcb.snd.wnd).toBe(6000);
  });
});

describe("seventh: text", () => {
  test("each octet is delivered once, however segments overlap", () => {
    const b = TcpBench.at("ESTABLISHED");
    for (const [seq, n] of [
      [1, 100],
      [1, 150],
      [50, 200],
      [300, 50],
      [240, 80],
      [200, 300],
    ] as const) {
      b.in(".", { seq, n });
    }
    expect(b.read()).toBe(499);
  });

  test.each(["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"] as const)(
    "%s: text after the FIN is ignored",
    (state) => {
      const b = TcpBench.at(state);
      b.in("P.", { seq: b.peerNxt, n: 100, ack: b.state === "CLOSING" ? 1 : b.peerExpects });
      expect(b.tcb.rcv.unread).toBe(0);
      expect(b.state === state || b.state === "CLOSED").toBe(true);
    },
  );

  test("a super-segment counts as the segments it is made of: one ACK at once for two or more", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.inSuper(14_600, 1460);
    expect(b.lines()).toEqual([". 1:1(0) ack 14601"]);
    expect(b.read()).toBe(14_600);
  });
});
