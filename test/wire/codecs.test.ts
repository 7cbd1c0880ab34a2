import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Address } from "#ip/address";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as extension from "#wire/ipv6-extensions";
import * as udp from "#wire/udp";
import { naiveFragment6, naiveIcmp, naiveIPv4, naiveIPv6, naiveUdp } from "../support/naive/ip.ts";

const SEED = 791;
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const bytesOf = (v: DataView, o: number, n: number) => [...new Uint8Array(v.buffer, o, n)];
const viewOf = (bytes: ArrayLike<number>) => new DataView(Uint8Array.from(bytes).buffer);

describe("IPv4 header", () => {
  const fields = fc.record({
    tos: u8,
    id: u16,
    flags: fc.constantFrom(0, ipv4.DF, ipv4.MF),
    offset: fc.nat(0x1fff).map((x) => x * 8),
    ttl: u8,
    protocol: u8,
    source: word,
    destination: word,
  });

  test("written, it is what the naive twin writes, and every accessor gives back what was written", () => {
    fc.assert(
      fc.property(fields, fc.nat(40), (x, n) => {
        const v = new DataView(new ArrayBuffer(200));
        ipv4.write(v, 7, x.tos, 20 + n, x.id, x.flags, x.ttl, x.protocol, x.source, x.destination);
        ipv4.setFragment(v, 7, x.flags, x.offset);
        ipv4.setChecksum(v, 7);
        const text = { source: `${Address.v4(x.source)}`, destination: `${Address.v4(x.destination)}` };
        expect(bytesOf(v, 7, 20)).toEqual(naiveIPv4({ ...x, ...text, totalLength: 20 + n }, []));
        expect(ipv4.valid(v, 7, 20 + n)).toBe(0);
        expect(ipv4.checksumGood(v, 7)).toBe(true);
        const read = {
          tos: ipv4.tos(v, 7),
          id: ipv4.identification(v, 7),
          flags: (ipv4.dontFragment(v, 7) ? ipv4.DF : 0) | (ipv4.moreFragments(v, 7) ? ipv4.MF : 0),
          offset: ipv4.fragmentOffset(v, 7),
          ttl: ipv4.ttl(v, 7),
          protocol: ipv4.protocol(v, 7),
          source: ipv4.source(v, 7),
          destination: ipv4.destination(v, 7),
        };
        expect(read).toEqual(x);
        expect(ipv4.totalLength(v, 7)).toBe(20 + n);
        expect(ipv4.isFragment(v, 7)).toBe(x.offset > 0 || x.flags === ipv4.MF);
      }),
      { seed: SEED },
    );
  });

  test("each wrong length or version has its own mark", () => {
    const packet = naiveIPv4({}, [1, 2, 3, 4]);
    const judge = (change: (p: number[]) => void, n = packet.length) => {
      const p = [...packet];
      change(p);
      return ipv4.valid(viewOf(p), 0, n);
    };
    expect(judge(() => {})).toBe(0);
    expect(judge(() => {}, 19)).toBe(ipv4.SHORT);
    expect(judge((p) => (p[0] = 0x55))).toBe(ipv4.BAD_VERSION);
    expect(judge((p) => (p[0] = 0x44))).toBe(ipv4.BAD_HEADER_LENGTH);
    expect(judge((p) => (p[0] = 0x47))).toBe(ipv4.BAD_HEADER_LENGTH);
    expect(judge((p) => (p[3] = 19))).toBe(ipv4.BAD_TOTAL_LENGTH);
    expect(judge((p) => (p[3] = 25))).toBe(ipv4.BAD_TOTAL_LENGTH);
  });

  test("options: unknown ones are skipped, bad lengths and source routes are not", () => {
    const judge = (options: number[]) => ipv4.validOptions(viewOf(naiveIPv4({ options }, [])), 0);
    expect(judge([1, 1, 1, 0])).toBe(0);
    expect(judge([7, 7, 4, 0, 0, 0, 0, 0])).toBe(0);
    expect(judge([0x44, 4, 5, 0])).toBe(0);
    expect(judge([0, 7, 0, 9])).toBe(0);
    expect(judge([7, 0, 0, 0])).toBe(ipv4.BAD_OPTION);
    expect(judge([7, 1, 0, 0])).toBe(ipv4.BAD_OPTION);
    expect(judge([7, 5, 0, 0])).toBe(ipv4.BAD_OPTION);
    expect(judge([1, 1, 1, 7])).toBe(ipv4.BAD_OPTION);
    expect(judge([131, 3, 4, 0])).toBe(ipv4.SOURCE_ROUTED);
    expect(judge([1, 137, 3, 4])).toBe(ipv4.SOURCE_ROUTED);
  });
});

