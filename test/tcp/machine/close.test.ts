/** Closing (RFC 9293 §3.6): every way through the states, half-close, abort, TIME-WAIT. */
import { describe, expect, test } from "bun:test";
import { RFC9293 } from "#tcp/words/profiles";
import { EVENT_ALL_ACKED, EVENT_CLOSED, EVENT_REMOTE_CLOSED } from "#tcp/words/tcb";
import { octets, TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1e6;
const GONE = { connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY };

describe("sequences", () => {
  test("active: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, gone after 2 MSL (MUST-13)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.stack.closeSend(b.tcb, b.now);
    expect(b.state).toBe("FIN-WAIT-1");
    expect(b.lines()).toEqual(["F. 1:1(0) ack 1"]);
    b.in(".");
    expect(b.state).toBe("FIN-WAIT-2");
    b.in("F.");
    expect(b.state).toBe("TIME-WAIT");
    expect(b.lines()).toEqual([". 2:2(0) ack 2"]);
    b.run(59 * SECOND);
    expect(b.state).toBe("TIME-WAIT");
    b.run(2 * SECOND);
    expect(b.state).toBe("CLOSED");
    expect(b.stack.info(b.tcb).error).toBe("OK");
    expect(b.leftovers()).toEqual(GONE);
    b.in("F.", { seq: 1, ack: 2 });
    expect(b.lines()).toEqual(["R 2:2(0)"]);
  });

  test("a segment in TIME-WAIT is not counted among those received, as by Linux", () => {
    const b = TcpBench.at("TIME-WAIT");
    const { segsIn, dataSegsIn } = b.stack.info(b.tcb);
    b.in(".", { seq: b.peerNxt });
    b.in("P.", { seq: b.peerNxt, n: 10 });
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "TIME-WAIT", segsIn, dataSegsIn });
  });

  test("a connection that was reset has no back-off any more, as in Linux", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(1000);
    b.run(2 * SECOND);
    expect(b.stack.info(b.tcb).rtoBackoff).toBeGreaterThan(0);
    b.in("R", { seq: b.peerNxt });
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNRESET", rtoBackoff: 0 });
  });

  test("passive: CLOSE-WAIT, LAST-ACK, CLOSED at the ACK; the user learns of each", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("F.");
    expect(b.events() & EVENT_REMOTE_CLOSED).toBe(EVENT_REMOTE_CLOSED);
    expect(b.lines()).toEqual([". 1:1(0) ack 2"]);
    b.stack.closeSend(b.tcb, b.now);
    expect(b.state).toBe("LAST-ACK");
    expect(b.lines()).toEqual(["F. 1:1(0) ack 2"]);
    b.in(".");
    expect(b.state).toBe("CLOSED");
    expect(b.events() & EVENT_CLOSED).toBe(EVENT_CLOSED);
    expect(b.leftovers()).toEqual(GONE);
  });

  test.each(["CLOSING", "LAST-ACK"] as const)(
    "%s + RST: no error where all data was acknowledged (§3.10.7.4)",
    (state) => {
      const b = TcpBench.at(state);
      b.in("R", { seq: b.peerNxt });
      expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "OK", endedBy: "tcp.rx.rst" });
      const asLinux = TcpBench.at(state, { params: { lateResetIsError: true } });
      asLinux.in("R", { seq: asLinux.peerNxt });
      expect(asLinux.stack.info(asLinux.tcb).error).toBe("ECONNRESET");
    },
  );

  test.each(["CLOSING", "LAST-ACK"] as const)("%s + RST: an error where data may be lost", (state) => {
    const b = TcpBench.at("ESTABLISHED");
    if (state === "LAST-ACK") b.in("F.");
    b.send(10);
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    if (state === "CLOSING") b.in("F.", { ack: 1 });
    expect(b.state).toBe(state);
    b.in("R", { seq: b.peerNxt });
    expect(b.stack.info(b.tcb).error).toBe("ECONNRESET");
  });

  test("simultaneous: FINs cross, CLOSING, TIME-WAIT (figure 13)", () => {
    const b = TcpBench.at("FIN-WAIT-1");
    b.in("F.", { ack: 1 });
    expect(b.state).toBe("CLOSING");
    expect(b.lines()).toEqual([". 2:2(0) ack 2"]);
    b.in(".", { ack: 2 });
    expect(b.state).toBe("TIME-WAIT");
  });

  test("FIN,ACK of our FIN in FIN-WAIT-1: straight to TIME-WAIT", () => {
    const b = TcpBench.at("FIN-WAIT-1");
    b.in("F.");
    expect(b.state).toBe("TIME-WAIT");
    expect(b.lines()).toEqual([". 2:2(0) ack 2"]);
  });

  test("a FIN again in CLOSING, LAST-ACK and TIME-WAIT is acknowledged again", () => {
    for (const state of ["CLOSING", "LAST-ACK", "TIME-WAIT"] as const) {
      const b = TcpBench.at(state);
      b.run(100_000);
      b.out();
      b.in("F.", { seq: 1, ack: state === "TIME-WAIT" ? 2 : 1 });
      expect(b.lines()).toEqual([". 2:2(0) ack 2"]);
      expect(b.state).toBe(state);
    }
  });

  test("a FIN again in TIME-WAIT begins the 2 MSL again", () => {
    const b = TcpBench.at("TIME-WAIT");
    b.run(50 * SECOND);
    b.in("F.", { seq: 1, ack: 2 });
    b.run(50 * SECOND);
    expect(b.state).toBe("TIME-WAIT");
    b.run(11 * SECOND);
    expect(b.state).toBe("CLOSED");
  });
});

