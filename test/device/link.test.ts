import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CSUM_PARTIAL, CSUM_VALID } from "#base/packet";
import { Prng } from "#base/prng";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { Link } from "#device/link";
import * as marks from "#device/link-marks";
import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import { parseLink } from "#device/link-words";
import { LinkBench } from "../support/link-bench.ts";

function bench(words: string, seed = 1, packetsMax?: number): LinkBench {
  const options = { mtu: 1500, prng: new Prng(seed), profile: parseLink(words) };
  return new LinkBench(new Link(packetsMax === undefined ? options : { ...options, packetsMax }));
}

test("a clear link delivers at once, in order, byte for byte, head and slices joined", () => {
  const b = bench("");
  b.slab.u8.fill(7, b.txO, b.txO + 30);
  b.tx.o = b.txO;
  b.tx.n = 10;
  b.tx.addSlice(b.txO + 20, 5);
  b.tx.addSlice(b.txO + 10, 3);
  for (let i = 0; i < 30; i++) b.slab.u8[b.txO + i] = i;
  expect(b.link.offer(b.slab, b.tx, 5)).toBe(marks.NO_DROP);
  expect(b.link.nextDeadline()).toBe(5);
  b.rx.o = b.rxO;
  expect(b.link.take(b.slab, b.rx, 5)).toBe(18);
  expect([...b.slab.u8.subarray(b.rxO, b.rxO + 18)]).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 24, 10, 11, 12,
  ]);
  expect(b.link.take(b.slab, b.rx, 5)).toBe(0);
  expect(b.link.nextDeadline()).toBe(NEVER);
});

test("packets go from one slab to another", () => {
  const b = bench("delay 1ms");
  b.offer(42, 100, 0);
  const other = new Slab(1 << 17);
  b.rx.o = 64;
  expect(b.link.take(other, b.rx, 1_000)).toBe(100);
  expect(other.view.getInt32(64 + 20)).toBe(42);
});

test("the propagation delay is exact", () => {
  const b = bench("delay 20ms");
  for (let i = 0; i < 10; i++) b.offer(i, 100, i * 7);
  b.run(NEVER);
  expect(b.arrivals.map((a) => a.time)).toEqual([...Array(10).keys()].map((i) => 20_000 + i * 7));
});

test("a rate gives each packet its transmission time, without drift over ten thousand packets", () => {
  // 3 Mbit/s: 1,000 bytes take 2,666.67 us: what is rounded is the arrival, not the time of the transmitter.
  const b = bench("rate 3mbit queue 100000");
  for (let i = 0; i < 10_000; i++) b.offer(i, 1_000, 0);
  b.run(NEVER);
  b.arrivals.forEach((a, i) => {
    // One microsecond: 8e9 / 3e6 is not a finite binary fraction, so a whole sum may come out a little above itself.
    expect(Math.abs(a.time - ((i + 1) * 8e9) / 3e6)).toBeLessThanOrEqual(1);
  });
});

test("how often and how late a link is asked changes nothing but when packets are taken", () => {
  const words = "rate 2mbit delay 5ms jitter 3ms loss 5% duplicate 3% corrupt 2% reorder 10% queue 20 codel";
  const often = bench(words);
  const seldom = bench(words);
  for (let i = 0; i < 2_000; i++) {
    const now = i * 1_500;
    for (let t = often.link.nextDeadline(); t <= now; t = often.link.nextDeadline()) often.take(t);
    often.offer(i, 500, now);
    seldom.offer(i, 500, now);
  }
  often.run(NEVER);
  seldom.take(1e12);
  expect(seldom.arrivals.map((a) => a.id)).toEqual(often.arrivals.map((a) => a.id));
  expect(seldom.link.counters.snapshot()).toEqual(often.link.counters.snapshot());
});

