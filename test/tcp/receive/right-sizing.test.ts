/** Buffers that tune themselves: the receive buffer follows what the user reads per round trip, the send buffer follows cwnd (docs/adr/0067). */
import { describe, expect, test } from "bun:test";
import { BUFFER_IDLE, RECEIVE_BUFFER, SEND_BUFFER } from "#tcp/words/buffers";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";
import { simulate } from "../../support/transfer.ts";

const M = 1000;
const RTT = 100_000;
const INITIAL = RECEIVE_BUFFER.initial;
/** What a TcpBench fixes, and these tests leave to the stack. */
const TUNED: TcpSettings = {
  receiveBuffer: 0,
  receiveBufferMax: RECEIVE_BUFFER.max,
  sendBuffer: 0,
  sendBufferMax: SEND_BUFFER.max,
  windowScale: true,
};

function open(params: TcpSettings = {}, win = 65_535): TcpBench {
  const b = TcpBench.at("ESTABLISHED", { params: { ...TUNED, ...params } }, { mss: M, wscale: 10, win });
  b.tcb.rcv.rtt = RTT;
  return b;
}

/** A round trip in which `n` segments arrive, and are read unless the user does not. */
function round(b: TcpBench, n: number, reads = true): void {
  for (let i = 0; i < n; i++) {
    b.in(".", { n: M });
    if (reads) b.read();
  }
  b.out();
  b.run(RTT);
}

describe("the receive buffer", () => {
  test("begins with its initial size and offers a scale for its limit", () => {
    const b = new TcpBench({ params: TUNED }).connect();
    expect(b.out()[0]!.wscale).toBe(10);
    expect(new TcpBench({ params: { ...TUNED, receiveBufferMax: 1 << 20 } }).connect().out()[0]!.wscale).toBe(5);
    expect(open().tcb.rcv.capacity).toBe(INITIAL);
    expect(open({ receiveBufferMax: 100_000 }).tcb.rcv.capacity).toBe(100_000);
  });

  test("is twice what the user read in a round trip, and more while that grows", () => {
    const b = open();
    for (const n of [20, 30, 45, 60, 80]) round(b, n);
    expect(b.tcb.rcv.capacity).toBe(INITIAL);
    round(b, 400);
    round(b, 1);
    const { receiveBuffer, rcvSpace } = b.stack.info(b.tcb, b.now);
    expect(rcvSpace).toBeGreaterThan(390 * M);
    expect(receiveBuffer).toBeGreaterThan(2 * rcvSpace);
    round(b, 400);
    round(b, 1);
    expect(b.tcb.rcv.capacity).toBe(receiveBuffer);
  });

  test("never exceeds its limit", () => {
    const b = open({ receiveBufferMax: 600_000 });
    for (const n of [20, 100, 400, 400]) round(b, n);
    expect(b.tcb.rcv.capacity).toBe(600_000);
  });

  test("stays as it is if it was given, as with SO_RCVBUF", () => {
    const b = open({ receiveBuffer: INITIAL });
    for (const n of [20, 100, 400, 400]) round(b, n);
    expect(b.tcb.rcv.capacity).toBe(INITIAL);
  });

  test("does not grow for a user who reads little of what arrives", () => {
    const b = open();
    round(b, 20);
    for (let i = 0; i < 4; i++) {
      round(b, 100, false);
      expect(b.read(M)).toBe(M);
    }
    expect(b.tcb.rcv.capacity).toBe(INITIAL);
    expect(b.tcb.rcv.unread).toBe(396 * M);
  });

  test("does not grow while memory is short", () => {
    const b = open();
    const { slab } = b.stack;
    while (!slab.isTight) slab.alloc();
    for (const n of [20, 100, 400, 1]) round(b, n);
    expect(b.tcb.rcv.capacity).toBe(INITIAL);
  });

  test("has its initial size again after the connection was idle, and what was offered stays acceptable", () => {
    const b = open();
    for (const n of [20, 100, 400, 1]) round(b, n);
    expect(b.tcb.rcv.capacity).toBeGreaterThan(INITIAL);
    const edge = b.tcb.rcv.adv;
    b.run(BUFFER_IDLE - 3 * RTT);
    round(b, 1);
    expect(b.tcb.rcv.capacity).toBeGreaterThan(INITIAL);
    b.run(BUFFER_IDLE);
    round(b, 1);
    expect(b.tcb.rcv.capacity).toBe(INITIAL);
    expect(b.tcb.rcv.adv - edge).toBeGreaterThanOrEqual(0);
    for (const n of [20, 100, 400, 1]) round(b, n);
    expect(b.tcb.rcv.capacity).toBeGreaterThan(INITIAL);
  });

  test("counting memory, it grows by the memory that such a window takes, and the largest window with it", () => {
    const b = open({ receiveBufferCounts: "memory" });
    for (const n of [20, 100, 300, 300, 1]) round(b, n);
    expect(b.tcb.rcv.capacity).toBeGreaterThan(INITIAL);
    expect(b.tcb.rcv.clamp).toBe(Math.floor((2 * b.tcb.rcv.capacity * b.tcb.rcv.share) / 256));
  });
});

