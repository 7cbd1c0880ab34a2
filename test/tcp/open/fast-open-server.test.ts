import { describe, expect, test } from "bun:test";
import { CookieKeys } from "#tcp/open/fast-open-cookie";
import type { TcpSettings } from "#tcp/words/params";
import { stateName } from "#tcp/words/state";
import { EVENT_CLOSED, EVENT_OPENED, EVENT_READABLE } from "#tcp/words/tcb";
import { icmp } from "../../support/icmp-error.ts";
import { fastOpen, mss, sackOk, timestamps, wscale } from "../../support/naive/tcp.ts";
import { octets, TcpBench } from "../../support/tcp-bench.ts";

const S = 1_000_000;
const LISTEN: TcpSettings = { fastOpenBacklog: 5 };

/** A server, and the cookie that it gave our peer when it asked. */
function server(params: TcpSettings = LISTEN, family: 4 | 6 = 4): { b: TcpBench; cookie: readonly number[] } {
  const b = new TcpBench({ params, family });
  b.listen();
  b.in("S", { port: 4444, seq: 0, raw: [...mss(1460), ...fastOpen([])] });
  const [answer] = b.out();
  b.in("R", { port: 4444, seq: 1 }).out();
  b.peerNxt = 0;
  return { b, cookie: answer!.cookie ?? [] };
}

/** A SYN with that cookie and the first `n` octets of the peer's stream; the user has accepted. */
function early(n = 10, params = LISTEN): { b: TcpBench; cookie: readonly number[] } {
  const { b, cookie } = server(params);
  b.in("S", { seq: 0, data: octets(0, n), raw: [...mss(1460), ...fastOpen(cookie)] });
  b.tcb = b.stack.accept(b.listener!)!;
  return { b, cookie };
}

describe("a server gives cookies (RFC 7413 §4.1.2)", () => {
  test.each([4, 6] as const)("a request is answered with 8 octets, under the kind of the request; IPv%d", (family) => {
    for (const experiment of [false, true]) {
      const b = new TcpBench({ params: LISTEN, family });
      b.listen().in("S", { raw: [...mss(1460), ...fastOpen([], experiment)] });
      const [answer] = b.out();
      expect(answer!.line).toBe("S. 0:0(0) ack 1");
      expect(answer!.kinds).toEqual([2, experiment ? 254 : 34]);
      expect(answer!.cookie).toHaveLength(8);
    }
  });

  test("it goes once: a SYN,ACK that is resent has none, whether the timer or the SYN asks for it", () => {
    const b = new TcpBench({ params: LISTEN });
    b.listen().in("S", { raw: [...mss(1460), ...fastOpen([])] });
    expect(b.out().map((s) => s.cookie !== null)).toEqual([true]);
    b.in("S", { seq: 0, raw: [...mss(1460), ...fastOpen([])] });
    b.run(1 * S);
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([
      ["S. 0:0(0) ack 1", null],
      ["S. 0:0(0) ack 1", null],
    ]);
  });

  test("it is the last option", () => {
    const b = new TcpBench({ params: { ...LISTEN, sack: true, timestamps: true, windowScale: true } });
    b.listen().in("S", {
      raw: [...mss(1460), ...sackOk, ...timestamps(1, 0), ...wscale(7), ...fastOpen([])],
    });
    expect(b.out()[0]!.kinds).toEqual([2, 4, 8, 3, 34]);
  });

  test("a listener without Fast Open gives no cookie, and accepts no data before the handshake is complete", () => {
    const { b } = server({});
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen([1, 2, 3, 4, 5, 6, 7, 8])] });
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S. 0:0(0) ack 1", null]]);
    expect(b.stack.accept(b.listener!)).toBeNull();
    b.in(".", { seq: 11, ack: 1 });
    expect(b.stack.accept(b.listener!)).not.toBeNull();
  });
});

