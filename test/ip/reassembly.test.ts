import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { markName } from "#base/mark";
import { NEVER, SECOND } from "#base/time";
import { CONSUMED, DELIVER, DROP, REPLY } from "#ip/header";
import { IpBench } from "../support/ip-bench.ts";
import { naiveFragment6, naiveIPv4, naiveIPv6, naiveUdp } from "../support/naive/ip.ts";
import { NaiveDatagram, type NaiveFragment } from "../support/naive/reassembly.ts";

const SEED = 815;
const data = (n: number) => Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255);

type Family = 4 | 6;
function packetOf(family: Family, x: NaiveFragment, id = 1, tos = 0, source?: string): number[] {
  if (family === 4) return naiveIPv4({ source, id, flags: x.more ? 0x2000 : 0, offset: x.offset, tos }, x.data);
  const head = naiveFragment6(17, x.offset, x.more, id);
  return naiveIPv6({ source, nextHeader: 44, trafficClass: tos }, [...head, ...x.data]);
}

/** Cuts the payload at these multiples of 8. */
function cut(payload: number[], at: number[]): NaiveFragment[] {
  const edges = [0, ...at.filter((x) => x > 0 && x < payload.length), payload.length];
  const unique = [...new Set(edges)].sort((x, y) => x - y);
  return unique.slice(1).map((end, i) => {
    const offset = unique[i]!;
    return { offset, data: payload.slice(offset, end), more: end < payload.length };
  });
}

const family = fc.constantFrom<Family>(4, 6);

