/** Sequence numbers around every wrap there is: of an int32, of a uint32, and none. */
import { describe, expect, test } from "bun:test";
import { TcpBench } from "../../support/tcp-bench.ts";

describe.each([0x80000000, 0x100000000, 0x40000000])("ISNs just before %d", (wrap) => {
  test("losses, SACK, reordering, windows, both FINs: every octet once", () => {
    const b = TcpBench.at(
      "ESTABLISHED",
      { wrap, params: { sack: true, timestamps: true, windowScale: true } },
      { mss: 1000, sackOk: true, ts: [0xffffffff, 0], wscale: 3 },
    );
    b.peerTs = 1;
    // Theirs: out of order, twice, overlapping.
    for (const [seq, n] of [
      [1001, 1000],
      [1, 500],
      [3001, 500],
      [400, 700],
      [1900, 1300],
    ] as const) {
      b.in(".", { seq, n });
    }
    expect(b.read()).toBe(3500);
    expect(b.out().at(-1)!.ack).toBe(3501);
    b.peerNxt = 3501;
    // Ours: the second and the fifth segment are lost.
    b.send(8000);
    const sent = b.out().map((x) => x.seq);
    expect(sent.length).toBe(9);
    const mss = sent[1]! - sent[0]!;
    const edge = (i: number) => 1 + i * mss;
    b.in(".", { ack: edge(1), sack: [[edge(2), edge(4)]] });
    b.in(".", {
      ack: edge(1),
      sack: [
        [edge(5), edge(8)],
        [edge(2), edge(4)],
      ],
    });
    b.run(200);
    const again = [...b.out().map((x) => x.seq)];
    for (let i = 0; i < 20 && again.length < 2; i++)
      again.push(
        ...b
          .run(50_000)
          .out()
          .map((x) => x.seq),
      );
    expect(again.slice(0, 2)).toEqual([edge(1), edge(4)]);
    b.in(".", { ack: 8001 });
    expect(b.tcb.outstanding()).toBe(0);
    expect(b.tcb.inFlight()).toBe(0);
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in("F.");
    expect(b.state).toBe("TIME-WAIT");
  });

  test("an old duplicate of half the sequence space ago is old, one in the window is not", () => {
    const b = TcpBench.at("ESTABLISHED", { wrap });
    b.in(".", { seq: -0x70000000, n: 10 });
    b.in(".", { seq: 0x70000000, n: 10 });
    expect(b.tcb.rcv.unread).toBe(0);
    expect(b.tcb.ranges.count).toBe(0);
    b.in(".", { seq: 30_000, n: 10 });
    expect(b.tcb.ranges.count).toBe(1);
  });
});