describe("data on a SYN with a good cookie (RFC 7413 §4.2.2)", () => {
  test("is the user's at once, and the SYN,ACK acknowledges it", () => {
    const { b } = early(10);
    expect(b.state).toBe("SYN-RECEIVED");
    expect(b.read()).toBe(10);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11"]);
    expect(b.events() & (EVENT_READABLE | EVENT_OPENED)).toBe(EVENT_READABLE);
    b.in(".", { seq: 11, ack: 1 });
    expect(b.state).toBe("ESTABLISHED");
    expect(b.events() & EVENT_OPENED).toBe(EVENT_OPENED);
    b.run(1 * S);
    expect(b.lines()).toEqual([]);
  });

  test("the answer goes before the handshake is over, as far as the SYN's window and the initial window allow", () => {
    const { b } = early(10);
    b.out();
    expect(b.send(40_000)).toBe(40_000);
    const sent = b.out();
    expect(sent.every((s) => s.ack === 11 && s.flags.includes("."))).toBe(true);
    expect(sent.reduce((sum, s) => sum + s.data.length, 0)).toBe(10 * 1460);
    b.in(".", { seq: 11, ack: 1 + 1460 });
    expect(b.lines().length).toBeGreaterThan(0);
  });

  test("a small window in the SYN bounds it, and is not scaled", () => {
    const { b, cookie } = server({ ...LISTEN, windowScale: true });
    const raw = [...mss(1460), ...wscale(7), ...fastOpen(cookie)];
    b.in("S", { seq: 0, win: 2000, data: octets(0, 10), raw });
    b.tcb = b.stack.accept(b.listener!)!;
    b.out();
    b.send(4000);
    expect(b.out().reduce((sum, s) => sum + s.data.length, 0)).toBe(1460);
  });

  test("a closed window in the SYN: nothing but the SYN,ACK is sent until it opens", () => {
    const { b, cookie } = server();
    b.in("S", { seq: 0, win: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    b.tcb = b.stack.accept(b.listener!)!;
    b.send(100);
    b.run(2 * S);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11", "S. 0:0(0) ack 11"]);
    b.in(".", { seq: 11, ack: 1, win: 0 });
    b.run(10 * S);
    expect(b.out().map((s) => s.cause)[0]).toBe("tcp.tx.window-probe");
    b.in(".", { seq: 11, ack: 1, win: 1000 });
    expect(b.lines()).toEqual(["P. 1:101(100) ack 11"]);
  });

  test("a SYN with a good cookie and no data is a connection at once, too", () => {
    const { b } = early(0);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
    b.send(10);
    expect(b.lines()).toEqual(["P. 1:11(10) ack 1"]);
  });

  test("the ACK may bring more data, in order or not", () => {
    const { b } = early(10);
    b.out();
    b.in("P.", { seq: 21, n: 10, ack: 1 });
    expect(b.state).toBe("ESTABLISHED");
    b.in("P.", { seq: 11, n: 10, ack: 1 });
    expect(b.read()).toBe(30);
  });

  test("a FIN with the ACK is the end of the stream", () => {
    const { b } = early(10);
    b.out();
    b.in("F.", { seq: 11, ack: 1 });
    expect(b.state).toBe("CLOSE-WAIT");
    expect(b.read()).toBe(10);
    b.run(S);
    expect(b.lines()).toEqual([". 1:1(0) ack 12"]);
  });

  test("a connection that follows one in TIME-WAIT begins behind its numbers (MAY-2), and as early", () => {
    const { b, cookie } = early(10);
    b.out();
    b.in(".", { seq: 11, ack: 1 });
    b.read();
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in("F.", { seq: 11, ack: 2 }).out();
    expect(b.state).toBe("TIME-WAIT");
    const last = b.tcb.snd.nxt;
    b.stack.release(b.tcb);
    b.in("S", { seq: 100_000, data: [1, 2, 3], raw: [...mss(1460), ...fastOpen(cookie)] });
    b.tcb = b.stack.accept(b.listener!)!;
    expect(stateName(b.tcb.state)).toBe("SYN-RECEIVED");
    expect((b.tcb.snd.iss - last) | 0).toBeGreaterThan(0);
    expect(b.tcb.snd.una).toBe((b.tcb.snd.iss + 1) | 0);
    expect(b.out().map((s) => s.flags)).toEqual(["S."]);
  });
});

describe("data on a SYN without a good cookie", () => {
  test.each([
    ["wrong", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["short", [1, 2, 3, 4]],
    ["long", new Array(16).fill(7)],
  ] as const)("%s: the SYN alone is acknowledged, with a fresh cookie, and the data is not lost", (_name, wrong) => {
    const { b, cookie } = server();
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(wrong)] });
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S. 0:0(0) ack 1", cookie]]);
    expect(b.stack.accept(b.listener!)).toBeNull();
    b.in(".", { seq: 1, n: 10, ack: 1 });
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.read()).toBe(10);
    expect(b.tcb.fast.taken).toBe(false);
  });

  test("no option at all, or one of no legal length, gets no cookie either", () => {
    const { b } = server();
    b.in("S", { port: 1111, seq: 0, data: octets(0, 10), raw: mss(1460) });
    b.in("S", { port: 1112, seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen([1, 2, 3])] });
    expect(b.out().map((s) => [s.ack, s.cookie])).toEqual([
      [1, null],
      [1, null],
    ]);
    expect(b.stack.accept(b.listener!)).toBeNull();
  });

  test("if no cookie is needed, every SYN with data opens a connection at once", () => {
    const b = new TcpBench({ params: { ...LISTEN, fastOpenCookieless: true } }).listen();
    b.in("S", { seq: 0, data: octets(0, 10), raw: mss(1460) });
    expect(b.out().map((s) => [s.line, s.cookie])).toEqual([["S. 0:0(0) ack 11", null]]);
    // Without data it waits for the handshake, as any other.
    b.in("S", { port: 1111, seq: 0, raw: mss(1460) }).out();
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.read()).toBe(10);
    expect(b.stack.accept(b.listener!)).toBeNull();
  });
});