test("the queue holds so many packets behind the one in the transmitter; the tail is dropped", () => {
  const b = bench("rate 1mbit queue 3");
  const verdicts = [...Array(6).keys()].map((i) => b.offer(i, 1_000, 0));
  expect(verdicts.map((v) => v === marks.LINK_QUEUE_FULL)).toEqual([false, false, false, false, true, true]);
  expect(b.link.waiting).toBe(3);
  expect(b.link.waitingBytes).toBe(3_000);
  b.run(NEVER);
  expect(b.arrivals.map((a) => a.id)).toEqual([0, 1, 2, 3]);
});

test("a queue in bytes takes what fits", () => {
  const b = bench("rate 1mbit queue 2kib");
  expect(b.offer(0, 1_500, 0)).toBe(marks.NO_DROP);
  expect(b.offer(1, 1_500, 0)).toBe(marks.NO_DROP);
  expect(b.offer(2, 1_000, 0)).toBe(marks.LINK_QUEUE_FULL);
  expect(b.offer(3, 548, 0)).toBe(marks.NO_DROP);
});

test("a queue of 0 still feeds an idle transmitter", () => {
  const b = bench("rate 1mbit queue 0");
  expect(b.offer(0, 1_000, 0)).toBe(marks.NO_DROP);
  expect(b.offer(1, 1_000, 7_999)).toBe(marks.LINK_QUEUE_FULL);
  expect(b.offer(2, 1_000, 8_000)).toBe(marks.NO_DROP);
});

test("jitter keeps the order unless it may overtake", () => {
  const kept = bench("delay 20ms jitter 10ms");
  const loose = bench("delay 20ms jitter 10ms overtakes");
  for (const b of [kept, loose]) {
    for (let i = 0; i < 500; i++) b.offer(i, 100, i * 100);
    b.run(NEVER);
    expect(b.arrivals).toHaveLength(500);
  }
  const ids = [...Array(500).keys()];
  expect(kept.arrivals.map((a) => a.id)).toEqual(ids);
  expect(loose.arrivals.map((a) => a.id)).not.toEqual(ids);
  expect(loose.arrivals.map((a) => a.id).sort((x, y) => x - y)).toEqual(ids);
});

test.each(["uniform", "normal"])("%s jitter has the mean and the spread it was given", (distribution) => {
  const b = bench(`delay 100ms jitter 10ms distribution ${distribution} overtakes`);
  for (let i = 0; i < 20_000; i++) b.offer(i, 100, i * 1_000);
  b.run(NEVER);
  const deviations = b.arrivals.map((a) => a.time - a.id * 1_000 - 100_000);
  const mean = deviations.reduce((s, d) => s + d, 0) / deviations.length;
  const spread = Math.sqrt(deviations.reduce((s, d) => s + d * d, 0) / deviations.length);
  expect(Math.abs(mean)).toBeLessThan(200);
  expect(spread).toBeCloseTo(distribution === "normal" ? 10_000 : 10_000 / Math.sqrt(3), -3);
});

test("a duplicate is one more delivery, counted", () => {
  const b = bench("duplicate 100% delay 1ms");
  b.offer(9, 100, 0);
  b.run(NEVER);
  expect(b.arrivals.map((a) => a.id)).toEqual([9, 9]);
  expect(b.imbalance()).toBe(0);
});

test("a trusted link carries packets whose checksum is not final, and counts them as verified; it does not corrupt", () => {
  const options = { mtu: 1500, prng: new Prng(1) };
  const trusted = new LinkBench(new Link({ ...options, isTrusted: true }));
  const plain = new LinkBench(new Link(options));
  for (const b of [trusted, plain]) {
    b.tx.o = b.txO;
    b.tx.n = 40;
    b.tx.csum = CSUM_PARTIAL;
    b.rx.o = b.rxO;
  }
  expect(() => plain.link.offer(plain.slab, plain.tx, 0)).toThrow("as a wire sees them");
  expect(trusted.link.offer(trusted.slab, trusted.tx, 0)).toBe(marks.NO_DROP);
  expect(trusted.link.take(trusted.slab, trusted.rx, 0)).toBe(40);
  expect(trusted.rx.csum).toBe(CSUM_VALID);
  expect(() => trusted.link.set(parseLink("corrupt 1%"), 0)).toThrow("does not corrupt");
});

