import { describe, expect, test } from "bun:test";
import { RFC9293 } from "#tcp/words/profiles";
import { EVENT_OPENED, EVENT_READABLE } from "#tcp/words/tcb";
import { octets32 } from "../../support/naive/ip.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

const FULL = { sack: true, timestamps: true, windowScale: true };

describe("passive OPEN (RFC 9293 §3.5)", () => {
  test("SYN, SYN,ACK, ACK: the connection is accepted, and nothing more is sent", () => {
    const b = new TcpBench().listen();
    b.in("S", { mss: 1460 });
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
    expect(b.stack.accept(b.listener!)).toBeNull();
    b.in(".");
    expect(b.lines()).toEqual([]);
    expect(b.stack.accept(b.listener!)).not.toBeNull();
  });

  test("the ACK may bring data, which is delivered and acknowledged", () => {
    const b = new TcpBench().listen();
    b.in("S", { mss: 1460 }).out();
    b.in("P.", { n: 100 });
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.read()).toBe(100);
    b.run(500_000);
    expect(b.lines()).toEqual([". 1:1(0) ack 101"]);
  });

  test("the ACK may bring FIN: CLOSE-WAIT at once", () => {
    const b = new TcpBench().listen();
    b.in("S", { mss: 1460 }).out();
    b.in("F.");
    b.tcb = b.stack.accept(b.listener!)!;
    expect(b.state).toBe("CLOSE-WAIT");
    expect(b.lines()).toEqual([". 1:1(0) ack 2"]);
  });

  test("text on a SYN is kept until the handshake is over, then delivered once, and acknowledged", () => {
    const b = new TcpBench({ params: RFC9293 }).listen();
    b.in("S", { seq: 0, mss: 1460, data: [1, 2, 3] });
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
    b.in(".", { seq: 1 });
    b.tcb = b.stack.accept(b.listener!)!;
    const buffer = new Uint8Array(10);
    expect(b.stack.receive(b.tcb, buffer, 0, 10)).toBe(3);
    expect([...buffer.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(b.lines()).toEqual([". 1:1(0) ack 4"]);
    // It comes again, as after a peer that heard only "ack 1".
    b.in("P.", { seq: 1, data: [1, 2, 3, 4] });
    expect(b.stack.receive(b.tcb, buffer, 0, 10)).toBe(1);
  });

  test("a SYN that comes again draws the SYN,ACK again, the same one", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    b.in("S", { seq: 0, mss: 1460 });
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
  });

  test("SYN,ACK is resent after 1 s, then doubled, and given up; nothing is left", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    const times: number[] = [];
    b.run(600_000_000);
    for (const sent of b.out()) {
      expect(sent.line).toBe("S. 0:0(0) ack 1");
      times.push(Math.round(sent.at / 1e6));
    }
    expect(times.slice(0, 5)).toEqual([1, 3, 7, 15, 31]);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
    expect(b.listener!.halfOpen).toBe(0);
  });

  test("R2 of a SYN,ACK is at least three minutes (MUST-23)", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    b.run(180_000_000);
    expect(b.state).toBe("SYN-RECEIVED");
  });
});

