/** More packets of no connection than can be answered: connections go on, whatever comes is bounded, and costs little. */
import { describe, expect, test } from "bun:test";
import { Packet } from "#base/packet";
import { SECOND } from "#base/time";
import { TX_COOKIE } from "#tcp/words/marks";
import * as ipv4 from "#wire/ipv4";
import * as tcphdr from "#wire/tcp";
import { TcpBench } from "../support/tcp-bench.ts";

const BACKLOG = 16;
const BURST = 100;
const LIMITS = { memory: 4 << 20, answerRate: 1_000, answerBurst: BURST };
const FLOOD = 5_000;

/** A bench with an established connection, so that its peer is known, and a listener. */
function bench(family: 4 | 6 = 4): TcpBench {
  return new TcpBench({ family, limits: LIMITS }).listen({ backlog: BACKLOG }).established();
}

/** Sends what is due to addresses that nobody has. */
function discard(b: TcpBench): void {
  const packet = new Packet();
  while (b.stack.poll(packet, b.now));
}

/** A SYN from an address that nobody has. */
function forged(b: TcpBench, i: number, localPort = b.localPort): void {
  const source = b.family === 4 ? `10.77.${(i >> 8) & 255}.${i & 255}` : `fd77:0:0:${i.toString(16)}::1`;
  b.in("S", { source, port: 1_000 + (i % 60_000), localPort, seq: i, mss: 1460 });
}

describe.each([4, 6] as const)("under a flood of SYNs over IPv%d that arrive at once", (family) => {
  test("the backlog's SYNs and a burst of cookies reach the stack, the rest is dropped and counted; each segment of a connection gets through", () => {
    const b = bench(family);
    const before = b.processed;
    for (let i = 0; i < FLOOD; i++) {
      forged(b, i);
      if (i % 50 === 0) b.in(".", { n: 100 });
    }
    const data = FLOOD / 50;
    // One more, which found no token left: from then on SYNs are dropped unseen.
    expect(b.processed - before - data).toBe(BACKLOG + 1 + BURST + 1);
    expect(b.count("tcp.rx.syn-flood")).toBe(FLOOD - BACKLOG - 1 - BURST);
    expect(b.stack.connectionCount).toBe(1 + BACKLOG + 1);
    expect(b.read()).toBe(data * 100);
  });

  test("a client whose handshake was completed before is answered, though forged sources have used up the answers", () => {
    const b = bench(family);
    for (let i = 0; i < FLOOD; i++) forged(b, i);
    discard(b);
    Object.assign(b, { port: 6666, peerNxt: 0, peerExpects: 0 });
    b.in("S", { mss: 1460 });
    const [answer] = b.out();
    expect([answer?.flags, answer?.cause]).toEqual(["S.", "tcp.tx.syn-cookie"]);
    b.in(".");
    expect(b.stack.accept(b.listener!)).not.toBeNull();
  });
});

test("a known client's SYNs are limited as well: its address can be forged too", () => {
  const b = bench();
  for (let i = 0; i < FLOOD; i++) forged(b, i);
  for (let i = 0; i < FLOOD; i++) b.in("S", { port: 1_000 + i, seq: 0, mss: 1460 });
  expect(b.processed).toBeLessThan(3 * BURST);
});

test("an ACK that belongs to nothing takes no token of the SYNs, though the SYN queue is full, and gets its RST", () => {
  const b = bench();
  for (let i = 0; i <= BACKLOG; i++) forged(b, i);
  discard(b);
  for (let i = 0; i < BURST; i++) {
    b.in(".", { port: 1_000 + i, seq: 5 });
    expect(b.out().map(({ flags }) => flags)).toEqual(["R"]);
  }
  for (let i = 0; i < BURST; i++) {
    forged(b, 1_000 + i);
    discard(b);
  }
  expect(b.count("tcp.tx.syn-cookie")).toBe(BURST);
});

test("answers come back with time, and a moment after the flood packets are no longer looked at first", () => {
  const b = bench();
  for (let i = 0; i < FLOOD; i++) forged(b, i);
  expect(b.stack.isFlooded(b.now)).toBe(true);
  b.now += SECOND / 100;
  const before = b.processed;
  for (let i = 0; i < FLOOD; i++) forged(b, FLOOD + i);
  expect(b.processed - before).toBe(10);
  b.now += SECOND / 5;
  expect(b.stack.isFlooded(b.now)).toBe(false);
});

test("while the SYN queue has room, SYNs need no token: a burst of clients is served", () => {
  const b = new TcpBench({ limits: LIMITS }).listen({ backlog: 1_000 });
  for (let i = 0; i < 1_000; i++) forged(b, i);
  expect([b.stack.connectionCount, b.count("tcp.rx.syn-flood")]).toEqual([1_000, 0]);
});

