/** Linux' sender beside the RFCs': what it does otherwise. The scripts of test/drill prove the rest, on both this stack and a kernel. */
import { describe, expect, test } from "bun:test";
import { SEND_CONTINUED, SEND_MORE } from "#tcp/words/send-flags";
import { ack, CHARACTERISTICS, flight, lone, M, RTT, starts } from "../../support/linux-bench.ts";

describe("segments, not octets", () => {
  test("ten small segments fill an initial window of ten", () => {
    const b = lone({ nagle: "off" });
    let sent = 0;
    for (let i = 0; i < 20; i++) {
      b.send(100);
      sent += b.out().length;
    }
    expect(sent).toBe(10);
    expect(b.tcb.board).toMatchObject({ packetsOut: 10 });
  });

  test("part of a segment is none: the ACK of a half moves SND.UNA and nothing else", () => {
    const b = lone({});
    b.send(M);
    b.out();
    const timer = b.tcb.deadline();
    b.run(RTT);
    b.in(".", { ack: 1 + M / 2 });
    expect(b.tcb.board).toMatchObject({ packetsOut: 1 });
    expect(b.tcb.deadline()).toBe(timer);
  });

  test("the window that the peer opens makes segments larger: never more than half of it", () => {
    const b = lone({}, 1000);
    b.send(3000);
    expect(b.out().map((x) => x.data.length)).toEqual([500, 500]);
    b.in(".", { ack: 1001, win: 8000 });
    expect(b.out().map((x) => x.data.length)).toEqual([1000, 1000]);
  });
});

describe("the round trip", () => {
  test("RTO follows the largest deviation of a round trip, and comes down by a quarter of the way", () => {
    const b = flight(10, 20);
    // SRTT 100 ms; the deviation counts as 200 ms at least.
    expect(b.tcb.rto).toBe(300_000);
    b.run(3 * RTT);
    ack(b, 2);
    b.out();
    // 300 ms: error 200 ms.
    expect(b.tcb.rto).toBeGreaterThan(400_000);
  });

  test("an ACK of something that was resent gives no sample without timestamps", () => {
    const b = flight(6, 6);
    b.run(RTT);
    ack(b, 0, [1, 4]);
    expect(starts(b)).toContain(0);
    b.run(RTT / 2);
    const { srtt } = b.tcb;
    ack(b, 5);
    expect(b.tcb.srtt).toBe(srtt);
  });
});

describe("recovery", () => {
  test("one ACK that SACKs three: half of cwnd or more is kept, and a segment goes for each that is delivered", () => {
    const b = flight(10, 30);
    b.run(RTT);
    ack(b, 0, [1, 4]);
    const first = starts(b);
    expect(first[0]).toBe(0);
    expect(b.stack.info(b.tcb)).toMatchObject({ phase: "recovery", ssthresh: 5 * M });
    expect(first.length).toBeLessThanOrEqual(3);
  });

  test("an ACK without news leaves cwnd as it is", () => {
    const b = flight(10, 30);
    b.run(RTT);
    ack(b, 0, [1, 4]);
    b.out();
    const { cwnd } = b.tcb.cc;
    b.in(".", { ack: 1, win: CHARACTERISTICS.window });
    expect(b.tcb.cc.cwnd).toBe(cwnd);
  });

  test("a timeout sends the first segment again, and F-RTO takes it back when what was never resent arrives", () => {
    const b = flight(4, 4, { tailLossProbe: false });
    const before = b.tcb.cc.cwnd;
    b.run(400_000);
    expect(starts(b)).toEqual([0]);
    expect(b.stack.info(b.tcb).phase).toBe("loss");
    ack(b, 0, [2, 3]);
    expect(b.stack.info(b.tcb).phase).not.toBe("loss");
    expect(b.tcb.cc.cwnd).toBe(before);
  });

  test("without SACK the state is held until more than all that was in flight is acknowledged", () => {
    const b = flight(6, 6, { sack: false });
    b.run(RTT);
    for (let i = 0; i < 3; i++) ack(b, 0);
    expect(starts(b)).toEqual([0]);
    ack(b, 6);
    expect(b.stack.info(b.tcb).phase).toBe("recovery");
    b.send(M);
    b.out();
    ack(b, 7);
    expect(b.stack.info(b.tcb).phase).toBe("open");
  });
});

describe("what goes when", () => {
  test("PSH goes where a SEND ended, unless more was appended before it went", () => {
    const b = flight(2, 2);
    b.send(M);
    b.send(M);
    b.run(RTT);
    ack(b, 2);
    expect(b.out().map((x) => x.flags)).toEqual([".", "P."]);
  });

  test("a PSH that a SEND has put into a piece stays when the same SEND appends to that piece, as the window has grown", () => {
    const b = lone({ sendBuffer: 3_000, initialWindow: 1, nagle: "off" }, 2 * M);
    // Pieces of half the window. One is in flight, one queued and pushed: the buffer is full.
    expect(b.send(10 * M)).toBe(2 * M);
    expect(b.lines()).toEqual([". 1:1001(1000) ack 1"]);
    b.in(".", { ack: 1, win: 20_000 });
    b.stack.setParams(b.tcb, { sendBuffer: 100_000 }, b.now);
    b.send(500, { flags: SEND_CONTINUED | SEND_MORE });
    expect(b.lines()).toEqual([]);
    b.in(".", { ack: 1 + M, win: 20_000 });
    expect(b.lines()).toEqual([". 1001:2001(1000) ack 1", "P. 2001:2501(500) ack 1"]);
  });

  test("MSG_MORE holds a small segment until the next ACK, or for the time of a window probe", () => {
    const b = lone({});
    b.send(100, { flags: SEND_MORE });
    expect(b.out()).toEqual([]);
    b.run(310_000);
    expect(b.out().map((x) => x.data.length)).toEqual([100]);
  });

  test("a window that a segment without news offers counts only if it is wider, or closed", () => {
    const b = lone({});
    b.in(".", { win: 900 });
    expect(b.tcb.snd.wnd).toBe(CHARACTERISTICS.window);
    b.in(".", { win: 0 });
    expect(b.tcb.snd.wnd).toBe(0);
    b.in(".", { win: 900 });
    expect(b.tcb.snd.wnd).toBe(900);
  });
});