describe("keys", () => {
  test("after a change of keys the old cookie is still accepted, and the SYN,ACK brings a new one", () => {
    const { b } = server();
    const [one, two] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    b.stack.fastOpen.keys = new CookieKeys(one);
    b.in("S", { port: 1111, seq: 0, raw: [...mss(1460), ...fastOpen([])] });
    const old = b.out()[0]!.cookie!;
    b.stack.fastOpen.keys = new CookieKeys(two, one);
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(old)] });
    const [answer] = b.out();
    expect(answer!.line).toBe("S. 0:0(0) ack 11");
    expect(answer!.cookie).not.toEqual(old);
    b.in("S", { port: 1112, seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(answer!.cookie!)] });
    expect(b.out().map((s) => [s.ack, s.cookie])).toEqual([[11, null]]);
  });

  test("a listener may have its own keys", () => {
    const { b, cookie } = server();
    b.listener!.fastOpenKeys = new CookieKeys(new Uint8Array(16).fill(9));
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    const [answer] = b.out();
    expect(answer!.ack).toBe(1);
    b.in("S", { port: 1112, seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(answer!.cookie!)] });
    expect(b.out()[0]!.ack).toBe(11);
  });

  test("they are derived from the stack's secret: another stack does not accept our cookies", () => {
    const { cookie } = server();
    const b = new TcpBench({ params: LISTEN, seed: 2 });
    b.listen().in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    expect(b.out()[0]!.ack).toBe(1);
  });
});

