/** Nagle and its relatives (RFC 9293 §3.7.4), PSH, urgent data (§3.8.5). */
import { describe, expect, test } from "bun:test";
import { markUrgent, urgentLeft } from "#tcp/machine/calls";
import { EVENT_URGENT } from "#tcp/words/tcb";
import { TcpBench } from "../../support/tcp-bench.ts";

const OFFLOAD = { checksum: true, tso4: true, tso6: true };
const sizes = (b: TcpBench) => b.out().map((sent) => sent.data.length);

describe("Nagle (SHLD-7)", () => {
  test("rfc896: while anything is unacknowledged small segments wait; offload or not", () => {
    for (const offload of [undefined, OFFLOAD]) {
      const b = TcpBench.at("ESTABLISHED", { params: { nagle: "rfc896" }, ...(offload ? { offload } : {}) });
      b.send(100);
      expect(sizes(b)).toEqual([100]);
      b.send(100);
      b.send(100);
      expect(sizes(b)).toEqual([]);
      b.in(".");
      expect(sizes(b)).toEqual([200]);
      b.send(1000);
      b.send(1000);
      expect(sizes(b)).toEqual([1460]);
      b.in(".");
      expect(sizes(b)).toEqual([540]);
    }
  });

  test("minshall: while a small one is unacknowledged", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { nagle: "minshall" } });
    b.send(2000);
    expect(sizes(b)).toEqual([1460, 540]);
    b.send(100);
    expect(sizes(b)).toEqual([]);
    b.send(1360);
    expect(sizes(b)).toEqual([1460]);
    b.send(10);
    expect(sizes(b)).toEqual([]);
    b.in(".");
    expect(sizes(b)).toEqual([10]);
  });

  test("off: everything goes at once (MUST-17)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { nagle: "off" } });
    for (let i = 0; i < 5; i++) b.send(10);
    expect(sizes(b).reduce((sum, n) => sum + n, 0)).toBe(50);
    b.send(1);
    b.out();
    b.send(1);
    expect(sizes(b)).toEqual([1]);
  });

  test("switched off on a living connection, for it alone", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { nagle: "rfc896" } });
    b.send(10);
    b.out();
    b.send(10);
    expect(sizes(b)).toEqual([]);
    b.stack.setParams(b.tcb, { nagle: "off" }, b.now);
    expect(sizes(b)).toEqual([10]);
    expect(b.listener!.params.nagle).toBe("rfc896");
  });

  test("the FIN pushes what waits", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { nagle: "rfc896" } });
    b.send(10);
    b.out();
    b.send(10);
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual(["FP. 11:21(10) ack 1"]);
  });

  test("cork holds small segments, not for ever (MUST-60)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.stack.cork(b.tcb, true, b.now);
    b.send(2000);
    expect(sizes(b)).toEqual([1460]);
    b.in(".");
    expect(sizes(b)).toEqual([]);
    b.run(1_000_000);
    expect(sizes(b)[0]).toBe(540);
  });
});

