import { expect, test } from "bun:test";
import fc from "fast-check";
import { Deadlines } from "#base/deadlines";
import { NEVER } from "#base/time";
import { bytesAllocated } from "../support/allocation.ts";
import { NaiveDeadlines } from "../support/naive/deadlines.ts";

const id = fc.integer({ min: 0, max: 200 });
// Few different times, so that many are equal.
const time = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(NEVER));
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("arm" as const), id, time }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), id, time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pop" as const), id, time }) },
);

test("the heap does what a sorted list does, whatever is asked of it in whatever order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const heap = new Deadlines();
      const list = new NaiveDeadlines();
      for (const { do: what, id, time } of steps) {
        if (what === "arm") {
          heap.arm(id, time);
          list.arm(id, time);
        } else if (what === "cancel") {
          heap.cancel(id);
          list.cancel(id);
        } else expect(heap.pop(time)).toBe(list.pop(time));
        expect([heap.size, heap.next()]).toEqual([list.size, list.next()]);
      }
      while (list.size > 0) expect(heap.pop(NEVER)).toBe(list.pop(NEVER));
      expect([heap.size, heap.next(), heap.pop(NEVER)]).toEqual([0, NEVER, -1]);
    }),
    { seed: 2, numRuns: 500 },
  );
});

test("owners that are due at the same time come out in the order of their ids", () => {
  const heap = new Deadlines();
  const ids = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000);
  for (const each of ids) heap.arm(each, 5);
  expect(ids.map(() => heap.pop(5))).toEqual([...ids].sort((a, b) => a - b));
});

test("a deadline that moves later leaves the entry early, never late", () => {
  const heap = new Deadlines();
  heap.arm(1, 10);
  heap.arm(1, 30);
  expect([heap.next(), heap.pop(9), heap.pop(10), heap.size]).toEqual([10, -1, 1, 0]);
});

test("once it has held its most, nothing is allocated", () => {
  const heap = new Deadlines();
  const work = () => {
    for (let i = 0; i < 50_000; i++) heap.arm(i & 1023, (i * 7919) % 10_007);
    while (heap.pop(NEVER) >= 0);
  };
  work();
  expect(bytesAllocated(work)).toBeLessThan(64 * 1024);
});
