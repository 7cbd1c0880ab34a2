/** A receive buffer that counts memory, as Linux does. The scripts of test/drill/window/memory-* prove the figures on a kernel as well. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { diff } from "#tcp/words/seq";
import { lone } from "../../support/linux-bench.ts";
import type { TcpBench } from "../../support/tcp-bench.ts";

const MS = 1_000;
const BUFFER = 4_000;
const small = () => lone({ receiveBuffer: BUFFER, receiveBufferMax: BUFFER });

/** What is used is the sum of what there is, and each stretch of text in order is in exactly one buffer. */
function checkMemory({ tcb }: TcpBench): void {
  const { memory, rcv } = tcb;
  let sum = 0;
  let at = (rcv.nxt - rcv.unread) | 0;
  for (let i = 0; i < memory.inOrder.count; i++) {
    sum += memory.inOrder.sizeOf(i);
    expect(diff(memory.inOrder.endOf(i), at)).toBeGreaterThan(0);
    at = memory.inOrder.endOf(i);
  }
  expect(diff(rcv.nxt, at)).toBe(0);
  for (let i = 0; i < memory.beyond.count; i++) sum += memory.beyond.sizeOf(i);
  expect(memory.used).toBe(sum);
  expect(memory.reserved).toBeGreaterThanOrEqual(0);
}

describe("memory of received text", () => {
  test("small segments fill the buffer before their payload does, are copied together, and all of them can be read", () => {
    const b = small();
    let most = 0;
    for (let i = 0; i < 24; i++) {
      b.in(".", { n: 100 });
      b.run(MS);
      checkMemory(b);
      most = Math.max(most, b.tcb.memory.used);
    }
    expect(most).toBeGreaterThan(2 * BUFFER);
    expect(b.tcb.memory.inOrder.count).toBeLessThan(most / 832);
    expect(b.tcb.memory.used).toBeLessThan(24 * 832);
    expect(b.read()).toBe(2_400);
    expect(b.tcb.memory.used).toBe(0);
  });

  test("a filled gap moves the memory of what lay beyond it; reading gives all of it back", () => {
    const b = small();
    const at = b.peerNxt;
    b.in(".", { seq: at + 1000, n: 1000 });
    b.in(".", { seq: at + 1000, n: 1000 });
    expect(b.tcb.memory.used).toBe(2_304);
    b.in(".", { seq: at, n: 1000 });
    checkMemory(b);
    expect(b.tcb.memory.used).toBe(2 * 2_304);
    expect(b.tcb.memory.beyond.count).toBe(0);
    b.read();
    expect(b.tcb.memory.used).toBe(0);
  });

  test("a buffer that counts payload remembers no segments", () => {
    const b = lone({ receiveBufferCounts: "payload" });
    b.in(".", { n: 100 });
    expect(b.tcb.rcv.unread).toBe(100);
    expect(b.tcb.memory.inOrder.count).toBe(0);
  });

  test("whatever comes and is read: memory is bounded by the buffer, sums are right, what is in order is delivered", () => {
    const step = fc.record({
      ahead: fc.integer({ min: -300, max: 2_500 }),
      n: fc.integer({ min: 1, max: 500 }),
      read: fc.integer({ max: 9, min: 0 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const b = small();
        for (const { ahead, n, read } of steps) {
          const { rcv, memory } = b.tcb;
          const room = diff(rcv.adv, rcv.nxt);
          const seq = ahead % 2 === 0 ? 0 : ahead;
          if (seq + n <= room) b.in(".", { seq: (rcv.nxt + seq) >>> 0, n });
          b.run(MS);
          b.out();
          checkMemory(b);
          // One segment may go beyond, and pages that were reserved.
          expect(memory.used).toBeLessThanOrEqual(2 * BUFFER + 2 * 4_096);
          expect(memory.inOrder.count + memory.beyond.count).toBeLessThanOrEqual((2 * BUFFER + 2 * 4_096) / 832);
          if (read === 0) b.read();
          checkMemory(b);
        }
        b.read();
        if (b.tcb.ranges.count === 0) expect(b.tcb.memory.used).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
