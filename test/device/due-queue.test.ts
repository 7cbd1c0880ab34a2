import { expect, test } from "bun:test";
import fc from "fast-check";
import { NEVER } from "#base/time";
import { DueQueue } from "#device/due-queue";

test("is a list kept sorted by time and then by order of adding", () => {
  const step = fc.oneof(fc.record({ add: fc.nat(50) }), fc.record({ take: fc.nat(50) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new DueQueue();
      let list: { time: number; value: number }[] = [];
      steps.forEach((one, value) => {
        if ("add" in one) {
          queue.add(one.add, value);
          list = [...list, { time: one.add, value }].sort((x, y) => x.time - y.time || x.value - y.value);
        } else {
          const due = list[0] !== undefined && list[0].time <= one.take ? list.shift()!.value : -1;
          expect(queue.take(one.take)).toBe(due);
        }
        expect(queue.size).toBe(list.length);
        expect(queue.next()).toBe(list[0]?.time ?? NEVER);
      });
    }),
    { seed: 9, numRuns: 300 },
  );
});
