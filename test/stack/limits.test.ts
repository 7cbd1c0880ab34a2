/** What happens at every limit of a stack: refused or dropped, counted, and good again when the pressure is gone. */
import { describe, expect, test } from "bun:test";
import { RX_SOURCE_LIMIT } from "#tcp/words/marks";
import { EVENT_WRITABLE, type Tcb } from "#tcp/words/tcb";
import { octets, TcpBench } from "../support/tcp-bench.ts";

const SECOND = 1e6;
const MEMORY = 16 << 20;

describe("records of segments in flight", () => {
  test("a flood of SYNs beyond the pool of records throws nothing, and opens as many connections as possible", () => {
    const b = new TcpBench({ limits: { records: 8, memory: MEMORY } }).listen({ backlog: 100 });
    for (let port = 1; port <= 50; port++) b.in("S", { seq: 0, port: 1000 + port, mss: 1460 }).out();
    expect(b.stack.recordsInUse).toBeLessThanOrEqual(8);
    b.run(400 * SECOND);
    expect(b.leftovers()).toEqual({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
    expect(b.listener!.halfOpen).toBe(0);
    b.peerNxt = 0;
    b.established();
  });

  test("active OPENs beyond the pool of records do not throw on the packet path either", () => {
    const b = new TcpBench({ limits: { records: 4, memory: MEMORY } });
    const tcbs = [];
    for (let port = 1; port <= 20; port++) {
      try {
        b.connect({ localPort: port });
        tcbs.push(b.tcb);
      } catch (error) {
        expect((error as { code?: string }).code).toBe("ENOBUFS");
      }
      b.out();
    }
    for (const tcb of tcbs) b.stack.abort(tcb, b.now);
    b.out();
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0 });
  });

  test("data waits for a free record and is then sent: no connection hangs", () => {
    const b = TcpBench.at("ESTABLISHED", { limits: { records: 8, memory: MEMORY } });
    expect(b.send(100_000)).toBe(100_000);
    let sent = 0;
    for (let i = 0; i < 400 && sent < 100_000; i++) {
      const out = b.out();
      for (const x of out) sent = Math.max(sent, x.seq + x.data.length - 1);
      if (out.length > 0) b.in(".");
      else b.run(SECOND);
    }
    expect(sent).toBe(100_000);
  });
});

describe("pages", () => {
  const fill = (b: TcpBench) => {
    const pages: number[] = [];
    for (let page = b.stack.slab.alloc(); page >= 0; page = b.stack.slab.alloc()) pages.push(page);
    return () => {
      for (const page of pages) b.stack.slab.free(page);
    };
  };

  test("a writer that found no free page is woken when there are some again", () => {
    const b = TcpBench.at("ESTABLISHED", { limits: { memory: 2 << 20 } });
    const free = fill(b);
    expect(b.send(1000)).toBe(0);
    free();
    b.in(".");
    b.run(SECOND);
    expect(b.events() & EVENT_WRITABLE).toBe(EVENT_WRITABLE);
    expect(b.send(1000)).toBe(1000);
  });

  test("received data without a free page is dropped and counted, and accepted when the window has opened again", () => {
    const b = TcpBench.at("ESTABLISHED", { limits: { memory: 2 << 20 } });
    const free = fill(b);
    b.in(".", { seq: 1, n: 1000 });
    expect(b.count("tcp.rx.no-memory")).toBe(1);
    expect(b.tcb.rcv.unread).toBe(0);
    expect(b.out().at(-1)!.ack).toBe(1);
    free();
    b.in(".", { seq: 1, n: 1000 });
    expect(b.out().at(-1)!.win).toBeGreaterThanOrEqual(1000);
    b.in(".", { seq: 1, n: 1000 });
    expect(b.read()).toBe(1000);
  });

  test("out-of-order data makes way for the next expected data (RFC 2018 §8), so that full memory is not a deadlock", () => {
    const b = TcpBench.at(
      "ESTABLISHED",
      { limits: { memory: 2 << 20 }, params: { sack: true, receiveBuffer: 4 << 20 } },
      { mss: 1460, sackOk: true },
    );
    // One segment per page, from the second on.
    for (let i = 1; i < 60; i++) b.in(".", { seq: 1 + i * 16_384, n: 1000, win: 65_535 });
    const free = fill(b);
    b.out();
    b.in(".", { seq: 1, n: 1000 });
    expect(b.read()).toBe(1000);
    free();
    b.out();
    b.stack.abort(b.tcb, b.now);
    b.stack.release(b.tcb);
    expect(b.leftovers().pages).toBe(0);
  });

  test("an idle connection holds no page", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(50_000);
    for (let i = 0; i < 60; i++) {
      b.out();
      b.in(".", { n: 100 });
    }
    b.read();
    b.run(SECOND);
    b.out();
    expect(b.leftovers().pages).toBe(0);
  });
});

