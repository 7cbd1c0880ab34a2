import { expect, test } from "bun:test";
import { Prng } from "#base/prng";
import { Link } from "#device/link";
import { parseLink } from "#device/link-words";
import { bytesAllocated } from "../support/allocation.ts";
import { LinkBench } from "../support/link-bench.ts";

const EVERYTHING =
  "rate 100mbit delay 2ms jitter 1ms overtakes loss gemodel 1% 20% duplicate 2% corrupt 2% reorder 5% queue 50 codel ecn ecn 10";

test("once warm, 100,000 packets through every impairment allocate nothing", () => {
  const b = new LinkBench(new Link({ mtu: 1500, prng: new Prng(1), profile: parseLink(EVERYTHING) }));
  let id = 0;
  const kept: unknown[] = [];
  const packets = (count: number, keep: boolean) => {
    for (let i = 0; i < count; i++) {
      b.offer(id, 1_000, id * 70, 1);
      b.rx.o = b.rxO;
      while (b.link.take(b.slab, b.rx, id * 70) > 0) b.rx.o = b.rxO;
      if (keep) kept[0] = { id };
      id++;
    }
  };
  packets(50_000, false);
  expect(bytesAllocated(() => packets(100_000, false))).toBeLessThan(512 * 1024);
  // The measure itself works: one small object per packet shows.
  expect(bytesAllocated(() => packets(100_000, true))).toBeGreaterThan(1024 * 1024);
  expect(b.imbalance()).toBe(0);
});