describe("IPv6 header", () => {
  test("written, it is what the naive twin writes, and every accessor gives back what was written", () => {
    const fields = fc.record({ trafficClass: u8, flowLabel: fc.nat(0xfffff), nextHeader: u8, hopLimit: u8 });
    const words = fc.tuple(word, word, word, word);
    fc.assert(
      fc.property(fields, words, words, fc.uint8Array({ maxLength: 9 }), (x, s, d, payload) => {
        const v = new DataView(new ArrayBuffer(100));
        ipv6.write(v, 3, 0, x.flowLabel, payload.length, x.nextHeader, x.hopLimit);
        ipv6.setTrafficClass(v, 3, x.trafficClass);
        ipv6.setSource(v, 3, ...s);
        ipv6.setDestination(v, 3, ...d);
        const text = { source: `${new Address(...s)}`, destination: `${new Address(...d)}` };
        expect(bytesOf(v, 3, 40)).toEqual(naiveIPv6({ ...x, ...text }, [...payload]).slice(0, 40));
        expect(ipv6.valid(v, 3, 40 + payload.length)).toBe(0);
        expect({
          trafficClass: ipv6.trafficClass(v, 3),
          flowLabel: ipv6.flowLabel(v, 3),
          nextHeader: ipv6.nextHeader(v, 3),
          hopLimit: ipv6.hopLimit(v, 3),
        }).toEqual(x);
        expect([0, 1, 2, 3].map((i) => ipv6.source(v, 3, i))).toEqual(s);
        expect([0, 1, 2, 3].map((i) => ipv6.destination(v, 3, i))).toEqual(d);
      }),
      { seed: SEED },
    );
  });

  test("each wrong length or version has its own mark", () => {
    const packet = naiveIPv6({}, [1, 2, 3, 4]);
    expect(ipv6.valid(viewOf(packet), 0, 44)).toBe(0);
    expect(ipv6.valid(viewOf(packet), 0, 39)).toBe(ipv6.SHORT);
    expect(ipv6.valid(viewOf(packet), 0, 43)).toBe(ipv6.BAD_PAYLOAD_LENGTH);
    expect(ipv6.valid(viewOf([0x50, ...packet.slice(1)]), 0, 44)).toBe(ipv6.BAD_VERSION);
  });

  test("the walk finds the upper layer behind any order of extension headers, and says where it was cut", () => {
    const kinds = fc.array(fc.constantFrom(0, 43, 44, 60), { maxLength: extension.EXTENSIONS_MAX });
    fc.assert(
      fc.property(kinds, fc.nat(3), fc.nat(200), (kinds, units, cut) => {
        const chain = [...kinds, 6];
        const body = kinds.flatMap((kind, i) =>
          kind === 44
            ? naiveFragment6(chain[i + 1]!, 0, true, 9)
            : [chain[i + 1]!, units, ...new Array(6 + units * 8).fill(0)],
        );
        const packet = naiveIPv6({ nextHeader: chain[0]! }, body);
        const walk = new extension.ExtensionWalk();
        expect(extension.walkExtensions(viewOf(packet), 0, packet.length, walk)).toBe(0);
        expect([walk.upper, walk.upperO]).toEqual([6, packet.length]);
        const n = Math.max(40, packet.length - cut);
        const wrong = extension.walkExtensions(viewOf(packet), 0, n, walk);
        expect(wrong).toBe(n < packet.length ? extension.TRUNCATED : 0);
      }),
      { seed: SEED },
    );
  });

  test("the walk ends at a fragment that is not the first, and after too many headers", () => {
    const walk = new extension.ExtensionWalk();
    const later = naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(60, 8, true, -2), 1, 2, 3]);
    expect(extension.walkExtensions(viewOf(later), 0, later.length, walk)).toBe(0);
    expect([walk.upper, walk.upperO, walk.fragmentO]).toEqual([60, 48, 40]);
    expect(extension.fragmentOffset(viewOf(later), 40)).toBe(8);
    expect(extension.moreFragments(viewOf(later), 40)).toBe(true);
    expect(extension.identification(viewOf(later), 40)).toBe(-2);
    const many = naiveIPv6({ nextHeader: 60 }, new Array(20).fill([60, 0, 1, 4, 0, 0, 0, 0]).flat());
    expect(extension.walkExtensions(viewOf(many), 0, many.length, walk)).toBe(extension.TOO_MANY);
  });

  test("a fragment header, written, is what the naive twin writes", () => {
    fc.assert(
      fc.property(u8, fc.nat(0x1fff), fc.boolean(), word, (nextHeader, units, more, id) => {
        const v = new DataView(new ArrayBuffer(12));
        extension.writeFragment(v, 2, nextHeader, units * 8, more, id);
        expect(bytesOf(v, 2, 8)).toEqual(naiveFragment6(nextHeader, units * 8, more, id));
      }),
      { seed: SEED },
    );
  });
});