describe("FIN and data", () => {
  test("queued data first, FIN with the last of it", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(2000);
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual([". 1:1461(1460) ack 1", "FP. 1461:2001(540) ack 1"]);
  });

  test.each([1459, 1460, 1461, 2920])(
    "%d octets and FIN: nothing longer than the link, all of it acknowledged once",
    (n) => {
      for (const offload of [false, true]) {
        const b = TcpBench.at("ESTABLISHED", { offload: { checksum: offload, tso4: offload, tso6: offload } });
        b.send(n);
        b.stack.closeSend(b.tcb, b.now);
        const sent = b.out();
        expect(sent.reduce((sum, x) => sum + x.data.length, 0)).toBe(n);
        expect(sent.at(-1)!.flags).toContain("F");
        expect(sent.filter((x) => x.flags.includes("F")).length).toBe(1);
        b.in(".", { ack: n + 1 });
        expect(b.state).toBe("FIN-WAIT-1");
        b.in(".", { ack: n + 2 });
        expect(b.state).toBe("FIN-WAIT-2");
        expect(b.events() & EVENT_ALL_ACKED).toBe(EVENT_ALL_ACKED);
      }
    },
  );

  test.each([100, 1459, 1460])(
    "%d octets and FIN, lost, are resent as they were; the FIN alone if only it is missing",
    (n) => {
      const b = TcpBench.at("ESTABLISHED");
      b.send(n);
      b.stack.closeSend(b.tcb, b.now);
      const whole = b.lines();
      b.run(250_000);
      expect(b.lines()).toEqual(whole);
      b.in(".", { ack: n + 1 });
      b.run(2 * SECOND);
      expect(b.lines()[0]).toBe(`F. ${n + 1}:${n + 1}(0) ack 1`);
    },
  );

  test("a FIN that arrives before its data ends the stream once the data has arrived", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("F.", { seq: 101 });
    expect(b.state).toBe("ESTABLISHED");
    b.in(".", { seq: 1, n: 100 });
    expect(b.state).toBe("CLOSE-WAIT");
    expect(b.read()).toBe(100);
    expect(b.out().at(-1)!.ack).toBe(102);
  });

  test("a retransmission with data beyond the FIN adds nothing to the stream", () => {
    const b = TcpBench.at("ESTABLISHED", { params: RFC9293 });
    b.in("FP.", { seq: 1, n: 100 });
    b.in(".", { seq: 50, n: 200 });
    b.in("F.", { seq: 50, n: 300 });
    expect(b.read()).toBe(100);
    expect(b.state).toBe("CLOSE-WAIT");
  });

  test("Linux resets a peer that sends text beyond its own FIN", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("FP.", { seq: 1, n: 100 });
    b.in(".", { seq: 50, n: 200 });
    expect(b.state).toBe("CLOSED");
    expect(b.out().at(-1)!.flags).toContain("R");
  });

  test("data kept from beyond a FIN is not delivered, and the FIN is not lost", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in(".", { seq: 101, n: 100 });
    b.in("F.", { seq: 101, n: 50 });
    b.in(".", { seq: 1, n: 100 });
    expect(b.tcb.rcv.unread).toBeLessThanOrEqual(150);
    expect(b.state).toBe("CLOSE-WAIT");
  });

  test("a FIN beyond the window is ignored: the stream continues to its true end", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { receiveBuffer: 1000, receiveBufferMax: 1000 } });
    b.in("F.", { seq: 501, n: 2000 });
    b.in(".", { seq: 1, n: 500 });
    expect(b.read()).toBe(1000);
    b.out();
    b.in(".", { seq: 1001, n: 900 });
    expect(b.read()).toBe(900);
    b.out();
    b.in("F.", { seq: 1901 });
    expect(b.state).toBe("CLOSE-WAIT");
  });

  test("a second FIN with another sequence number is ignored", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("F.", { seq: 101 });
    b.in("F.", { seq: 201 });
    b.in(".", { seq: 1, n: 300 });
    expect(b.read()).toBe(100);
    expect(b.state).toBe("CLOSE-WAIT");
  });
});