test("what is no SYN, or no whole header, is never dropped at first sight", () => {
  const b = bench();
  for (let i = 0; i < FLOOD; i++) forged(b, i);
  const before = b.processed;
  for (const flags of [".", "S.", "R", "R.", "SR", "F.", "P."]) b.in(flags, { source: "10.77.0.1", port: 9, seq: 5 });
  for (const bytes of [[], [0x45], new Array(39).fill(0x45), new Array(40).fill(0xff), new Array(40).fill(0x60)])
    b.inject(bytes);
  expect(b.processed - before).toBe(12);
});

test("RSTs to packets of no connection are limited, and counted", () => {
  const b = bench();
  for (let i = 0; i < FLOOD; i++) {
    b.in(".", { source: "10.77.0.1", port: 1_000 + i, seq: i });
    discard(b);
  }
  const sent = b.count("tcp.tx.rst-bad-ack");
  expect([sent, b.count("tcp.rst-limited")]).toEqual([BURST, FLOOD - BURST]);
});

describe("while one port is flooded", () => {
  const OTHER = 8080;

  /** The ISS of the SYN,ACKs sent, and the ports that sent the cookies among them. */
  function answers(b: TcpBench): { iss: Map<number, number>; cookies: number[] } {
    const iss = new Map<number, number>();
    const cookies: number[] = [];
    const packet = new Packet();
    const v = b.stack.slab.view;
    while (b.stack.poll(packet, b.now)) {
      const o = packet.o + ipv4.HEADER_MIN;
      if (packet.cause === TX_COOKIE) cookies.push(tcphdr.sourcePort(v, o));
      iss.set(tcphdr.sourcePort(v, o), tcphdr.seq(v, o));
    }
    return { iss, cookies };
  }

  /** A client that nobody knows opens a connection to `OTHER`, without sending anything twice. */
  function opens(b: TcpBench, i: number): boolean {
    const client = { source: `10.88.${i >> 8}.${i & 255}`, port: 7_000, localPort: OTHER };
    answers(b);
    b.in("S", { ...client, seq: 0, mss: 1460 });
    const iss = answers(b).iss.get(OTHER);
    if (iss === undefined) return false;
    b.in(".", { ...client, seq: 1, ack: iss + 1 - b.iss });
    return true;
  }

  test("new clients of another port connect at their first SYN, though they never came before", () => {
    const b = bench();
    const other = b.stack.listen(OTHER, { backlog: BACKLOG });
    for (let i = 0; i < 100; i++) {
      for (let k = 0; k < 200; k++) forged(b, i * 200 + k);
      discard(b);
      expect(b.stack.isFlooded(b.now)).toBe(true);
      expect(opens(b, i)).toBe(true);
      expect(String(b.stack.accept(other)?.remote)).toBe(`10.88.0.${i}`);
      b.now += SECOND / 1_000;
    }
  });

  test("another port whose own queue is full has its part of the answers: both together no more than the limit", () => {
    const b = bench();
    b.stack.listen(OTHER, { backlog: BACKLOG });
    const cookies: number[] = [];
    for (let ms = 0; ms < 4_000; ms++) {
      for (let k = 0; k < 10; k++) {
        forged(b, ms * 10 + k);
        forged(b, ms * 10 + k, OTHER);
      }
      const sent = answers(b).cookies;
      if (ms >= 3_000) cookies.push(...sent);
      b.now += SECOND / 1_000;
    }
    const of = (port: number) => cookies.filter((each) => each === port).length;
    for (const port of [b.localPort, OTHER]) {
      expect(of(port)).toBeGreaterThan(LIMITS.answerRate * 0.45);
      expect(of(port)).toBeLessThan(LIMITS.answerRate * 0.55);
    }
  });

  test("a flood of more ports than have tokens of their own is answered at no higher rate, and the next port is served still", () => {
    const b = new TcpBench({ limits: LIMITS });
    const ports = Array.from({ length: 40 }, (_, i) => 100 + i);
    for (const port of ports) b.stack.listen(port, { backlog: 1 });
    const other = b.stack.listen(OTHER, { backlog: BACKLOG });
    const round = (ms: number) => {
      for (const port of ports) for (let k = 0; k < 5; k++) forged(b, ms * 5 + k, port);
      discard(b);
      b.now += SECOND / 1_000;
    };
    // Until all bursts are over.
    for (let ms = 0; ms < 200; ms++) round(ms * 10);
    const before = b.count("tcp.tx.syn-cookie");
    for (let ms = 0; ms < 200; ms++) round(10_000 + ms);
    expect(b.count("tcp.tx.syn-cookie") - before).toBeLessThan(LIMITS.answerRate * 0.3);
    expect(opens(b, 1)).toBe(true);
    expect(b.stack.accept(other)).not.toBeNull();
  });
});
