import { expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "#base/prng";
import { NEVER, SECOND } from "#base/time";
import { Link } from "#device/link";
import { CodelState, NOTHING } from "#device/link-codel";
import { LINK_CODEL, LINK_MARKED } from "#device/link-marks";
import { LinkQueue } from "#device/link-queue";
import { parseLink } from "#device/link-words";
import { LinkBench } from "../support/link-bench.ts";
import { NaiveCodel } from "../support/naive/codel.ts";

test("drops the packets that the pseudo-code of RFC 8289 drops, when it drops them", () => {
  const step = fc.record({ gap: fc.nat(40_000), arrivals: fc.nat(4), bytes: fc.constantFrom(100, 1_500) });
  let drops = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
      const naive = new NaiveCodel(5_000, 100_000, 1_500);
      const queue = new LinkQueue();
      const dropped: { id: number; time: number }[] = [];
      const fate = { drop: (id: number, time: number) => void dropped.push({ id, time }), mark: () => false };
      const codel = new CodelState(queue, fate, 1_500);
      let now = 0;
      let id = 0;
      for (const { gap, arrivals, bytes } of steps) {
        for (let i = 0; i < arrivals; i++) {
          naive.queue.push({ id, bytes, tstamp: now });
          queue.push(id++, bytes, now);
        }
        now += gap;
        const sent = codel.dequeue(now, { target: 5_000, interval: 100_000, ecn: false });
        expect(sent).toBe(naive.dequeue(now)?.id ?? NOTHING);
        expect(queue.bytes).toBe(naive.bytes());
      }
      expect(dropped).toEqual(naive.dropped);
      drops += dropped.length;
    }),
    { seed: 4, numRuns: 200 },
  );
  expect(drops).toBeGreaterThan(1_000);
});

function overloaded(words: string, ecn: number): LinkBench {
  // 1,000 bytes per ms into 4 Mbit/s: twice what it carries, for ten seconds.
  const profile = parseLink(`rate 4mbit queue 100000 ${words}`);
  const b = new LinkBench(new Link({ mtu: 1500, prng: new Prng(1), profile }));
  for (let i = 0; i < 10_000; i++) {
    b.run(i * 1_000);
    b.offer(i, 1_000, i * 1_000, ecn);
  }
  return b;
}

test("under an overload that does not yield, drops come ever faster and bound the queue", () => {
  const without = overloaded("", 0);
  const withCodel = overloaded("codel", 0);
  expect(withCodel.link.counters.get(LINK_CODEL)).toBeGreaterThan(500);
  expect(withCodel.link.waiting).toBeLessThan(without.link.waiting);
  withCodel.run(NEVER);
  expect(withCodel.imbalance()).toBe(0);
});

test("a queue that empties within the interval loses nothing", () => {
  const b = new LinkBench(new Link({ mtu: 1500, prng: new Prng(1), profile: parseLink("rate 10mbit codel") }));
  // A burst of 60 packets every second: 72 ms of queue, gone before 100 ms have passed.
  for (let s = 0; s < 10; s++) {
    for (let i = 0; i < 60; i++) b.offer(i, 1_500, s * SECOND);
    b.run((s + 1) * SECOND);
  }
  expect(b.link.counters.get(LINK_CODEL)).toBe(0);
  expect(b.arrivals).toHaveLength(600);
});

test("with ecn it marks what can be marked and drops only what cannot", () => {
  const capable = overloaded("codel ecn", 0b01);
  expect(capable.link.counters.get(LINK_CODEL)).toBe(0);
  expect(capable.link.counters.get(LINK_MARKED)).toBeGreaterThan(100);
  const incapable = overloaded("codel ecn", 0);
  expect(incapable.link.counters.get(LINK_MARKED)).toBe(0);
  expect(incapable.link.counters.get(LINK_CODEL)).toBeGreaterThan(500);
});
