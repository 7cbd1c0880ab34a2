/** More packets of no connection than can be answered: connections go on, whatever comes is bounded, and costs little. */
import { describe, expect, test } from "bun:test";
import { Packet } from "#base/packet";
import { SECOND } from "#base/time";
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
function forged(b: TcpBench, i: number): void {
  const source = b.family === 4 ? `10.77.${(i >> 8) & 255}.${i & 255}` : `fd77:0:0:${i.toString(16)}::1`;
  b.in("S", { source, port: 1_000 + i, seq: i, mss: 1460 });
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