describe("shares of what all connections use", () => {
  const CROWD = 40;
  const WIDE = { windowScale: true, sack: true, receiveBuffer: 4 << 20, receiveBufferMax: 4 << 20 };
  /** So many connections are established, on as many ports of the peer. */
  const crowd = (b: TcpBench, n: number, options = { mss: 1460, sackOk: true, wscale: 10 }) => {
    const tcbs: Tcb[] = [];
    for (let i = 0; i < n; i++) {
      b.port = 2000 + i;
      b.peerNxt = 0;
      b.established(options);
      tcbs.push(b.tcb);
    }
    return tcbs;
  };
  /** What follows is about this connection. */
  const on = (b: TcpBench, tcb: Tcb) => {
    b.tcb = tcb;
    b.port = tcb.remotePort;
    b.iss = tcb.snd.iss >>> 0;
    return b;
  };

  test("forty peers who never read do not use up the memory for what others send", () => {
    const b = new TcpBench({ limits: { memory: MEMORY }, params: { sendBuffer: 4 << 20 } }).listen({ backlog: 100 });
    const tcbs = crowd(b, CROWD + 1);
    const text = new Uint8Array(4 << 20);
    for (const tcb of tcbs.slice(0, CROWD)) b.stack.send(tcb, text, 0, text.length, b.now);
    expect(b.stack.slab.isTight).toBe(true);
    expect(b.stack.send(tcbs[CROWD]!, text, 0, text.length, b.now)).toBeGreaterThanOrEqual(16_384);
    expect(b.stack.slab.available).toBeGreaterThan(b.stack.slab.pages >> 3);
  });

  test("single octets out of order on 70 connections do not use up the memory for what another one receives", () => {
    const b = new TcpBench({ limits: { memory: MEMORY }, params: WIDE }).listen({ backlog: 100 });
    const tcbs = crowd(b, 71);
    for (const tcb of tcbs.slice(0, 70)) {
      on(b, tcb);
      for (let k = 1; k < 256; k++) b.in(".", { seq: 2 + k * 16_000, ack: 1, n: 1 }).out();
      b.out();
    }
    expect(b.stack.slab.isTight).toBe(true);
    expect(b.stack.slab.available).toBeGreaterThanOrEqual(b.stack.slab.pages >> 3);
    on(b, tcbs[70]!);
    for (let seq = 1; seq < 200_000; seq += 1460) {
      b.in(".", { seq, ack: 1, n: 1460 }).out();
      expect(b.tcb.rcv.unread).toBe(1460);
      b.read();
    }
  });

  test("text that is due takes the place of other connections' out-of-order text, the oldest first (RFC 2018 §8)", () => {
    const b = new TcpBench({ limits: { memory: MEMORY }, params: WIDE }).listen({ backlog: 100 });
    const [first, second, honest] = crowd(b, 3) as [Tcb, Tcb, Tcb];
    for (const tcb of [first, second]) {
      on(b, tcb);
      for (let k = 1; k < 100; k++) b.in(".", { seq: k * 16_384, ack: 1, n: 1460 }).out();
    }
    const { slab } = b.stack;
    const held = first.receiveQueue.memory;
    expect(held).toBeGreaterThanOrEqual(90 * 16_384);
    const pages: number[] = [];
    while (slab.available > 0) pages.push(slab.alloc());
    on(b, honest).in(".", { seq: 1, ack: 1, n: 1460 });
    expect([honest.rcv.unread, first.ranges.count, first.receiveQueue.memory]).toEqual([1460, 0, 0]);
    expect(second.receiveQueue.memory).toBe(held);
    expect(b.count("tcp.rx.pruned")).toBe(1);
    // Its peer sends it again, from where our ACK stands.
    on(b, first);
    for (const page of pages) slab.free(page);
    for (let k = 0; k < 40; k++) b.in(".", { seq: 1 + k * 1460, ack: 1, n: 1460 });
    expect(first.rcv.unread).toBe(40 * 1460);
  });

  test("users who never read are offered less the fuller the memory is, and what others receive still has room", () => {
    const b = new TcpBench({ limits: { memory: 4 << 20 }, params: { ...WIDE, receiveBuffer: 1 << 20 } });
    const tcbs = crowd(b.listen({ backlog: 100 }), CROWD + 1);
    for (const tcb of tcbs.slice(0, CROWD)) {
      on(b, tcb);
      for (let seq = 1; b.out().at(-1)?.win !== 0 && seq < 1 << 20; ) {
        const n = Math.min(16_000, (tcb.rcv.adv - tcb.rcv.nxt) | 0);
        b.in(".", { seq, ack: 1, n }).run(50_000);
        seq += n;
      }
    }
    const kept = tcbs.slice(0, CROWD).map((tcb) => tcb.rcv.unread);
    expect(b.stack.slab.available).toBeGreaterThan(b.stack.slab.pages >> 5);
    expect(Math.min(...kept)).toBeGreaterThanOrEqual(10_000);
    expect(kept.at(-1)!).toBeLessThan(kept[0]! / 10);
    on(b, tcbs[CROWD]!);
    for (let seq = 1; seq < 100_000; seq += 1460) {
      b.in(".", { seq, ack: 1, n: 1460 }).out();
      expect(b.tcb.rcv.unread).toBe(1460);
      b.read();
    }
  });

  test("where there is no memory for text that is due, the window closes, and opens when there is memory again", () => {
    const b = new TcpBench({ limits: { memory: MEMORY } }).listen();
    b.established({ mss: 1460, sackOk: true, wscale: 7 });
    const { slab } = b.stack;
    const pages: number[] = [];
    while (slab.available > 0) pages.push(slab.alloc());
    b.in(".", { seq: 1, ack: 1, n: 1460 });
    expect(b.out().at(-1)).toMatchObject({ ack: 1, win: 0 });
    expect(b.count("tcp.rx.no-memory")).toBe(1);
    for (const page of pages) slab.free(page);
    // The peer's probe of the closed window.
    b.in(".", { seq: 0, ack: 1 });
    expect(b.out().at(-1)!.win).toBeGreaterThan(0);
    b.in(".", { seq: 1, ack: 1, n: 1460 });
    expect(b.read()).toBe(1460);
  });

  test("forty peers who acknowledge nothing do not use up the records: another connection's window is sent", () => {
    const b = new TcpBench({
      limits: { memory: 64 << 20, records: 16_384 },
      params: { sendBuffer: 1 << 20, initialWindow: 4096, nagle: "off" },
    }).listen({ backlog: 100 });
    const tcbs = crowd(b, CROWD + 1, { mss: 88, sackOk: true, wscale: 10 });
    const text = new Uint8Array(1 << 18);
    for (const tcb of tcbs) {
      on(b, tcb);
      b.in(".", { seq: 1, ack: 1, win: 65_535 }).out();
      b.stack.send(tcb, text, 0, text.length, b.now);
      b.out();
    }
    expect(b.stack.recordsInUse).toBeGreaterThan(16_384 / 2);
    expect(b.stack.recordsInUse).toBeLessThan(16_384 - 16_384 / 8);
    expect(tcbs[CROWD]!.board.records).toBeGreaterThanOrEqual(8);
  });
});

