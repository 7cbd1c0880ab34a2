import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { Prng } from "#base/prng";
import { Link } from "#device/link";
import { parseLink } from "#device/link-words";
import { LinkBench } from "../support/link-bench.ts";

test("once warm, 100,000 packets through every impairment make no objects", () => {
  const words =
    "rate 100mbit delay 2ms jitter 1ms overtakes loss gemodel 1% 20% duplicate 2% corrupt 2% reorder 5% queue 50 codel ecn ecn 10";
  const b = new LinkBench(new Link({ mtu: 1500, prng: new Prng(1), profile: parseLink(words) }));
  let id = 0;
  const packets = (count: number) => {
    for (let i = 0; i < count; i++) {
      b.offer(id, 1_000, id * 70, 1);
      b.rx.o = b.rxO;
      while (b.link.take(b.slab, b.rx, id * 70) > 0) b.rx.o = b.rxO;
      id++;
    }
  };
  packets(50_000);
  Bun.gc(true);
  const before = heapStats();
  packets(100_000);
  const after = heapStats();
  // What the test runner itself makes meanwhile; one object per packet would be 100,000.
  expect(after.objectCount - before.objectCount).toBeLessThan(500);
  expect(after.heapSize - before.heapSize).toBeLessThan(256 * 1024);
  expect(b.imbalance()).toBe(0);
});