describe("UDP and ICMP headers", () => {
  test("UDP: written, read, and judged", () => {
    fc.assert(
      fc.property(u16, u16, fc.uint8Array({ maxLength: 20 }), (source, destination, data) => {
        const v = new DataView(new ArrayBuffer(40));
        udp.write(v, 1, source, destination, 8 + data.length);
        expect(bytesOf(v, 1, 8)).toEqual(naiveUdp(source, destination, [...data]).slice(0, 8));
        expect([udp.sourcePort(v, 1), udp.destinationPort(v, 1), udp.length(v, 1)]).toEqual([
          source,
          destination,
          8 + data.length,
        ]);
        expect(udp.valid(v, 1, 8 + data.length)).toBe(0);
        expect(udp.valid(v, 1, 7 + data.length)).toBe(data.length === 0 ? udp.SHORT : udp.BAD_LENGTH);
      }),
      { seed: SEED },
    );
    expect(udp.valid(viewOf([0, 1, 0, 2, 0, 7, 0, 0]), 0, 8)).toBe(udp.BAD_LENGTH);
  });

  test("ICMP and ICMPv6: written but for the checksum, and read", () => {
    fc.assert(
      fc.property(u8, u8, word, (type, code, rest) => {
        const v = new DataView(new ArrayBuffer(12));
        icmpv4.write(v, 2, type, code, rest);
        const expected = naiveIcmp(type, code, rest, []);
        expect(bytesOf(v, 2, 8)).toEqual([type, code, 0, 0, ...expected.slice(4)]);
        icmpv6.write(v, 2, type, code, rest);
        expect(bytesOf(v, 2, 8)).toEqual([type, code, 0, 0, ...expected.slice(4)]);
        expect([icmpv4.type(v, 2), icmpv4.code(v, 2), icmpv6.type(v, 2), icmpv6.code(v, 2)]).toEqual([
          type,
          code,
          type,
          code,
        ]);
        expect([icmpv4.identifier(v, 2), icmpv4.sequence(v, 2)]).toEqual([rest >>> 16, rest & 0xffff]);
        expect([icmpv4.pointer(v, 2), icmpv4.nextHopMtu(v, 2)]).toEqual([rest >>> 24, rest & 0xffff]);
        expect([icmpv6.pointer(v, 2), icmpv6.mtu(v, 2)]).toEqual([rest >>> 0, rest >>> 0]);
      }),
      { seed: SEED },
    );
    expect([icmpv4.valid(viewOf([8]), 0, 7), icmpv6.valid(viewOf([8]), 0, 7)]).toEqual([icmpv4.SHORT, icmpv6.SHORT]);
  });
});