describe("connections", () => {
  test("at the limit SYNs are dropped and counted, and OPENs refused; ended connections make room", () => {
    const b = new TcpBench({ limits: { connections: 3, memory: MEMORY } }).listen();
    for (let i = 0; i < 5; i++) b.in("S", { seq: 0, mss: 1460, port: 100 + i }).out();
    expect(b.stack.connectionCount).toBe(3);
    expect(b.count("tcp.rx.limit")).toBe(2);
    expect(() => b.connect({ localPort: 9 })).toThrow(/limit/);
    for (const tcb of [...b.stack.connections()]) b.stack.abort(tcb, b.now);
    b.out();
    expect(b.stack.connectionCount).toBe(0);
    b.connect({ localPort: 9 });
    expect(b.lines().length).toBe(1);
  });

  test("ten thousand short connections leave nothing behind", () => {
    const b = new TcpBench({ params: { timeWait: 1000 } }).listen();
    for (let i = 0; i < 10_000; i++) {
      b.port = 1024 + (i % 60_000);
      b.peerNxt = 0;
      b.peerExpects = 0;
      b.in("S", { mss: 1460 }).out();
      b.in("FP.", { n: 1 });
      const tcb = b.stack.accept(b.listener!)!;
      b.tcb = tcb;
      b.stack.send(tcb, octets(0, 1), 0, 1, b.now);
      b.stack.receive(tcb, new Uint8Array(1), 0, 1);
      b.stack.closeSend(tcb, b.now);
      b.out();
      b.in(".");
      b.stack.release(tcb);
      b.events();
    }
    expect(b.leftovers()).toEqual({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
    expect(b.tcb.id).toBeLessThan(10);
  });
});

describe("the backlog", () => {
  test("half-open and waiting connections each have the limit; without SYN cookies further SYNs are silently dropped", () => {
    const b = new TcpBench({ params: { synCookies: "off" } }).listen({ backlog: 2 });
    for (let i = 0; i < 10; i++) b.in("S", { seq: 0, mss: 1460, port: 100 + i });
    expect(b.out().length).toBe(3);
    expect(b.listener!.halfOpen).toBe(3);
    b.run(400 * SECOND);
    b.out();
    expect(b.listener!.halfOpen).toBe(0);
    expect(b.stack.connectionCount).toBe(0);
  });

  test("a full accept queue drops the ACK; the SYN,ACK is retransmitted, and its ACK is then accepted", () => {
    const b = new TcpBench().listen({ backlog: 0 });
    const open = (port: number) => {
      b.port = port;
      b.peerNxt = 0;
      b.in("S", { mss: 1460 });
      const sent = b.out().filter((x) => x.flags === "S.");
      b.in(".", { ack: 1 });
      return sent.length;
    };
    expect(open(100)).toBe(1);
    expect(open(101)).toBe(0);
    const first = b.stack.accept(b.listener!);
    expect(first).not.toBeNull();
    expect(open(101)).toBe(1);
    expect(b.stack.accept(b.listener!)).not.toBeNull();
  });

  test("closing the listener ends half-open connections silently, and their ACK gets an RST; waiting connections are reset", () => {
    const b = new TcpBench().listen();
    b.in("S", { seq: 0, mss: 1460, port: 100 });
    b.in("S", { seq: 0, mss: 1460 });
    b.out();
    b.in(".", { seq: 1, ack: 1 });
    b.stack.unlisten(b.listener!, b.now);
    expect(b.out().map((x) => [x.flags, x.remotePort])).toEqual([["R.", b.port]]);
    b.in(".", { seq: 1, ack: 1, port: 100 });
    expect(b.out().map((x) => x.flags)).toEqual(["R"]);
    b.in("S", { seq: 0, port: 102 });
    expect(b.out().map((x) => x.flags)).toEqual(["R."]);
    expect(b.leftovers()).toEqual({ connections: 0, records: 0, pages: 0, deadline: Number.POSITIVE_INFINITY });
  });

  test("a connection that was reset before it was accepted is reported as reset", () => {
    const b = new TcpBench().listen();
    b.in("S", { seq: 0, mss: 1460 }).out();
    b.in("P.", { seq: 1, n: 100, ack: 1 });
    b.in("R", { seq: 101 });
    const tcb = b.stack.accept(b.listener!)!;
    expect(b.stack.info(tcb)).toMatchObject({ state: "CLOSED", error: "ECONNRESET" });
    b.stack.release(tcb);
    expect(b.leftovers().pages).toBe(0);
  });
});

describe("connections of one source", () => {
  const limited = (connectionsPerSource: number) =>
    new TcpBench({ limits: { connectionsPerSource, memory: MEMORY } }).listen({ backlog: 100 });
  const knock = (b: TcpBench, port: number) => b.in("S", { seq: 0, port, mss: 1460 }).out().length;

  test("half-open connections count; a SYN beyond the limit is silently dropped, counted, and reported with its reason", () => {
    const b = limited(3);
    expect([1001, 1002, 1003, 1004, 1005].map((port) => knock(b, port))).toEqual([1, 1, 1, 0, 0]);
    expect(b.count("tcp.rx.source-limit")).toBe(2);
    expect(b.listener!.noRoom).toBe(RX_SOURCE_LIMIT);
  });

  test("a connection that ends makes room, however it ends: reset, time-out, closed by both", () => {
    const b = limited(1);
    knock(b, 1001);
    b.in("R", { seq: 1, port: 1001 }).out();
    expect(knock(b, 1002)).toBe(1);
    b.run(400 * SECOND);
    b.peerNxt = 0;
    b.established();
    expect(knock(b, 1003)).toBe(0);
    b.in("F.").out();
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in(".").out();
    expect(knock(b, 1004)).toBe(1);
  });

  test("a connection in TIME-WAIT does not count, so many short connections are allowed", () => {
    const b = limited(1).established();
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in(".").out();
    b.in("F.").out();
    expect(b.state).toBe("TIME-WAIT");
    expect(knock(b, 1004)).toBe(1);
  });

  test("0 is no limit", () => {
    const b = limited(0);
    for (let port = 1; port <= 50; port++) expect(knock(b, 1000 + port)).toBe(1);
  });
});