test("a corrupted packet differs in exactly one bit", () => {
  const b = bench("corrupt 100%");
  for (let i = 0; i < 50; i++) {
    b.offer(i, 200, i);
    b.rx.o = b.rxO;
    b.link.take(b.slab, b.rx, i);
    let bits = 0;
    for (let k = 0; k < 200; k++) {
      for (let x = b.slab.u8[b.txO + k]! ^ b.slab.u8[b.rxO + k]!; x !== 0; x &= x - 1) bits++;
    }
    expect(bits).toBe(1);
  }
});

test("a reordered packet skips the delay; with a gap only every n-th may", () => {
  const b = bench("delay 10ms reorder 100% gap 5");
  for (let i = 1; i <= 20; i++) b.offer(i, 100, i * 10);
  b.run(NEVER);
  const early = b.arrivals.filter((a) => a.time === a.id * 10).map((a) => a.id);
  expect(early).toEqual([5, 10, 15, 20]);
});

test("a packet beyond the MTU is refused with a mark", () => {
  const b = bench("mtu 600");
  expect(b.link.mtu).toBe(600);
  expect(b.offer(0, 601, 0)).toBe(marks.LINK_TOO_BIG);
  expect(b.offer(1, 600, 0)).toBe(marks.NO_DROP);
});

test("a link that is down drops what is offered and what leaves the transmitter meanwhile, again every period", () => {
  const b = bench("rate 8kbit down 10s-12s every 20s");
  const down = (now: number) => b.offer(0, 100, now) === marks.LINK_DOWN;
  expect([9_999_999, 10_000_000, 11_999_999, 12_000_000].map(down)).toEqual([false, true, true, false]);
  expect([29_999_999, 30_000_000, 31_999_999, 32_000_000].map(down)).toEqual([false, true, true, false]);
  b.run(NEVER);
  // 100 bytes take 100 ms: those offered a microsecond before the cut were cut off.
  expect(b.arrivals.map((a) => a.time)).toEqual([12_100_000, 32_100_000]);
  expect(b.imbalance()).toBe(0);
});

test("the marking threshold sets CE in ECN-capable packets only, and keeps the header checksum right", () => {
  const b = bench("rate 1mbit ecn 2");
  // The first goes into the transmitter; 1 and 2 find 0 and 1 waiting; from the third on it is two and more.
  for (let i = 0; i < 5; i++) b.offer(i, 1_000, 0, i === 4 ? 0 : 0b10);
  const ecn: number[] = [];
  for (let t = b.link.nextDeadline(); t !== NEVER; t = b.link.nextDeadline()) {
    b.rx.o = b.rxO;
    if (b.link.take(b.slab, b.rx, t) === 0) continue;
    ecn.push(b.slab.view.getUint8(b.rxO + 1));
    let sum = 0;
    for (let k = 0; k < 20; k += 2) sum += b.slab.view.getUint16(b.rxO + k);
    expect(sum % 0xffff).toBe(0);
  }
  expect(ecn).toEqual([2, 2, 2, 3, 0]);
  expect(b.link.counters.get(marks.LINK_MARKED)).toBe(1);
});

test("another profile takes effect at once, and what is on the wire arrives as it would have", () => {
  const b = bench("delay 100ms");
  b.offer(0, 100, 0);
  b.link.set(parseLink("delay 10ms loss nth 2"), 1_000);
  for (let i = 1; i <= 3; i++) b.offer(i, 100, 2_000);
  b.run(NEVER);
  expect(b.arrivals.map((a) => [a.id, a.time])).toEqual([
    [1, 12_000],
    [3, 12_000],
    [0, 100_000],
  ]);
});

