import { expect, test } from "bun:test";
import fc from "fast-check";
import { Fifo } from "#base/fifo";

test("what goes in comes out in the same order, through growth and shrinking", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 30 }), (bursts) => {
      const fifo = new Fifo<number>();
      const list: number[] = [];
      let next = 0;
      for (const n of bursts) {
        for (let i = 0; i < n; i++) {
          fifo.push(next);
          list.push(next++);
        }
        const taken: (number | undefined)[] = [];
        for (let i = 0; i < -n; i++) taken.push(fifo.shift());
        const wanted = list.splice(0, Math.max(0, -n));
        expect(taken.filter((item) => item !== undefined)).toEqual(wanted);
        expect([fifo.size, fifo.peek()]).toEqual([list.length, list[0]]);
      }
    }),
    { seed: 2, numRuns: 100 },
  );
});