describe("SYN-RECEIVED with a user", () => {
  test("the SYN again, with or without data, draws the SYN,ACK again; the data is delivered once", () => {
    const { b, cookie } = early(10);
    b.send(5);
    b.out();
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    b.in("S", { seq: 0, raw: mss(1460) });
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11"]);
    b.in(".", { seq: 11, ack: 6 });
    expect(b.read()).toBe(10);
    expect(b.stack.accept(b.listener!)).toBeNull();
  });

  test("timeouts resend the SYN,ACK alone; data goes again when the handshake is over", () => {
    const { b } = early(10);
    b.send(3000);
    b.out();
    b.run(1 * S);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11"]);
    b.in(".", { seq: 11, ack: 1 });
    expect(b.lines()).toEqual([]);
    b.run(4 * S);
    expect(b.out()[0]!.line).toBe(". 1:1461(1460) ack 11");
  });

  test("after a second loss of it the data counts as lost: it goes again at once, with a window of one segment", () => {
    const { b } = early(10);
    b.send(3000);
    b.run(3 * S).out();
    b.in(".", { seq: 11, ack: 1 });
    expect(b.lines()).toEqual([". 1:1461(1460) ack 11"]);
    b.in(".", { seq: 11, ack: 1461 });
    expect(b.out().map((s) => s.seq)).toEqual([1461, 2921]);
  });

  test("it is given up one retransmission later than a connection that nobody has, and the user is told", () => {
    const { b } = early(10, { ...LISTEN, retriesSynAck: 1 });
    b.send(10);
    b.run(60 * S);
    expect(b.lines().filter((line) => line.startsWith("S.")).length).toBe(3);
    expect(b.state).toBe("CLOSED");
    expect(b.events() & EVENT_CLOSED).toBe(EVENT_CLOSED);
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
    expect(b.listener!.fastOpenPending).toBe(0);
  });

  test("an ACK of what was never sent, or of nothing, is refused and changes nothing", () => {
    const { b } = early(10);
    b.out();
    b.in(".", { seq: 11, ack: 2 });
    b.in(".", { seq: 11, ack: 0 });
    expect(b.lines()).toEqual(["R 2:2(0)", "R 0:0(0)"]);
    expect(b.state).toBe("SYN-RECEIVED");
  });

  test("another SYN in the window is refused, and the user keeps the connection", () => {
    const { b } = early(10);
    b.out();
    b.in("S", { seq: 5000, mss: 1460 });
    expect(b.out().map((s) => [s.flags, s.rawSeq, s.ack])).toEqual([["R.", 0, 5001]]);
    expect(b.state).toBe("SYN-RECEIVED");
    b.in(".", { seq: 11, ack: 1 });
    expect(b.state).toBe("ESTABLISHED");
  });

  test("an RST where it is due ends it: ECONNRESET; elsewhere it is ignored or challenged (RFC 5961 §3)", () => {
    const { b } = early(10);
    b.out();
    b.in("R", { seq: 9 }).in("R", { seq: 20 });
    expect(b.lines()).toEqual([". 1:1(0) ack 11"]);
    expect(b.state).toBe("SYN-RECEIVED");
    b.in("R", { seq: 11 });
    expect([b.state, b.stack.info(b.tcb).error]).toEqual(["CLOSED", "ECONNRESET"]);
  });

  test("host unreachable ends what nobody has accepted, where it ends opens at all, and is noted afterwards", () => {
    const params = { ...LISTEN, softErrorsAbortOpen: true };
    for (const accepted of [true, false]) {
      const { b, cookie } = server(params);
      b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] }).out();
      if (accepted) b.tcb = b.stack.accept(b.listener!)!;
      icmp(b, 3, 1, 0);
      if (!accepted) b.tcb = b.stack.accept(b.listener!)!;
      expect([b.state, b.tcb.softError !== 0]).toEqual([accepted ? "SYN-RECEIVED" : "CLOSED", true]);
    }
  });

  test("a smaller path MTU: data that was too big goes again in smaller segments, before the handshake is over", () => {
    const { b } = early(10);
    b.send(1460);
    b.out();
    icmp(b, 3, 4, 1, 1000);
    expect(b.lines()).toEqual([". 1:961(960) ack 11", "P. 961:1461(500) ack 11"]);
    b.in(".", { seq: 11, ack: 1461 });
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "ESTABLISHED", inFlight: 0, lost: 0 });
  });
});