describe("a link that is set right again is right for new packets at once", () => {
  /** Packet 0 to 9 meet the mistake; the link is then set right, and packet 10 to 12 are offered. When the latter arrive, us later. */
  const after = (mistake: string, right: string, cells?: number) => {
    const b = bench(mistake, 1, cells);
    for (let i = 0; i < 10; i++) b.offer(i, 100, i);
    b.link.set(parseLink(right), 1_000_000);
    for (let i = 10; i < 13; i++) b.offer(i, 100, 1_000_000);
    b.run(NEVER);
    expect(b.imbalance()).toBe(0);
    return b.arrivals.filter(({ id }) => id >= 10).map(({ id, time }) => [id, time - 1_000_000]);
  };
  const atOnce = (us: number) => [10, 11, 12].map((id) => [id, us]);

  test.each([
    ["a delay of 20 s", "delay 20s"],
    ["a delay of 20 s with jitter", "delay 20s jitter 5s"],
    ["a rate of 100 bit/s", "rate 100bit"],
    ["a link that was down", "down 0s-100s"],
    ["all of it lost", "loss 100%"],
  ])("%s", (_, mistake) => {
    expect(after(mistake, "delay 1ms")).toEqual(atOnce(1_000));
  });

  test("although more is under way than the model has room for: new packets take the place of old ones", () => {
    expect(after("delay 20s", "delay 1ms", 10)).toEqual(atOnce(1_000));
  });

  test("what is left of the packet in the transmitter goes at the new rate", () => {
    const b = bench("rate 8kbit");
    b.offer(0, 1000, 0);
    b.link.set(parseLink("rate 80kbit"), 500_000);
    b.offer(1, 1000, 500_000);
    b.run(NEVER);
    expect(b.arrivals.map(({ time }) => time)).toEqual([550_000, 650_000]);
  });

  test("packets of one setting keep their order, whatever came before", () => {
    const b = bench("delay 1s");
    for (let round = 0; round < 50; round++) {
      const since = round * 10_000;
      b.link.set(parseLink(`delay ${(round * 37) % 90}ms jitter ${(round * 7) % 30}ms`), since);
      for (let i = 0; i < 20; i++) b.offer(round * 20 + i, 100, since + i * 100);
    }
    b.run(NEVER);
    const places = b.arrivals.map(({ id }) => id);
    for (let round = 0; round < 50; round++) {
      const ids = places.filter((id) => Math.floor(id / 20) === round);
      expect(ids).toEqual([...ids].sort((x, y) => x - y));
      expect(ids).toHaveLength(20);
    }
  });
});

test("what finds no room in the storage is dropped and counted, never silently", () => {
  const b = bench("delay 1s", 1, 4);
  const verdicts = [...Array(6).keys()].map((i) => b.offer(i, 100, 0));
  expect(verdicts.filter((v) => v === marks.LINK_STORAGE)).toHaveLength(2);
  b.run(NEVER);
  expect(b.imbalance()).toBe(0);
  expect(b.offer(7, 100, 2_000_000)).toBe(marks.NO_DROP);
});

test("turning one impairment on does not shift the draws of another", () => {
  const lost = (words: string) => {
    const b = bench(words, 99);
    for (let i = 0; i < 1_000; i++) b.offer(i, 100, i);
    b.run(NEVER);
    const arrived = new Set(b.arrivals.map((a) => a.id));
    return [...Array(1_000).keys()].filter((id) => !arrived.has(id));
  };
  expect(lost("loss 10%").length).toBeGreaterThan(50);
  expect(lost("loss 10% duplicate 20% delay 5ms jitter 2ms")).toEqual(lost("loss 10%"));
});