describe("the send buffer", () => {
  const filled = (params: TcpSettings, segments: number) => {
    const b = open({ slowStartAfterIdle: false, ...params }, 65_535);
    b.tcb.cc.cwnd = segments * M;
    b.send(1 << 20);
    expect(b.tcb.snd.queued).toBe(b.tcb.snd.capacity);
    b.out();
    b.in(".", { ack: 1 + 10 * M });
    return b;
  };

  test("grows to twice cwnd once it is full", () => {
    const b = filled({}, 500);
    expect(b.tcb.snd.capacity).toBe(1_000 * M);
    expect(b.stack.info(b.tcb, b.now).sendBuffer).toBe(b.tcb.snd.capacity);
  });

  test("to three times cwnd with a control that probes by sending more (BBR)", () => {
    expect(filled({ congestionControl: "bbr" }, 500).tcb.snd.capacity).toBe(1_500 * M);
  });

  test("by what a round trip delivers, not by the part of cwnd that waits in a queue", () => {
    const answered = (segments: number) => {
      const b = open({ slowStartAfterIdle: false }, 65_535);
      b.tcb.cc.cwnd = 500 * M;
      b.tcb.rttMin = 1_000;
      b.send(400 * M);
      b.out();
      b.run(1_000);
      b.in(".", { ack: 1 + segments * M });
      b.send(1 << 20);
      expect(b.tcb.snd.queued).toBe(b.tcb.snd.capacity);
      b.out();
      b.in(".", { ack: 1 + (segments + 1) * M });
      return b.tcb.snd.capacity;
    };
    expect(answered(10)).toBe(SEND_BUFFER.initial);
    expect(answered(300)).toBe(600 * M);
  });

  test("not beyond its limit, not if it was given, not for a small cwnd", () => {
    expect(filled({ sendBufferMax: 800_000 }, 500).tcb.snd.capacity).toBe(800_000);
    expect(filled({ sendBuffer: 300_000 }, 500).tcb.snd.capacity).toBe(300_000);
    expect(filled({}, 20).tcb.snd.capacity).toBe(SEND_BUFFER.initial);
  });

  test("not while memory is short", () => {
    const b = open();
    b.tcb.cc.cwnd = 500 * M;
    b.send(1 << 20);
    b.out();
    while (!b.stack.slab.isTight) b.stack.slab.alloc();
    b.in(".", { ack: 1 + 10 * M });
    expect(b.tcb.snd.capacity).toBe(SEND_BUFFER.initial);
  });

  test("has its initial size again after the connection was idle", () => {
    const b = filled({}, 500);
    b.out();
    b.in(".", { ack: b.peerExpects });
    b.out();
    b.in(".", { ack: b.peerExpects });
    b.run(BUFFER_IDLE / 2);
    b.send(M);
    b.out();
    expect(b.tcb.snd.capacity).toBeGreaterThan(SEND_BUFFER.initial);
    b.in(".", { ack: b.peerExpects });
    b.run(2 * BUFFER_IDLE);
    b.send(M);
    b.out();
    expect(b.tcb.snd.capacity).toBe(SEND_BUFFER.initial);
  });
});

describe("both ends by default", () => {
  const path = (params: TcpSettings) =>
    simulate({
      link: "rate 10gbit delay 5ms queue 4000",
      mtu: 9000,
      time: 0.3,
      omit: 200_000,
      params: { receiveBuffer: 0, receiveBufferMax: RECEIVE_BUFFER.max, sendBuffer: 0, ...params },
    }).flows[0]!;

  for (const congestionControl of ["cubic", "bbr"])
    test(`${congestionControl} fills 10 Gbit/s over 10 ms`, () => {
      const { goodput, retransmissions } = path({ congestionControl });
      expect(goodput).toBeGreaterThan(9e9);
      expect(retransmissions).toBe(0);
    });

  test("a buffer of a megabyte does not", () => {
    expect(path({ receiveBuffer: 1 << 20, receiveBufferMax: 1 << 20 }).goodput).toBeLessThan(1e9);
    expect(path({ sendBuffer: 1 << 20 }).goodput).toBeLessThan(1e9);
  });
});