describe("closing before the handshake is over", () => {
  test("close: the FIN goes behind the data at once; one ACK acknowledges it all", () => {
    const { b } = early(10);
    b.read();
    b.send(3);
    b.stack.close(b.tcb, b.now);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11", "FP. 1:4(3) ack 11"]);
    b.in(".", { seq: 11, ack: 5 });
    expect(b.state).toBe("FIN-WAIT-2");
    b.in("F.", { seq: 11, ack: 5 });
    expect(b.state).toBe("TIME-WAIT");
  });

  test("close, and the ACK of our SYN alone: FIN-WAIT-1, and what was sent goes again in time", () => {
    const { b } = early(10);
    b.read();
    b.stack.close(b.tcb, b.now);
    b.out();
    b.in(".", { seq: 11, ack: 1 });
    expect(b.state).toBe("FIN-WAIT-1");
    b.run(4 * S);
    expect(b.lines()[0]).toBe("F. 1:1(0) ack 11");
  });

  test("only the writing side: the FIN waits for ESTABLISHED, the data does not", () => {
    const { b } = early(10);
    b.send(3);
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual(["S. 0:0(0) ack 11", "P. 1:4(3) ack 11"]);
    b.in(".", { seq: 11, ack: 1 });
    expect(b.lines()).toEqual(["F. 4:4(0) ack 11"]);
    expect(b.state).toBe("FIN-WAIT-1");
    expect(b.read()).toBe(10);
  });

  test("with data unread it is an RST (SHLD-3)", () => {
    const { b } = early(10);
    b.out();
    b.stack.close(b.tcb, b.now);
    expect(b.lines()).toEqual(["R. 1:1(0) ack 11"]);
    b.stack.release(b.tcb);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("abort is an RST", () => {
    const { b } = early(10);
    b.out();
    b.stack.abort(b.tcb, b.now);
    expect(b.lines()).toEqual(["R. 1:1(0) ack 11"]);
    expect(b.listener!.fastOpenPending).toBe(0);
  });

  test("a listener that is closed resets those that nobody accepted, and leaves the others alone", () => {
    const { b, cookie } = early(10);
    b.in("S", { port: 1111, seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    b.out();
    b.stack.unlisten(b.listener!, b.now);
    expect(b.out().map((s) => [s.flags, s.remotePort])).toEqual([["R.", 1111]]);
    b.in(".", { seq: 11, ack: 1 });
    expect(b.state).toBe("ESTABLISHED");
  });
});

describe("the limit of pending connections (RFC 7413 §5.1)", () => {
  const knock = (b: TcpBench, port: number, cookie: readonly number[]) => {
    b.in("S", { port, seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] });
    const [answer] = b.out();
    return answer === undefined ? "nothing" : answer.ack === 11 ? "early" : answer.cookie === null ? "usual" : "cookie";
  };

  test("beyond it a SYN is answered in the usual way, and gets no cookie; a handshake that ends makes room", () => {
    const { b, cookie } = early(10, { fastOpenBacklog: 2 });
    b.out();
    expect([1, 2, 3].map((port) => knock(b, port, cookie))).toEqual(["early", "usual", "usual"]);
    expect(knock(b, 4, [])).toBe("usual");
    b.in(".", { seq: 11, ack: 1 });
    expect([5, 6].map((port) => knock(b, port, cookie))).toEqual(["early", "usual"]);
    expect(b.count("tcp.fast-open.limit")).toBe(4);
  });

  test("one that was reset after it was accepted counts for a minute more", () => {
    const { b, cookie } = early(10, { fastOpenBacklog: 1 });
    b.out();
    b.in("R", { seq: 11 });
    expect(knock(b, 1, cookie)).toBe("usual");
    b.run(59 * S).out();
    expect(knock(b, 2, cookie)).toBe("usual");
    b.run(1 * S).out();
    expect(knock(b, 3, cookie)).toBe("early");
  });

  test("one that was reset before anybody accepted it has its place in the backlog instead", () => {
    const { b, cookie } = server({ fastOpenBacklog: 1 });
    b.in("S", { seq: 0, data: octets(0, 10), raw: [...mss(1460), ...fastOpen(cookie)] }).out();
    b.in("R", { seq: 11 });
    expect([b.listener!.fastOpenPending, b.listener!.fastOpenResets.size, b.listener!.ready.length]).toEqual([0, 0, 1]);
    expect(knock(b, 1, cookie)).toBe("early");
  });

  test("the backlog is a limit of its own", () => {
    const { cookie } = server();
    const b = new TcpBench({ params: LISTEN });
    b.listen({ backlog: 1 });
    expect([1, 2, 3].map((port) => knock(b, port, cookie))).toEqual(["early", "early", "nothing"]);
    expect(b.listener!.halfOpen).toBe(0);
  });

  test("however the connections end, the counts are right and nothing is left", () => {
    const { b, cookie } = early(10);
    const { listener } = b;
    const ends: ((port: number) => void)[] = [
      (port) => b.in("R", { port, seq: 11 }),
      (port) => b.in(".", { port, seq: 11, ack: 1 }),
      () => b.run(300 * S),
    ];
    ends.forEach((end, i) => {
      expect(knock(b, 2000 + i, cookie)).toBe("early");
      end(2000 + i);
      b.out();
    });
    b.run(300 * S).out();
    b.stack.unlisten(listener!, b.now);
    b.stack.release(b.tcb);
    b.run(100 * S).out();
    expect([listener!.fastOpenPending, listener!.halfOpen]).toEqual([0, 0]);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });
});
