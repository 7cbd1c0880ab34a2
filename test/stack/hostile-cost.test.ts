/**
 * What a packet costs has a bound, whatever it says: a flood of the worst ones costs at most ten times as much as a flood of plain ones.
 * Counted in reads of the arrays in which the stack looks, not in time.
 */
import { describe, expect, test } from "bun:test";
import { noteDuplicate } from "#tcp/receive/acknowledging";
import { DEFAULT_PARAMS } from "#tcp/words/params";
import { RangePool, Ranges } from "#tcp/words/ranges";
import type { Tcb } from "#tcp/words/tcb";
import { AckClock } from "../support/ack-clock.ts";

/** Segments in flight. */
const WINDOW = 10_000;
const FACTOR = 10;

type Block = readonly [number, number];

describe("ACKs", () => {
  /** Reads per ACK where each acknowledges two segments. */
  const plain = (() => {
    const clock = new AckClock(WINDOW, "clean");
    let steps = 0;
    for (let i = 1; i <= 1000; i++) steps += clock.says(2 * i, []);
    return steps / 1000;
  })();

  const worst = (name: string, acks: number, blocks: (i: number) => Block[], next: (i: number) => number = () => 0) =>
    test(name, () => {
      const clock = new AckClock(WINDOW, "clean");
      let steps = 0;
      for (let i = 0; i < acks; i++) steps += clock.says(next(i), blocks(i));
      expect(steps / acks).toBeLessThanOrEqual(FACTOR * plain);
    });

  worst("single segments, from the end to the beginning", 2000, (i) =>
    [0, 1, 2, 3].map((k) => {
      const at = WINDOW - 2 * (4 * i + k) - 2;
      return [Math.max(at, 1), Math.max(at, 1) + 1] as const;
    }),
  );

  worst("single segments, in no order", 2000, (i) =>
    [0, 1, 2, 3].map((k) => {
      const at = 1 + (((4 * i + k) * 7919) % (WINDOW - 2));
      return [at, at + 1] as const;
    }),
  );

  // All but the first segment has arrived; each ACK says so with other blocks.
  worst("a full scoreboard, blocks that begin later each time", WINDOW - 10, (i) =>
    i === 0 ? [[1, WINDOW]] : [0, 1, 2, 3].map((k) => [1 + ((i + k * 2400) % (WINDOW - 8)), WINDOW] as const),
  );
  worst("a full scoreboard, blocks that begin earlier each time", WINDOW - 10, (i) =>
    i === 0 ? [[1, WINDOW]] : [[WINDOW - i - 1, WINDOW]],
  );
  worst("a full scoreboard, made of single segments", WINDOW - 10, (i) => [
    [WINDOW - i - 1, WINDOW - i],
    [1 + ((i * 7919) % (WINDOW - 2)), WINDOW],
  ]);
  worst("duplicates of all that is there", WINDOW, (i) =>
    i === 0
      ? [[1, WINDOW]]
      : [
          [1 + (i % 100), WINDOW - 1],
          [1, WINDOW],
        ],
  );

  test("all is lost, nothing was lost, and again: a peer cannot have that more than once or twice per window", () => {
    const window = 2000;
    const clock = new AckClock(window, "clean");
    const { tcb } = clock;
    const old = tcb.tsOffset + 1;
    let steps = 0;
    const cycles = 300;
    for (let i = 0; i < cycles; i++) {
      steps += clock.says(i, [[window - 2 * i - 2, window - 2 * i - 1]], old);
      // The reordering window ends: everything is lost, and the first segment is sent again.
      steps += clock.passes(30_000);
      // The segment itself arrived late, says the timestamp.
      steps += clock.says(i + 1, [], old);
    }
    expect(steps / (3 * cycles)).toBeLessThanOrEqual(FACTOR * plain);
  });
});

describe("out-of-order segments", () => {
  /** Reads of the arrays of ranges that `run` causes. */
  const reads = (ranges: Ranges, run: () => void): number => {
    let steps = 0;
    const counted = (array: Int32Array): Int32Array =>
      new Proxy(array, {
        get(target, key) {
          const value = Reflect.get(target, key) as unknown;
          if (typeof value === "function") return value.bind(target);
          steps++;
          return value;
        },
        set: (target, key, value) => Reflect.set(target, key, value),
      });
    const { left, right } = ranges;
    ranges.left = counted(left);
    ranges.right = counted(right);
    run();
    ranges.left = left;
    ranges.right = right;
    return steps;
  };
  const holes = (n: number) => {
    const ranges = new Ranges(new RangePool(1 << 20), {} as Tcb);
    for (let i = 0; i < n; i++) ranges.add(i * 10, i * 10 + 5);
    return ranges;
  };
  const newest = new Int32Array(4);
  /** All that is done with a segment: it is looked for, kept and reported, and so is a part that had arrived before. */
  const take = (ranges: Ranges, at: number, n: number) => {
    const tcb = { ranges, sackOk: true, params: DEFAULT_PARAMS, rcv: { nxt: 0 }, dsackLeft: 0, dsackRight: 0 } as Tcb;
    noteDuplicate(tcb, at, at + n);
    ranges.covered(at, at + n);
    ranges.add(at, at + n);
    ranges.recent(newest, 4);
  };

  test.each([
    ["joins nothing", 7, 1],
    ["was there before", 0, 2],
  ])(
    "fifteen thousand holes, and a segment anywhere among them that %s: no more than ten times what one costs beyond four",
    (_, from, n) => {
      const few = holes(4);
      const plain = reads(few, () => take(few, 1000, 1));
      const ranges = holes(15_000);
      for (let i = 0; i < 500; i++) {
        const at = ((i * 7919) % 15_000) * 10 + from;
        expect(reads(ranges, () => take(ranges, at, n))).toBeLessThanOrEqual(FACTOR * plain);
      }
    },
  );

  test("text that fills all holes at once costs one step for each of them", () => {
    const ranges = holes(2000);
    expect(reads(ranges, () => ranges.advance(20_000))).toBeLessThan(5 * 2000);
    expect(ranges.count).toBe(0);
  });
});
