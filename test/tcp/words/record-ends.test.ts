/** Ends of records: no segment carries octets from both sides of one. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { endRecord } from "#tcp/words/record-ends";
import { TcpBench } from "../../support/tcp-bench.ts";

const OFFLOAD = { checksum: true, tso4: true, tso6: true };

describe("ends of records", () => {
  test("data after an end of record starts a new segment, without waiting for more", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { nagle: "minshall" } });
    b.send(10);
    b.out();
    b.send(20);
    endRecord(b.tcb);
    b.send(30);
    // Nagle holds back what may become larger, not what can not.
    expect(b.lines()).toEqual(["P. 11:31(20) ack 1"]);
    b.in(".");
    expect(b.lines()).toEqual(["P. 31:61(30) ack 1"]);
  });

  test("ending an empty record does nothing, and marking the same end twice marks it once", () => {
    const b = TcpBench.at("ESTABLISHED");
    endRecord(b.tcb);
    b.send(10);
    endRecord(b.tcb);
    endRecord(b.tcb);
    expect(b.tcb.snd.ends.length).toBe(1);
    b.out();
    b.in(".");
    expect(b.tcb.snd.ends.length).toBe(0);
  });

  test("the FIN still rides on the last octets", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(10);
    endRecord(b.tcb);
    b.send(10);
    endRecord(b.tcb);
    b.stack.closeSend(b.tcb, b.now);
    expect(b.lines()).toEqual(["P. 1:11(10) ack 1", "FP. 11:21(10) ack 1"]);
  });

  test("whatever is written, with offload or not: each segment lies within a record, and nothing is left", () => {
    const write = fc.record({ n: fc.integer({ min: 1, max: 4000 }), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), fc.boolean(), (writes, offload) => {
        const b = TcpBench.at("ESTABLISHED", offload ? { offload: OFFLOAD } : {});
        const ends: number[] = [];
        let all = 0;
        for (const { n, ends: marked } of writes) {
          b.send(n);
          all += n;
          if (!marked) continue;
          endRecord(b.tcb);
          ends.push(all);
        }
        let at = 0;
        for (let turn = 0; at < all && turn < 100; turn++) {
          for (const { data } of b.out()) {
            const over = ends.filter((end) => end > at && end < at + data.length);
            expect(over).toEqual([]);
            at += data.length;
          }
          b.in(".");
        }
        expect(at).toBe(all);
        expect(b.tcb.snd.ends.length).toBe(0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
