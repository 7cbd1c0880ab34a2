import { describe, expect, test } from "bun:test";
import { type TcpSettings, withSettings } from "#tcp/words/params";
import { EVENT_ALL_ACKED, EVENT_OPENED, EVENT_READABLE } from "#tcp/words/tcb";
import { icmp } from "../../support/icmp-error.ts";
import { fastOpen, mss } from "../../support/naive/tcp.ts";
import { octets, TcpBench } from "../../support/tcp-bench.ts";

const S = 1_000_000;
const COOKIE = [0xab, 0xcd, 0x12, 0x34, 0xab, 0xcd, 0x12, 0x34];
const OPEN: TcpSettings = { fastOpen: true };

/** A client whose SYN carries the first `n` octets of its stream, if it may; from another port each time. */
function open(b: TcpBench, n: number, localPort = 80): TcpBench {
  b.localPort = localPort;
  b.peerNxt = 0;
  b.peerExpects = 0;
  b.connect();
  b.send(n, { from: 0 });
  return b;
}

/** One that has a cookie of our peer. */
function client(params: TcpSettings = OPEN, cookie = COOKIE, theirMss = 1460): TcpBench {
  const b = new TcpBench({ params: { ...OPEN, ...params } });
  open(b, 0, 4444).out();
  b.in("S.", { raw: [...mss(theirMss), ...fastOpen(cookie)] });
  b.out();
  b.stack.abort(b.tcb, b.now);
  b.stack.release(b.tcb);
  b.out();
  return b;
}

const sums = (b: TcpBench) => {
  const { inFlight, lost, sendQueue } = b.stack.info(b.tcb);
  return { inFlight, lost, sendQueue };
};