describe("reassembly", () => {
  test("fragments in any order, some twice, become the datagram as it was sent", () => {
    const scheme = fc
      .tuple(fc.integer({ min: 9, max: 40_000 }), fc.array(fc.nat(5000), { maxLength: 12 }))
      .chain(([n, at]) => {
        const pieces = cut(
          naiveUdp(5, 53, data(n)),
          at.map((x) => x * 8),
        );
        return fc.tuple(
          fc.constant(n),
          fc.shuffledSubarray(pieces, { minLength: pieces.length, maxLength: pieces.length }),
          fc.subarray(pieces),
        );
      });
    fc.assert(
      fc.property(family, scheme, (family, [n, order, twice]) => {
        fc.pre(order.length > 1);
        const bench = new IpBench();
        const all = order.flatMap((x, i) => (twice.includes(x) && i < order.length - 1 ? [x, x] : [x]));
        for (const [i, x] of all.entries()) {
          expect(bench.receive(packetOf(family, x))).toBe(i < all.length - 1 ? CONSUMED : DELIVER);
        }
        expect(bench.payload()).toEqual(naiveUdp(5, 53, data(n)));
        expect(bench.header.fragment).toBe(true);
        expect(bench.header.protocol).toBe(17);
        expect([bench.input.reassembly.datagrams, bench.input.reassembly.pages, bench.slab.used]).toEqual([0, 0, 0]);
        const whole = bench.bytes(bench.header.headerO, bench.header.headerN + bench.header.n);
        const sent = family === 4 ? naiveIPv4({ id: 1 }, bench.payload()) : naiveIPv6({}, bench.payload());
        expect(whole).toEqual(sent);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  test("any sequence of fragments, honest or not, comes out as the naive twin says", () => {
    const fragment = fc.record({ offset: fc.nat(6), units: fc.integer({ min: 1, max: 4 }), more: fc.boolean() });
    const bench = new IpBench();
    let id = 0;
    fc.assert(
      fc.property(family, fc.array(fragment, { maxLength: 12 }), (family, list) => {
        id++;
        let twin = new NaiveDatagram();
        for (const { offset, units, more } of list) {
          // UDP ports in every octet, so that a first fragment of 8 octets is a whole header.
          const x = { offset: offset * 8, data: data(units * 8), more };
          if (x.offset === 0 && !more) continue;
          const expected = twin.add(x);
          const result = bench.receive(packetOf(family, x, id));
          if (Array.isArray(expected)) {
            expect(result).toBe(DELIVER);
            expect(bench.payload()).toEqual(expected);
            twin = new NaiveDatagram();
          } else expect(result).toBe(expected === "kept" ? CONSUMED : DROP);
        }
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test("the greatest datagram comes through, one byte more does not", () => {
    for (const family of [4, 6] as const) {
      const bench = new IpBench();
      const most = family === 4 ? 65_515 : 65_535;
      const payload = naiveUdp(5, 53, data(most - 8));
      const pieces = cut(
        payload,
        Array.from({ length: 50 }, (_, i) => (i + 1) * 1448),
      );
      for (const x of pieces.slice(0, -1)) expect(bench.receive(packetOf(family, x))).toBe(CONSUMED);
      expect(bench.receive(packetOf(family, pieces.at(-1)!))).toBe(DELIVER);
      expect(bench.header.n).toBe(most);
      expect(bench.payload()).toEqual(payload);
    }
    const bench = new IpBench();
    const last = { offset: 65_512, data: data(4), more: false };
    expect(bench.receive(packetOf(4, last))).toBe(DROP);
  });

  test("datagrams are told apart by addresses, identification and (IPv4) protocol", () => {
    const bench = new IpBench();
    const [first, last] = cut(naiveUdp(5, 53, data(16)), [8]) as [NaiveFragment, NaiveFragment];
    expect(bench.receive(packetOf(4, first, 1))).toBe(CONSUMED);
    expect(bench.receive(packetOf(4, last, 2))).toBe(CONSUMED);
    expect(bench.receive(naiveIPv4({ id: 1, offset: 8, protocol: 6 }, last.data))).toBe(CONSUMED);
    expect(bench.receive(naiveIPv4({ id: 1, offset: 8, source: "10.0.0.2" }, last.data))).toBe(CONSUMED);
    expect(bench.receive(packetOf(6, last, 1))).toBe(CONSUMED);
    expect(bench.input.reassembly.datagrams).toBe(5);
    expect(bench.receive(packetOf(4, last, 1))).toBe(DELIVER);
  });

  test("after 60 s a datagram is forgotten; its first fragment, if it came, is there for the ICMP error", () => {
    for (const family of [4, 6] as const) {
      const bench = new IpBench();
      const pieces = cut(naiveUdp(5, 53, data(3000)), [2000]) as [NaiveFragment, NaiveFragment];
      expect(bench.input.nextDeadline()).toBe(NEVER);
      bench.receive(packetOf(family, pieces[0]), 5);
      bench.receive(packetOf(family, pieces[1], 2), 6);
      expect(bench.input.nextDeadline()).toBe(60 * SECOND + 5);
      expect(bench.input.expire(bench.header, 60 * SECOND + 4)).toBe(DROP);
      expect(bench.input.reassembly.datagrams).toBe(2);
      expect(bench.input.expire(bench.header, 60 * SECOND + 6)).toBe(REPLY);
      const { errorType, errorCode, headerO } = bench.header;
      expect([errorType, errorCode]).toEqual(family === 4 ? [11, 1] : [3, 1]);
      expect(bench.bytes(headerO, 1280)).toEqual(packetOf(family, pieces[0]).slice(0, 1280));
      expect(bench.input.expire(bench.header, 60 * SECOND + 6)).toBe(DROP);
      expect([bench.input.nextDeadline(), bench.slab.used]).toEqual([NEVER, 0]);
      expect(bench.counters.snapshot()).toEqual({ "ip.fragment-expired": 2 });
    }
  });

  test("an overlap ends the datagram and everything more of it, silently, until its time is over", () => {
    const bench = new IpBench();
    const drop = (x: NaiveFragment) => {
      expect(bench.receive(packetOf(4, x))).toBe(DROP);
      return markName(bench.header.mark);
    };
    bench.receive(packetOf(4, { offset: 0, data: data(16), more: true }));
    expect(drop({ offset: 8, data: data(16), more: false })).toBe("ip.fragment-overlap");
    expect(bench.slab.used).toBe(0);
    expect(drop({ offset: 16, data: data(8), more: false })).toBe("ip.fragment-abandoned");
    expect(bench.input.expire(bench.header, 60 * SECOND)).toBe(DROP);
    expect(bench.receive(packetOf(4, { offset: 0, data: data(16), more: true }), 61 * SECOND)).toBe(CONSUMED);
  });

  test("the limits hold: datagrams, pages, fragments each; the oldest gives way", () => {
    const bench = new IpBench({ reassembly: { datagrams: 3, pages: 5, fragments: 4 } });
    const tail = (offset: number, n: number) => ({ offset, data: data(n), more: true });
    for (let id = 0; id < 50; id++) {
      expect(bench.receive(packetOf(4, tail(40_000, 8), id), id)).toBe(CONSUMED);
      expect(bench.input.reassembly.datagrams).toBeLessThanOrEqual(3);
    }
    expect(bench.counters.snapshot()).toEqual({ "ip.fragment-evicted": 47 });
    for (let p = 0; p < 3; p++) bench.receive(packetOf(4, tail(p * 16_384, 8), 49), 50);
    expect(bench.input.reassembly.pages).toBeLessThanOrEqual(5);
    expect(bench.receive(packetOf(4, tail(64, 8), 49), 51)).toBe(DROP);
    expect(markName(bench.header.mark)).toBe("ip.fragment-too-many");
  });

  test("a flood of fragments from one source does not take the place of another source's datagram", () => {
    for (const family of [4, 6] as const) {
      const bench = new IpBench();
      const pieces = cut(naiveUdp(5, 53, data(3000)), [2000]) as [NaiveFragment, NaiveFragment];
      bench.receive(packetOf(family, pieces[0]), 5);
      for (let id = 100; id < 1100; id++) {
        const source = family === 4 ? "10.0.0.66" : `fd01::${id}`;
        expect(bench.receive(packetOf(family, { ...pieces[0], data: data(64) }, id, 0, source), id)).toBe(CONSUMED);
      }
      expect(bench.counters.snapshot()).toEqual({ "ip.fragment-evicted": 1000 - 63 });
      expect(bench.receive(packetOf(family, pieces[1]), 2000)).toBe(DELIVER);
    }
  });

  test("congestion experienced by one fragment is said of the whole, but not beside not-ECT", () => {
    const pieces = cut(naiveUdp(5, 53, data(30)), [8, 16]) as [NaiveFragment, NaiveFragment, NaiveFragment];
    for (const family of [4, 6] as const) {
      const send = (marks: number[]) => {
        const bench = new IpBench();
        const verdicts = pieces.map((x, i) => bench.receive(packetOf(family, x, 1, 0x20 | marks[i]!)));
        return verdicts.at(-1) === DELIVER ? bench.header.tos : markName(bench.header.mark);
      };
      expect(send([2, 2, 2])).toBe(0x22);
      expect(send([2, 3, 2])).toBe(0x23);
      expect(send([0, 0, 0])).toBe(0x20);
      expect(send([0, 3, 2])).toBe("ip.fragment-ecn");
    }
  });
});