const chance = fc.record({
  probability: fc.constantFrom(0, 0.01, 0.2, 1),
  correlation: fc.constantFrom(0, 0.5),
});
const profiles: fc.Arbitrary<LinkProfile> = fc.record({
  rate: fc.constantFrom(Number.POSITIVE_INFINITY, 1e5, 1e6, 7e6),
  delay: fc.nat(50_000),
  jitter: fc.record({
    spread: fc.constantFrom(0, 1_000, 30_000),
    correlation: fc.constantFrom(0, 0.3),
    distribution: fc.constantFrom("uniform" as const, "normal" as const),
    overtakes: fc.boolean(),
  }),
  queue: fc.record({
    packets: fc.constantFrom(0, 1, 10, 100),
    bytes: fc.constantFrom(3_000, Number.POSITIVE_INFINITY),
    codel: fc.constantFrom(undefined, { target: 5_000, interval: 100_000, ecn: true }),
    ecnPackets: fc.constantFrom(5, Number.POSITIVE_INFINITY),
    ecnBytes: fc.constant(Number.POSITIVE_INFINITY),
  }),
  loss: fc.oneof(
    fc.record({ kind: fc.constant("independent" as const), chance }),
    fc.constant({ kind: "gilbert-elliott" as const, p: 0.05, r: 0.3, lossBad: 0.9, lossGood: 0.01 }),
  ),
  lossNth: fc.constantFrom(undefined, { mask: Uint8Array.of(0, 1, 0), repeats: true }),
  duplicate: chance,
  reorder: fc.constantFrom({ probability: 0, correlation: 0, gap: 1 }, { probability: 0.2, correlation: 0, gap: 2 }),
  corrupt: fc.constant(CLEAR_LINK.corrupt),
  mtu: fc.constantFrom(undefined, 1_000),
  mtuIcmp: fc.boolean(),
  down: fc.constantFrom(undefined, { spans: [{ from: 10_000, to: 60_000 }], period: 200_000 }),
  trace: fc.constantFrom(undefined, { times: Float64Array.of(0, 5_000, 5_000, 30_000), period: 30_000, name: "t" }),
});

test("conservation, order and lower bounds of delay hold for any profile and any traffic", () => {
  const traffic = fc.array(fc.record({ gap: fc.nat(3_000), bytes: fc.integer({ min: 24, max: 1_500 }) }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(profiles, traffic, fc.integer(), (profile, packets, seed) => {
      const b = new LinkBench(new Link({ mtu: 1500, prng: new Prng(seed), profile }));
      const sentAt: number[] = [];
      let now = 0;
      packets.forEach((packet, id) => {
        now += packet.gap;
        b.run(now);
        sentAt.push(now);
        b.offer(id, packet.bytes, now, 1);
        expect(b.imbalance()).toBe(0);
      });
      b.run(NEVER);
      expect(b.imbalance()).toBe(0);
      expect(b.link.inFlight).toBe(0);
      const keeps = !profile.jitter.overtakes && profile.reorder.probability === 0;
      const least = keeps ? Math.max(0, profile.delay - 4 * profile.jitter.spread) : 0;
      b.arrivals.forEach((a, i) => {
        expect(a.bytes).toBe(packets[a.id]!.bytes);
        const transmission = profile.trace === undefined ? (a.bytes * 8e6) / profile.rate : 0;
        expect(a.time).toBeGreaterThanOrEqual(sentAt[a.id]! + least + transmission);
        if (keeps && i > 0) expect(a.id).toBeGreaterThanOrEqual(b.arrivals[i - 1]!.id);
      });
    }),
    { seed: 8, numRuns: 300 },
  );
});

test("the same seed gives the same arrivals, another seed others", () => {
  const run = (seed: number) => {
    const b = bench("delay 10ms jitter 5ms overtakes loss 10% duplicate 5% reorder 10%", seed);
    for (let i = 0; i < 300; i++) b.offer(i, 100, i * 50);
    b.run(NEVER);
    return b.arrivals;
  };
  expect(run(5)).toEqual(run(5));
  expect(run(5)).not.toEqual(run(6));
});