describe("half-close", () => {
  test("after our FIN the peer's data is still received and acknowledged (FIN-WAIT-2)", () => {
    const b = TcpBench.at("FIN-WAIT-2");
    for (let i = 0; i < 10; i++) b.in(".", { n: 1460 });
    expect(b.read()).toBe(14_600);
    expect(b.out().at(-1)!).toMatchObject({ ack: 14_601, seq: 2 });
    expect(b.send(1)).toBeLessThan(0);
  });

  test("after the peer's FIN our data is still sent (CLOSE-WAIT)", () => {
    const b = TcpBench.at("CLOSE-WAIT");
    b.send(100);
    expect(b.lines()).toEqual(["P. 1:101(100) ack 2"]);
    b.in(".");
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual(["F. 101:101(0) ack 2"]);
  });

  test("FIN-WAIT-2 has a time limit only if the user no longer reads", () => {
    const b = TcpBench.at("FIN-WAIT-2");
    b.run(3600 * SECOND);
    expect(b.state).toBe("FIN-WAIT-2");
    b.stack.close(b.tcb, b.now);
    b.run(61 * SECOND);
    expect(b.state).toBe("CLOSED");
    expect(b.lines()).toEqual([]);
    b.in(".");
    expect(b.out()[0]!.flags).toBe("R");
  });
});

describe("close of both directions (SHLD-3)", () => {
  test("with unread data: RST", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("P.", { n: 100 });
    b.run(SECOND);
    b.out();
    b.stack.close(b.tcb, b.now);
    expect(b.lines()).toEqual(["R. 1:1(0) ack 101"]);
    b.stack.release(b.tcb);
    expect(b.leftovers()).toEqual(GONE);
  });

  test("data afterwards: RST, in FIN-WAIT-1 and FIN-WAIT-2", () => {
    for (const acked of [false, true]) {
      const b = TcpBench.at("ESTABLISHED");
      b.stack.close(b.tcb, b.now);
      b.out();
      if (acked) b.in(".");
      b.in("P.", { n: 10, ack: acked ? 2 : 1 });
      expect(b.out()[0]!.flags).toContain("R");
      expect(b.state).toBe("CLOSED");
      b.stack.release(b.tcb);
      expect(b.leftovers()).toEqual(GONE);
    }
  });

  test("a duplicate of data that was read is not new data: FIN, not RST (RFC 2525 §2.17)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("P.", { n: 100 });
    b.read();
    b.stack.close(b.tcb, b.now);
    expect(b.out()[0]!.flags).toBe("F.");
    b.in("FP.", { seq: 1, n: 100 });
    expect(b.state).toBe("TIME-WAIT");
  });
});

describe("ABORT (§3.10.5)", () => {
  test.each(["SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT"] as const)(
    "%s: RST at SND.NXT",
    (state) => {
      const b = TcpBench.at(state);
      b.stack.abort(b.tcb, b.now);
      expect(b.lines()).toEqual([`R. ${b.peerExpects}:${b.peerExpects}(0) ack ${b.peerNxt}`]);
      b.stack.release(b.tcb);
      expect(b.leftovers()).toEqual(GONE);
    },
  );

  test.each(["SYN-SENT", "CLOSING", "LAST-ACK", "TIME-WAIT"] as const)("%s: silence", (state) => {
    const b = TcpBench.at(state);
    b.stack.abort(b.tcb, b.now);
    expect(b.lines()).toEqual([]);
    b.stack.release(b.tcb);
    expect(b.leftovers()).toEqual(GONE);
  });

  test.each(["FIN-WAIT-1", "CLOSE-WAIT"] as const)(
    "from %s on, before our FIN was sent: RST, or the peer waits for ever",
    (before) => {
      const b = TcpBench.at("ESTABLISHED");
      if (before === "CLOSE-WAIT") b.in("F.");
      b.out();
      b.stack.closeSend(b.tcb, b.now);
      if (before === "FIN-WAIT-1") b.in("F.");
      expect(b.state).toBe(before === "CLOSE-WAIT" ? "LAST-ACK" : "CLOSING");
      b.stack.abort(b.tcb, b.now);
      expect(b.out().map((sent) => sent.flags)).toEqual(["R."]);
      b.stack.release(b.tcb);
      expect(b.leftovers()).toEqual(GONE);
    },
  );

  test("both queues are discarded", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(100_000);
    b.in(".", { seq: 5001, n: 1460 });
    b.in(".", { seq: 1, n: 1460 });
    b.out();
    b.stack.abort(b.tcb, b.now);
    expect(b.out().map((sent) => sent.flags)).toEqual(["R."]);
    b.stack.release(b.tcb);
    expect(b.leftovers()).toEqual(GONE);
  });
});

