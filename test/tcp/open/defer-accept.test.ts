/** A listener that waits for data (TCP_DEFER_ACCEPT), and a client whose ACK of the SYN,ACK waits for a write. */
import { describe, expect, test } from "bun:test";
import { TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1_000_000;

describe("a listener that waits for data", () => {
  const knocked = (deferAccept: number) => {
    const b = new TcpBench({ params: { deferAccept, timestamps: false } }).listen();
    b.in("S", { mss: 1460 });
    b.lines();
    return b.in(".");
  };

  test("a bare ACK does not open the connection; data or a FIN does", () => {
    for (const [flags, n] of [
      ["P.", 10],
      ["F.", 0],
    ] as const) {
      const b = knocked(2);
      expect([b.listener!.ready.length, b.count("tcp.rx.deferred")]).toEqual([0, 1]);
      b.in(flags, { n });
      expect(b.listener!.ready.length).toBe(1);
    }
  });

  test("the SYN,ACK is retransmitted only at the last of its timeouts; then any ACK opens the connection", () => {
    const b = knocked(2);
    expect(b.run(2.9 * SECOND).lines()).toEqual([]);
    expect(b.run(0.2 * SECOND).lines().length).toBe(1);
    b.in(".");
    expect(b.listener!.ready.length).toBe(1);
  });

  test("a peer that has not acknowledged the SYN,ACK gets it again at each timeout", () => {
    const b = new TcpBench({ params: { deferAccept: 3 } }).listen();
    b.in("S", { mss: 1460 });
    expect(b.run(1.1 * SECOND).lines().length).toBe(2);
  });

  test("a silent peer is given up in time, and its place in the backlog is free again", () => {
    const b = knocked(1);
    b.run(600 * SECOND);
    expect([b.listener!.ready.length, b.listener!.halfOpen, b.stack.connectionCount]).toEqual([0, 0, 0]);
  });
});

describe("the ACK of a SYN,ACK", () => {
  const answered = (delayHandshakeAck: number, writerWaits: boolean) => {
    const b = new TcpBench({ params: { delayHandshakeAck, timestamps: false } }).connect();
    b.tcb.writerWaits = writerWaits;
    b.out();
    return b.in("S.", { mss: 1460 });
  };

  test("is sent at once if the user is not about to write", () => {
    expect(answered(200_000, false).lines().length).toBe(1);
    expect(answered(0, true).lines().length).toBe(1);
  });

  test("is sent with a writer's data, or when its delay is over", () => {
    const b = answered(200_000, true);
    expect(b.lines()).toEqual([]);
    b.send(10);
    expect(b.lines()).toEqual(["P. 1:11(10) ack 1"]);
    const late = answered(200_000, true);
    expect(late.run(199_000).lines()).toEqual([]);
    expect(late.run(2_000).lines()).toEqual([". 1:1(0) ack 1"]);
  });
});