describe("a client asks for a cookie (RFC 7413 §4.1.1)", () => {
  test("only if the user said so; with an empty option, behind all others, and without data", () => {
    const plain = open(new TcpBench(), 100);
    expect(plain.out().map((s) => [s.line, s.cookie])).toEqual([["S 0:0(0)", null]]);
    const b = open(new TcpBench({ params: { ...OPEN, sack: true, timestamps: true, windowScale: true } }), 100);
    expect(b.out().map((s) => [s.line, s.cookie, s.kinds])).toEqual([["S 0:0(0)", [], [2, 4, 8, 3, 34]]]);
    b.in("S.", { mss: 1460 });
    // What was written goes as soon as the handshake is over.
    expect(b.lines()).toEqual(["P. 1:101(100) ack 1"]);
    expect(b.tcb.fast.fail).toBe(1);
  });

  test("a SYN that is resent has no option: a middlebox may have dropped it for that", () => {
    const b = open(new TcpBench({ params: OPEN }), 0);
    b.run(1 * S);
    expect(b.out().map((s) => s.cookie)).toEqual([[], null]);
  });

  test("the next connection has it; an unsolicited one is not kept", () => {
    const b = client();
    open(b, 10);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S 0:10(10)", COOKIE]]);
    const c = new TcpBench();
    open(c, 0, 4444).out();
    c.in("S.", { raw: [...mss(1460), ...fastOpen(COOKIE)] }).out();
    c.tcb.params = withSettings(c.tcb.params, OPEN);
    c.stack.setDefaults(OPEN);
    open(c, 10);
    expect(c.out().map((s) => s.cookie)).toEqual([[]]);
  });

  test.each([4, 6, 16])("a cookie of %d octets goes back as it came", (n) => {
    const cookie = Array.from({ length: n }, (_, i) => 200 - i);
    const b = client(OPEN, cookie);
    expect(open(b, 10).out()[0]!.cookie).toEqual(cookie);
  });

  test("a newer one takes its place, whether or not the data was taken", () => {
    const b = client();
    open(b, 10).out();
    b.in("S.", { ack: 1, raw: [...mss(1460), ...fastOpen([1, 2, 3, 4, 5, 6, 7, 8])] }).out();
    expect(open(b, 10, 81).out()[0]!.cookie).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("each stack keeps its own, and each destination has its own", () => {
    const b = client();
    const other = new TcpBench({ params: OPEN });
    expect(open(other, 10).out()[0]!.cookie).toEqual([]);
    b.port = 5556;
    expect(open(b, 10).out()[0]!.cookie).toEqual(COOKIE);
  });
});

describe("how much goes with a SYN (RFC 7413 §4.2.1)", () => {
  test("up to the MSS that the server told last, less all that options may take", () => {
    const b = client(OPEN, COOKIE, 1000);
    expect(open(b, 3000).lines()).toEqual(["S 0:960(960)"]);
    expect(b.tcb.snd.queued).toBe(3000);
    b.in("S.", { ack: 961, mss: 1460 });
    expect(b.lines()).toEqual([". 961:2421(1460) ack 1", "P. 2421:3001(580) ack 1"]);
  });

  test("no more than our path or our own MSS allows", () => {
    expect(open(client(), 3000).lines()).toEqual(["S 0:1420(1420)"]);
    expect(open(client({ mss: 500 }), 3000).lines()).toEqual(["S 0:460(460)"]);
    const v6 = new TcpBench({ family: 6, params: { ...OPEN, fastOpenCookieless: true } });
    expect(open(v6, 3000).lines()).toEqual(["S 0:1400(1400)"]);
  });

  test("nothing, where nothing was written: the cookie alone lets the server speak at once", () => {
    const b = open(client(), 0);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S 0:0(0)", COOKIE]]);
    b.in("S.", { mss: 1460 });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(b.tcb.fast.taken).toBe(false);
  });

  test("where no cookie is needed, a SYN with data has no option", () => {
    const b = open(new TcpBench({ params: { ...OPEN, fastOpenCookieless: true } }), 3000);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S 0:1420(1420)", null]]);
  });
});

describe("the answer", () => {
  test("acknowledges the data: it is done, and the ACK goes", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S.", { ack: 11, mss: 1460 });
    expect(b.lines()).toEqual([". 11:11(0) ack 1"]);
    expect(sums(b)).toEqual({ inFlight: 0, lost: 0, sendQueue: 0 });
    expect(b.tcb.fast.taken).toBe(true);
    expect(b.events() & (EVENT_OPENED | EVENT_ALL_ACKED)).toBe(EVENT_OPENED | EVENT_ALL_ACKED);
  });

  test("acknowledges the SYN alone: the data goes again at once, with the ACK, and the window is not smaller for it", () => {
    const b = open(client(), 2000);
    b.out();
    b.in("S.", { ack: 1, mss: 1460 });
    const sent = b.out();
    expect(sent.map((s) => s.line)).toEqual([". 1:1421(1420) ack 1", "P. 1421:2001(580) ack 1"]);
    expect(sent[0]!.cause).toBe("tcp.tx.syn-data-again");
    expect(b.stack.info(b.tcb).cwnd).toBe(10 * 1460);
    expect(b.tcb.fast.fail).toBe(2);
    b.in(".", { seq: 1, ack: 2001 });
    expect(sums(b)).toEqual({ inFlight: 0, lost: 0, sendQueue: 0 });
    b.send(20_000);
    expect(b.out().reduce((sum, s) => sum + s.data.length, 0)).toBeGreaterThanOrEqual(10 * 1460);
  });

  test("acknowledges a part: the rest goes again", () => {
    const b = open(client(), 1000);
    b.out();
    b.in("S.", { ack: 501, mss: 1460 });
    expect(b.lines()).toEqual(["P. 501:1001(500) ack 1"]);
    expect(b.tcb.fast).toMatchObject({ taken: false, fail: 2 });
  });

  test("has a smaller MSS: the data goes again in segments of that size", () => {
    const b = open(client(), 1000);
    b.out();
    b.in("S.", { ack: 1, mss: 600 });
    expect(b.lines()).toEqual([". 1:601(600) ack 1", "P. 601:1001(400) ack 1"]);
  });

  test("has a small window: no more than that goes again", () => {
    const b = open(client(), 1000);
    b.out();
    b.in("S.", { ack: 101, mss: 1460, win: 200 });
    expect(b.lines()).toEqual([". 101:301(200) ack 1"]);
    b.in(".", { seq: 1, ack: 301, win: 2000 });
    expect(b.lines()).toEqual(["P. 301:1001(700) ack 1"]);
  });

  test("has a closed window: the data goes again all the same, as a probe", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S.", { ack: 1, mss: 1460, win: 0 });
    expect(b.lines()).toEqual(["P. 1:11(10) ack 1"]);
  });

  test("brings data, and even the end: both are the user's", () => {
    const b = open(client(), 10);
    b.out();
    b.in("SF.", { seq: 0, ack: 11, mss: 1460, data: octets(0, 5) });
    expect(b.state).toBe("CLOSE-WAIT");
    expect(b.read()).toBe(5);
    expect(b.events() & EVENT_READABLE).toBe(EVENT_READABLE);
    expect(b.lines()).toEqual([". 11:11(0) ack 7"]);
  });

  test("acknowledges more than was sent: refused, and the attempt goes on", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S.", { seq: 0, ack: 12, mss: 1460 });
    expect(b.lines()).toEqual(["R 12:12(0)"]);
    expect(b.state).toBe("SYN-SENT");
    b.in("S.", { seq: 0, ack: 11, mss: 1460 });
    expect(b.state).toBe("ESTABLISHED");
  });

  test.each([1, 11])("is an RST that acknowledges up to %d: refused", (ack) => {
    const b = open(client(), 10);
    b.out();
    b.in("R.", { seq: 0, ack });
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNREFUSED" });
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("is port unreachable: refused", () => {
    const b = open(client(), 10);
    b.out();
    icmp(b, 3, 3, 0);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNREFUSED" });
  });

  test("is that the SYN was too big: it goes again at once without the data, which follows in smaller segments", () => {
    const b = open(client(), 1400);
    b.out();
    icmp(b, 3, 4, 0, 1000);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S 0:0(0)", null]]);
    b.in("S.", { ack: 1, mss: 1460 });
    expect(b.lines()).toEqual([". 1:961(960) ack 1", "P. 961:1401(440) ack 1"]);
    expect(b.tcb.fast.fail).toBe(3);
  });
});

describe("no answer", () => {
  test("the SYN goes again without data and cookie; the data follows the handshake", () => {
    const b = open(client(), 1000);
    b.run(1 * S);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([
      ["S 0:1000(1000)", COOKIE],
      ["S 0:0(0)", null],
    ]);
    b.in("S.", { ack: 1, mss: 1460 });
    expect(b.lines()).toEqual(["P. 1:1001(1000) ack 1"]);
    expect(b.tcb.fast.fail).toBe(3);
    // Which of the two SYNs was answered nobody knows (Karn).
    expect(b.stack.info(b.tcb)).toMatchObject({ rtt: 0, rto: 3_000_000 });
  });

  test("a late answer to the first SYN acknowledges everything, and gives no round-trip sample", () => {
    const b = open(client(), 1000);
    b.run(1 * S).out();
    b.in("S.", { ack: 1001, mss: 1460 });
    expect(b.lines()).toEqual([". 1001:1001(0) ack 1"]);
    expect(b.stack.info(b.tcb)).toMatchObject({ rtt: 0, rto: 3_000_000, inFlight: 0, lost: 0, sendQueue: 0 });
    expect(b.tcb.fast.taken).toBe(true);
  });

  test("none at all: the attempt ends as any other, and nothing is left", () => {
    const b = open(client({ retriesSyn: 2, linearSynTimeouts: 0 }), 1000);
    b.run(60 * S);
    expect(b.lines()).toEqual(["S 0:1000(1000)", "S 0:0(0)", "S 0:0(0)"]);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("after three in a row the next SYNs are plain ones, for a minute (RFC 7413 §4.1.3.1)", () => {
    const b = open(client(), 10);
    b.run(8 * S).out();
    b.stack.abort(b.tcb, b.now);
    expect(
      open(b, 10, 81)
        .out()
        .map((s) => [s.line, s.cookie]),
    ).toEqual([["S 0:0(0)", null]]);
    b.stack.abort(b.tcb, b.now);
    b.run(60 * S);
    expect(
      open(b, 10, 82)
        .out()
        .map((s) => [s.line, s.cookie]),
    ).toEqual([["S 0:10(10)", COOKIE]]);
  });

  test("so it is if the data vanishes after the handshake", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S.", { ack: 11, mss: 1460 });
    b.send(10);
    b.run(4 * S).out();
    b.stack.abort(b.tcb, b.now);
    b.out();
    expect(open(b, 10, 81).lines()).toEqual(["S 0:0(0)"]);
  });

  test("Fast Open is never paused if the pause is 0, Linux's default", () => {
    const b = open(client({ fastOpenPause: 0 }), 10);
    b.run(8 * S).out();
    b.stack.abort(b.tcb, b.now);
    expect(open(b, 10, 81).lines()).toEqual(["S 0:10(10)"]);
  });
});

describe("both open at once (RFC 9293 §3.5)", () => {
  test("the data of both SYNs is delivered, once", () => {
    const b = open(client({ dropSynText: false }), 10);
    b.out();
    b.in("S", { seq: 0, data: octets(0, 5), raw: [...mss(1460), ...fastOpen(COOKIE)] });
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S. 0:0(0) ack 1", null]]);
    b.in("S.", { seq: 0, ack: 1, mss: 1460 });
    expect(b.state).toBe("ESTABLISHED");
    expect(b.read()).toBe(5);
    expect(b.out().map((s) => [s.line, s.cause])).toEqual([["P. 1:11(10) ack 6", "tcp.tx.syn-data-again"]]);
    b.in(".", { seq: 6, ack: 11 });
    expect(sums(b)).toEqual({ inFlight: 0, lost: 0, sendQueue: 0 });
  });

  test("the peer may have taken ours already", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S", { seq: 0, mss: 1460 }).out();
    b.in(".", { seq: 1, ack: 11 });
    expect(b.state).toBe("ESTABLISHED");
    expect(sums(b)).toEqual({ inFlight: 0, lost: 0, sendQueue: 0 });
  });

  test("it ends there, and nothing is left", () => {
    const b = open(client(), 10);
    b.out();
    b.in("S", { seq: 0, data: octets(0, 5), mss: 1460 }).out();
    b.in("R", { seq: 1 });
    expect(b.state).toBe("CLOSED");
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });
});

test("closing at once drops what was written, as for any SYN-SENT (RFC 9293 §3.10.4)", () => {
  const b = open(client(), 10);
  b.out();
  b.stack.closeSend(b.tcb, b.now);
  expect(b.state).toBe("CLOSED");
  b.stack.release(b.tcb);
  expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
});