describe("TIME-WAIT and a new SYN (RFC 6191, MAY-2, SHLD-4)", () => {
  const fresh = (b: TcpBench, given: object) => {
    b.in("S", { mss: 1460, ...given });
    const answer = b.out().find((sent) => sent.flags === "S.");
    return answer === undefined ? null : (answer.rawAck - b.irs - 1) | 0;
  };

  test("a greater SEQ opens a new connection, whose ISN lies beyond the old one's", () => {
    const b = TcpBench.at("TIME-WAIT");
    const last = b.tcb.snd.nxt;
    expect(fresh(b, { seq: 3 })).toBe(3);
    const tcb = [...b.stack.connections()][0]!;
    expect((tcb.snd.iss - last) | 0).toBeGreaterThan(0);
    expect(b.stack.connectionCount).toBe(1);
    expect(b.state).toBe("CLOSED");
  });

  test("an old or equal SEQ does not open one", () => {
    for (const seq of [2, 1, 0, -100_000]) {
      const b = TcpBench.at("TIME-WAIT");
      expect(fresh(b, { seq })).toBeNull();
      expect(b.state).toBe("TIME-WAIT");
    }
  });

  test("with timestamps the timestamp decides, whatever the SEQ", () => {
    const make = () => TcpBench.at("TIME-WAIT", { params: { timestamps: true } }, { mss: 1460, ts: [1000, 0] });
    const newer = make();
    expect(fresh(newer, { seq: -5000, ts: [1001, 0] })).toBe(-5000);
    const older = make();
    expect(fresh(older, { seq: 5000, ts: [999, 0] })).toBeNull();
    const equal = make();
    expect(fresh(equal, { seq: 5000, ts: [1000, 0] })).toBe(5000);
  });

  test("without a listener the SYN is answered like any other unexpected segment", () => {
    const b = TcpBench.at("TIME-WAIT");
    b.stack.unlisten(b.listener!, b.now);
    expect(fresh(b, { seq: 5000 })).toBeNull();
    expect(b.state).toBe("TIME-WAIT");
  });

  test("old duplicates do not end TIME-WAIT early: data, ACKs, SYN,ACK (RFC 1337)", () => {
    const b = TcpBench.at("TIME-WAIT");
    b.in(".", { seq: 1, n: 10, ack: 2 });
    b.in(".", { seq: -100, n: 10, ack: 1 });
    b.in("S.", { seq: 0, ack: 1 });
    b.in("R", { seq: 1 });
    b.in("R", { seq: 10 });
    expect(b.state).toBe("TIME-WAIT");
  });
});

test("data before the peer's FIN can still be read after the connection has ended (MUST-12: a normal close)", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.in("FP.", { n: 100 });
  b.out();
  b.stack.closeSend(b.tcb, b.now);
  b.out();
  b.in(".");
  expect(b.state).toBe("CLOSED");
  expect(b.read()).toBe(100);
  b.stack.release(b.tcb);
  expect(b.leftovers()).toEqual(GONE);
});

test("SEND after CLOSE and after the end is refused, of length zero is nothing", () => {
  const b = TcpBench.at("FIN-WAIT-2");
  expect(b.stack.send(b.tcb, octets(0, 1), 0, 1, b.now)).toBeLessThan(0);
  const open = TcpBench.at("ESTABLISHED");
  expect(open.stack.send(open.tcb, octets(0, 1), 0, 0, open.now)).toBe(0);
  expect(open.stack.receive(open.tcb, new Uint8Array(0), 0, 0)).toBe(0);
  expect(open.lines()).toEqual([]);
});