describe("segments", () => {
  test("as large as possible (SHLD-28), PSH on the last of what is queued (MUST-61), never inside (SHLD-27)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(5000);
    expect(b.out().map((sent) => [sent.data.length, sent.flags])).toEqual([
      [1460, "."],
      [1460, "."],
      [1460, "."],
      [620, "P."],
    ]);
  });

  test("super-segments: the same octets, cut at multiples of MSS, PSH on each", () => {
    const b = TcpBench.at("ESTABLISHED", { offload: OFFLOAD, params: { initialWindow: 50 } });
    b.send(65_000);
    const sent = b.out();
    expect(sent.length).toBeLessThanOrEqual(3);
    let at = 1;
    for (const [i, x] of sent.entries()) {
      expect(x.seq).toBe(at);
      at += x.data.length;
      if (i < sent.length - 1) {
        expect(x.data.length % 1460).toBe(0);
      }
      expect(x.gsoSize).toBe(x.data.length > 1460 ? 1460 : 0);
    }
    expect(at).toBe(65_001);
    // Linux pushes each super-segment: the receiver would wait for more of it.
    expect(sent.every(({ flags }) => flags === "P.")).toBe(true);
  });

  test("super-segments obey the window to the octet, and cwnd to the segment", () => {
    const b = TcpBench.at("ESTABLISHED", { offload: OFFLOAD });
    b.in(".", { n: 1 }).in(".", { n: 1, win: 5000 }).out();
    b.send(60_000);
    expect(sizes(b).reduce((sum, n) => sum + n, 0)).toBe(5000);
    b.in(".", { win: 65_535 });
    expect(b.tcb.outstanding()).toBeLessThanOrEqual(b.tcb.cc.cwnd);
    const total = sizes(b).reduce((sum, n) => sum + n, 0);
    expect(total).toBeLessThanOrEqual(b.tcb.cc.cwnd);
  });

  test("a smaller announced MSS is announced and obeyed", () => {
    const b = new TcpBench({ params: { mss: 700 } }).connect();
    expect(b.out()[0]!.mss).toBe(700);
    b.in("S.", { mss: 1460 });
    b.send(3000);
    expect(Math.max(...sizes(b))).toBe(700);
  });
});

describe("urgent data (MUST-30 to MUST-33, MUST-62)", () => {
  test("the pointer names the octet after the urgent data, in every segment up to it", () => {
    for (const offload of [undefined, OFFLOAD]) {
      const b = TcpBench.at("ESTABLISHED", { ...(offload ? { offload } : {}) });
      b.send(3000);
      markUrgent(b.tcb);
      b.stack.touch(b.tcb);
      const sent = b.out();
      expect(sent.length).toBeGreaterThanOrEqual(3);
      for (const x of sent) {
        expect(x.flags).toContain("U");
        expect(x.seq + x.urg).toBe(3001);
        expect(x.gsoSize).toBe(0);
      }
      b.in(".");
      b.send(10);
      expect(b.out()[0]!.flags).toBe("P.");
    }
  });

  test("more than 65,535 octets of it are possible (MUST-31)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(100_000);
    markUrgent(b.tcb);
    b.stack.touch(b.tcb);
    const [first] = b.out();
    expect(first!.urg).toBe(65_535);
    for (let i = 0; i < 60; i++) b.in(".").out();
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
    expect(b.tcb.snd.urgent).toBe(false);
  });

  test("marked before the handshake is over, it is urgent afterwards", () => {
    const b = TcpBench.at("SYN-SENT");
    b.send(10);
    markUrgent(b.tcb);
    b.in("S.", { mss: 1460 });
    expect(b.lines()).toEqual(["PU. 1:11(10) ack 1 urg 10"]);
  });

  test("received: the user is told (MUST-32), may ask how much is left (MUST-33), and reads it in the stream", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("PU.", { n: 10, urg: 5 });
    expect(b.events() & EVENT_URGENT).toBe(EVENT_URGENT);
    expect(urgentLeft(b.tcb)).toBe(5);
    b.read(3);
    expect(urgentLeft(b.tcb)).toBe(2);
    b.read();
    expect(urgentLeft(b.tcb)).toBe(0);
  });

  test("announced ahead of the data; a later announcement moves it on, an older one does not move it back", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("U.", { urg: 100 });
    expect(urgentLeft(b.tcb)).toBe(100);
    b.in("U.", { urg: 200 });
    b.in("U.", { urg: 50 });
    expect(urgentLeft(b.tcb)).toBe(200);
  });

  test("what was read already is not urgent any more", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("P.", { n: 100 });
    b.read();
    b.in("U.", { seq: 101, urg: 0 });
    expect(b.events() & EVENT_URGENT).toBe(0);
    expect(urgentLeft(b.tcb)).toBe(0);
  });
});