describe("active OPEN", () => {
  test("SYN, then the ACK of SYN,ACK goes out at once", () => {
    const b = new TcpBench().connect();
    expect(b.lines()).toEqual(["S 0:0(0)"]);
    b.in("S.", { mss: 1460 });
    expect(b.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(b.state).toBe("ESTABLISHED");
    expect(b.events() & EVENT_OPENED).toBe(EVENT_OPENED);
  });

  test("SYN is resent after 1, 2, 3, 4, 5 s, then doubling, and given up after at least three minutes (MUST-22, MUST-23): ETIMEDOUT", () => {
    const b = new TcpBench().connect();
    b.run(180_000_000);
    expect(b.state).toBe("SYN-SENT");
    const times = b.out().map((sent) => Math.round(sent.at / 1e6));
    expect(times.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 7, 11]);
    b.run(600_000_000);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT" });
    expect(b.leftovers()).toEqual({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
  });

  test("data written before the SYN,ACK goes out right after the handshake", () => {
    const b = new TcpBench().connect();
    b.out();
    expect(b.send(100)).toBe(100);
    expect(b.lines()).toEqual([]);
    b.in("S.", { mss: 1460 });
    expect(b.lines()).toEqual(["P. 1:101(100) ack 1"]);
  });

  test("text and FIN on the SYN,ACK are taken by the letter of §3.10.7.3", () => {
    const b = new TcpBench({ params: RFC9293 }).connect();
    b.out();
    b.in("SF.", { seq: 0, mss: 1460, data: [9, 8] });
    expect(b.lines()).toEqual([". 1:1(0) ack 4"]);
    expect(b.state).toBe("CLOSE-WAIT");
    expect(b.stack.receive(b.tcb, new Uint8Array(4), 0, 4)).toBe(2);
  });

  test("CLOSE in SYN-SENT deletes the TCB silently; a late SYN,ACK gets an RST", () => {
    const b = new TcpBench().connect();
    b.out();
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual([]);
    b.in("S.", { mss: 1460 });
    expect(b.lines()).toEqual(["R 1:1(0)"]);
    expect(b.leftovers().records).toBe(0);
  });

  test("a FIN asked for in SYN-RECEIVED follows the handshake", () => {
    const b = new TcpBench().connect();
    b.out();
    b.in("S", { mss: 1460 });
    b.out();
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual([]);
    b.in(".");
    expect(b.lines()).toEqual(["F. 1:1(0) ack 1"]);
    expect(b.state).toBe("FIN-WAIT-1");
  });
});

describe("the time that an OPEN may take", () => {
  test.each([
    ["connectTimeout", { connectTimeout: 5_000_000 }],
    ["userTimeout", { userTimeout: 5_000_000 }],
    ["the shorter of the two", { connectTimeout: 5_000_000, userTimeout: 9_000_000 }],
  ] as const)("is over when it is over, and not when the next SYN would have gone: %s", (_, params) => {
    for (const state of ["SYN-SENT", "SYN-RECEIVED"] as const) {
      const b = TcpBench.at(state, { params });
      b.run(4_999_999);
      expect(b.state).toBe(state);
      b.run(1);
      expect([b.state, b.stack.info(b.tcb).error]).toEqual(["CLOSED", "ETIMEDOUT"]);
    }
  });

  test("can be changed while it runs, and no longer counts once the connection is open", () => {
    const b = TcpBench.at("SYN-SENT", { params: { connectTimeout: 5_000_000 } });
    b.stack.setParams(b.tcb, { connectTimeout: 20_000_000 }, b.now);
    b.run(19_000_000);
    expect(b.state).toBe("SYN-SENT");
    b.in("S.", { mss: 1460 });
    b.run(100_000_000);
    expect(b.state).toBe("ESTABLISHED");
  });
});

describe("simultaneous open (MUST-10)", () => {
  test("SYNs cross: SYN-RECEIVED, SYN,ACK; the peer's SYN,ACK makes it ESTABLISHED", () => {
    const b = new TcpBench().connect();
    b.out();
    b.in("S", { mss: 1460 });
    expect(b.state).toBe("SYN-RECEIVED");
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
    b.in("S.", { seq: 0, mss: 1460 });
    expect(b.state).toBe("ESTABLISHED");
    expect(b.events() & EVENT_OPENED).toBe(EVENT_OPENED);
  });

  test("a plain ACK does it as well, and data both ways follows", () => {
    const b = new TcpBench().connect();
    b.out();
    b.in("S", { mss: 1460 }).out();
    b.in("P.", { n: 10 });
    expect(b.state).toBe("ESTABLISHED");
    expect(b.read()).toBe(10);
    b.send(5);
    expect(b.lines()).toEqual(["P. 1:6(5) ack 11"]);
  });

  test("of data on the crossing SYN only what the window of our own SYN allows is kept; the rest is not acknowledged", () => {
    const b = new TcpBench({ params: { receiveBuffer: 2048, receiveBufferMax: 2048, dropSynText: false } }).connect();
    const window = b.out()[0]!.win;
    expect(window).toBe(1460);
    b.in("S", { mss: 1460, n: 1500 }).out();
    b.in(".", { seq: 1 });
    expect([b.state, b.tcb.rcv.unread, b.out()[0]?.ack]).toEqual(["ESTABLISHED", window, 1 + window]);
  });

  test("RST in SYN-RECEIVED: back to LISTEN in silence for a passive OPEN, refused for an active one (MUST-11)", () => {
    const passive = TcpBench.at("SYN-RECEIVED");
    passive.in("R", { seq: 1 });
    expect(passive.lines()).toEqual([]);
    expect(passive.listener!.halfOpen).toBe(0);
    expect(passive.leftovers().connections).toBe(0);
    passive.peerNxt = 0;
    passive.in("S", { mss: 1460 });
    expect(passive.out()[0]?.flags).toBe("S.");
    const active = new TcpBench().connect();
    active.out();
    active.in("S", { mss: 1460 }).out();
    active.in("R", { seq: 1 });
    expect(active.stack.info(active.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNREFUSED" });
  });
});

describe("options of SYNs", () => {
  test("a SYN offers MSS, SACK, timestamps and window scale, and is resent with the same", () => {
    const b = new TcpBench({ params: FULL }).connect();
    b.run(1_500_000);
    const [first, second] = b.out();
    expect(first!.kinds).toEqual([2, 4, 8, 3]);
    expect(second!.kinds).toEqual([2, 4, 8, 3]);
    expect(first!.mss).toBe(1460);
    expect(first!.ts![1]).toBe(0);
    expect(second!.ts![0] - first!.ts![0]).toBe(1000);
  });

  test("SYN,ACK answers only what was offered", () => {
    const offers = [
      [{ mss: 1460 }, [2]],
      [{ mss: 1460, sackOk: true }, [2, 4]],
      [{ mss: 1460, wscale: 3 }, [2, 3]],
      [{ mss: 1460, ts: [7, 0] as const }, [2, 8]],
      [{ mss: 1460, sackOk: true, ts: [7, 0] as const, wscale: 0 }, [2, 4, 8, 3]],
    ] as const;
    for (const [offer, kinds] of offers) {
      const b = new TcpBench({ params: FULL }).listen();
      b.in("S", offer);
      const [answer] = b.out();
      expect(answer!.kinds).toEqual([...kinds]);
      if (answer!.ts !== null) expect(answer!.ts[1]).toBe(7);
    }
  });

  test("what is switched off is neither offered nor answered", () => {
    const b = new TcpBench().listen();
    b.in("S", { mss: 1460, sackOk: true, wscale: 4, ts: [1, 0] });
    expect(b.out()[0]!.kinds).toEqual([2]);
    expect(new TcpBench().connect().out()[0]!.kinds).toEqual([2]);
  });

  test.each([
    [4, 1500, 1460],
    [4, 576, 536],
    [4, 9000, 8960],
    [6, 1500, 1440],
    [6, 1280, 1220],
  ] as const)("IPv%d, MTU %d: MSS %d (MUST-14, MUST-67)", (family, mtu, mss) => {
    expect(new TcpBench({ family, mtu }).connect().out()[0]!.mss).toBe(mss);
  });

  test.each([
    [4, 536],
    [6, 1220],
  ] as const)("no MSS option over IPv%d: %d (MUST-15)", (family, mss) => {
    const b = new TcpBench({ family }).established({});
    b.send(3000);
    expect(b.out()[0]!.data.length).toBe(mss);
  });

  test.each([
    [1460, 1460],
    [9000, 1460],
    [100, 100],
    [1, 48],
    [0, 536],
  ])("MSS option %d: segments of %d, never more than the path takes (MUST-16)", (mss, most) => {
    const b = new TcpBench().established({ mss });
    b.send(5000);
    expect(b.out()[0]!.data.length).toBe(most);
  });

  test("timestamps and SACK blocks make the payload smaller (MUST-16)", () => {
    const b = new TcpBench({ params: FULL }).established({ mss: 1460, sackOk: true, ts: [9, 0] });
    b.send(20_000);
    expect(b.out()[0]!.data.length).toBe(1448);
    b.in(".");
    b.in(".", { seq: 1000, n: 10 });
    for (const sent of b.out()) expect(sent.size).toBeLessThanOrEqual(1500);
  });

  test("a window scale above 14 counts as 14 (RFC 7323 §2.3)", () => {
    const b = new TcpBench({ params: FULL }).established({ mss: 1460, wscale: 200, win: 4 });
    expect(b.tcb.snd.shift).toBe(14);
    expect(b.tcb.snd.wnd).toBe(4 << 14);
  });

  test("the window of a SYN is not scaled (RFC 7323 §2.2)", () => {
    const b = new TcpBench({ params: FULL }).listen();
    b.in("S", { mss: 1460, wscale: 7, win: 1000 });
    b.tcb = [...b.stack.connections()][0]!;
    expect(b.tcb.snd.wnd).toBe(1000);
    b.out();
    b.in(".", { win: 0x8001 });
    expect(b.tcb.snd.wnd).toBe(0x8001 << 7);
  });

  test("window scale of one side only scales nothing", () => {
    const b = new TcpBench({ params: FULL }).established({ mss: 1460, win: 100 });
    expect(b.tcb.snd.wnd).toBe(100);
    expect(b.tcb.rcv.shift).toBe(0);
  });

  test.each([
    ["length 0", [2, 0]],
    ["length 1", [2, 1]],
    ["past the end", [2, 40]],
    ["cut off after the kind", [1, 1, 1, 2]],
    ["unknown kinds", [200, 4, 1, 2, 253, 2]],
    ["an MSS of a wrong length", [2, 3, 5, 1]],
    ["nothing but padding", [0, 0, 0, 0]],
    ["40 NOPs", new Array(40).fill(1)],
    ["SACK-permitted of length 3", [4, 3, 0, 1]],
    ["SACK in a SYN", [5, 10, ...octets32(1), ...octets32(2), 1, 1]],
  ] as const)("options with %s do no harm (MUST-6, MUST-7, MUST-64, MUST-68)", (_name, raw) => {
    const b = new TcpBench({ params: FULL }).listen();
    b.in("S", { raw: [...raw] });
    expect(b.lines()).toEqual(["S. 0:0(0) ack 1"]);
    b.in(".");
    expect(b.stack.accept(b.listener!)).not.toBeNull();
    b.in("P.", { n: 5, raw: [...raw] });
    b.run(500_000);
    expect(b.lines()).toEqual([". 1:1(0) ack 6"]);
  });

  test("options before an illegal one are processed, with any alignment (MUST-5, MUST-64)", () => {
    const b = new TcpBench({ params: FULL }).listen();
    b.in("S", { raw: [1, 2, 4, 2, 0, 3, 3, 5, 99, 0] });
    b.tcb = [...b.stack.connections()][0]!;
    expect(b.tcb.peerMss).toBe(512);
    expect(b.tcb.snd.shift).toBe(5);
  });

  test("an MSS option in a segment without SYN is ignored", () => {
    const b = new TcpBench().established();
    b.in(".", { mss: 100, n: 1 });
    b.send(3000);
    expect(b.out()[0]!.data.length).toBe(1460);
  });
});

test("a handshake of timestamps gives a round trip, and events tell of readable data", () => {
  const b = new TcpBench({ params: FULL }).connect();
  b.out();
  b.run(40_000);
  b.in("S.", { mss: 1460, ts: [5, b.seenTs] });
  b.out();
  expect(b.stack.info(b.tcb).rtt).toBe(40_000);
  b.usesTs = true;
  b.in("P.", { n: 1 });
  expect(b.events() & EVENT_READABLE).toBe(EVENT_READABLE);
});
