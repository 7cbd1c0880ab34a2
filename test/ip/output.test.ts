import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CSUM_NONE, CSUM_PARTIAL, GSO_TCP4, GSO_TCP6, Packet } from "#base/packet";
import { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import { Fragmenter } from "#ip/fragmenter";
import { CONSUMED, DELIVER } from "#ip/header";
import { claimedMtu, PathMtu } from "#ip/path-mtu";
import { IpSend } from "#ip/send";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { IpBench } from "../support/ip-bench.ts";
import { naiveChecksum } from "../support/naive/checksum.ts";
import { address, naiveIPv4, naiveIPv6, naivePseudo, octets16, withChecksum } from "../support/naive/ip.ts";

const SEED = 6864;
type Family = 4 | 6;
const family = fc.constantFrom<Family>(4, 6);
const ends = (family: Family) =>
  family === 4
    ? { source: address("10.0.0.7"), destination: address("10.0.1.5") }
    : { source: address("fd00::7"), destination: address("fd00:b::5") };

function sendOf(family: Family, protocol: number): IpSend {
  const { source, destination } = ends(family);
  const send = new IpSend();
  send.setSource(source.a, source.b, source.c, source.d);
  send.setDestination(destination.a, destination.b, destination.c, destination.d);
  send.protocol = protocol;
  return send;
}

/** Lays the transport's bytes out as a head and slices of these lengths, at odd places. */
function layOut(bench: IpBench, packet: Packet, bytes: number[], head: number, lengths: number[]): void {
  packet.clear();
  packet.o = bench.slot + 200;
  packet.n = Math.min(head, bytes.length);
  bench.slab.u8.set(bytes.slice(0, packet.n), packet.o);
  let at = packet.n;
  let o = bench.slot + 1001;
  for (let i = 0; at < bytes.length; i++) {
    const n = i === lengths.length ? bytes.length - at : Math.min(lengths[i]!, bytes.length - at);
    packet.addSlice(o, n);
    bench.slab.u8.set(bytes.slice(at, at + n), o);
    at += n;
    o += n + 3;
  }
}

const tcpBytes = fc.uint8Array({ minLength: 20, maxLength: 400 }).map((bytes) => {
  const list = [...bytes];
  list[12] = 0x50;
  list[16] = list[17] = 0;
  return list;
});
const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 4 });

describe("IP output", () => {
  test("head and slices of any lengths become the packet that the naive twin writes, checksum finished", () => {
    fc.assert(
      fc.property(family, tcpBytes, lengths, fc.nat(255), fc.nat(0xfffff), (family, bytes, lengths, tos, flowLabel) => {
        const bench = new IpBench();
        const packet = new Packet();
        const send = sendOf(family, 6);
        const { source, destination } = ends(family);
        Object.assign(send, { tos, flowLabel, ttl: 9 });
        layOut(bench, packet, bytes, 20, lengths);
        bench.output.prepend(packet, send);
        const body = withChecksum(bytes, 16, naivePseudo(source, destination, 6, bytes.length));
        const text = { source: `${source}`, destination: `${destination}` };
        const id = (bench.output.nextIdentification(send, 0) - 1) & 0xffff;
        const expected =
          family === 4
            ? naiveIPv4({ ...text, protocol: 6, id, tos, ttl: 9, flags: ipv4.DF }, body)
            : naiveIPv6({ ...text, nextHeader: 6, trafficClass: tos, flowLabel, hopLimit: 9 }, body);
        expect(bench.whole(packet)).toEqual(expected);
        expect(packet.csum).toBe(CSUM_NONE);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test("with offload the field holds the folded pseudo-header, and finishing it over the rest is right", () => {
    for (const family of [4, 6] as const) {
      const bench = new IpBench({}, true);
      const packet = new Packet();
      const bytes = [...new Array(12).fill(7), 0x50, ...new Array(87).fill(9)];
      bytes[16] = bytes[17] = 0;
      layOut(bench, packet, bytes, 20, [33]);
      bench.output.prepend(packet, sendOf(family, 6));
      const { source, destination } = ends(family);
      const pseudo = naivePseudo(source, destination, 6, bytes.length);
      const headerN = family === 4 ? 20 : 40;
      expect([packet.csum, packet.csumStart, packet.csumOffset]).toEqual([CSUM_PARTIAL, headerN, 16]);
      const whole = bench.whole(packet);
      expect(whole.slice(headerN + 16, headerN + 18)).toEqual(octets16(naiveChecksum(pseudo)));
      const finished = withChecksum(bytes, 16, pseudo);
      expect(octets16(~naiveChecksum(whole.slice(headerN)) & 0xffff)).toEqual(finished.slice(16, 18));
    }
  });

  test("a super-segment says its header length, stays partial without offload, and uses an identification per segment", () => {
    for (const family of [4, 6] as const) {
      const bench = new IpBench();
      const packet = new Packet();
      const send = sendOf(family, 6);
      const bytes = new Array(32 + 10_001).fill(1);
      bytes[12] = 0x80;
      layOut(bench, packet, bytes, 32, [5000]);
      packet.gso = family === 4 ? GSO_TCP4 : GSO_TCP6;
      packet.gsoSize = 1000;
      const id = bench.output.nextIdentification(send, 0);
      bench.output.prepend(packet, send);
      expect([packet.csum, packet.headerLength]).toEqual([CSUM_PARTIAL, (family === 4 ? 20 : 40) + 32]);
      expect(bench.output.nextIdentification(send, 0) - id).toBe(family === 4 ? 11 : 0);
    }
  });

  test("a UDP checksum that comes out as zero is sent as ones", () => {
    const bench = new IpBench();
    const packet = new Packet();
    const { source, destination } = ends(4);
    const rest = naiveChecksum([...naivePseudo(source, destination, 17, 10), 0, 5, 0, 53, 0, 10]);
    layOut(bench, packet, [0, 5, 0, 53, 0, 10, 0, 0, ...octets16(0xffff - rest)], 10, []);
    bench.output.prepend(packet, sendOf(4, 17));
    expect(bench.whole(packet).slice(26, 28)).toEqual([0xff, 0xff]);
  });

  test("identifications count up per pair of addresses, from places that differ with the pair and the secret", () => {
    const starts = new Set<number>();
    for (let host = 1; host < 50; host++) {
      const bench = new IpBench();
      const send = sendOf(4, 6);
      send.d3 = 0x0a000100 + host;
      const id = bench.output.nextIdentification(send, 1);
      expect(bench.output.nextIdentification(send, 5)).toBe((id + 1) | 0);
      expect(bench.output.nextIdentification(send, 1)).toBe((id + 6) | 0);
      starts.add(id);
    }
    expect(starts.size).toBeGreaterThan(45);
  });
});

describe("fragmenter", () => {
  test("any packet, cut to any MTU, is put together again by IP input; all fragments fit and end on multiples of 8", () => {
    const payload = fc.integer({ min: 30, max: 6000 });
    fc.assert(
      fc.property(family, payload, fc.integer({ min: 0, max: 1500 }), lengths, (family, n, extra, lengths) => {
        const bench = new IpBench({ loopback: true });
        const fragmenter = new Fragmenter(bench.slab);
        const mtu = extra + (family === 4 ? ipv4.MTU_MIN : ipv6.MTU_MIN);
        const bytes = [0, 5, 0, 53, ...octets16(n), 0, 0, ...Array.from({ length: n - 8 }, (_, i) => (i * 3) & 255)];
        const packet = new Packet();
        const send = sendOf(family, 17);
        send.dontFragment = false;
        const { source } = ends(family);
        send.setDestination(source.a, source.b, source.c, source.d);
        layOut(bench, packet, bytes, 20, lengths);
        bench.output.prepend(packet, send);
        const whole = bench.whole(packet);
        fc.pre(fragmenter.canFragment(packet, mtu));
        fragmenter.begin(packet, mtu, 77);
        const fragments: number[][] = [];
        const out = new Packet();
        while (fragmenter.next(out)) {
          expect(out.total()).toBeLessThanOrEqual(mtu);
          fragments.push(bench.whole(out));
        }
        expect(fragmenter.busy).toBe(false);
        const least = Math.ceil((whole.length - 40) / mtu);
        expect(fragments.length).toBeGreaterThanOrEqual(Math.max(2, least));
        const verdicts = fragments.map((bytes) => bench.receive(bytes));
        expect(verdicts).toEqual(fragments.map((_, i) => (i < fragments.length - 1 ? CONSUMED : DELIVER)));
        expect(bench.payload()).toEqual(whole.slice(family === 4 ? 20 : 40));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  test("what fits, or says DF, or is a super-segment, is not cut", () => {
    const bench = new IpBench();
    const fragmenter = new Fragmenter(bench.slab);
    const packet = new Packet();
    const send = sendOf(4, 17);
    layOut(bench, packet, new Array(100).fill(0), 100, []);
    bench.output.prepend(packet, send);
    expect(fragmenter.canFragment(packet, 119)).toBe(false);
    ipv4.setFragment(bench.slab.view, packet.o, 0, 0);
    expect(fragmenter.canFragment(packet, 120)).toBe(false);
    expect(fragmenter.canFragment(packet, 119)).toBe(true);
    packet.gso = GSO_TCP4;
    expect(fragmenter.canFragment(packet, 119)).toBe(false);
    expect(fragmenter.next(packet)).toBe(false);
  });
});

describe("path MTU", () => {
  const make = (entries?: number) => new PathMtu(1500, new SipHash(1, 2), 552, entries);
  const four = (host: number): [number, number, number, number] => [0, 0, 0xffff, host];
  const six: [number, number, number, number] = [0xfd000000 | 0, 0, 0, 5];

  test("it only ever goes down, and is forgotten after ten minutes", () => {
    const cache = make();
    expect(cache.get(...four(1), 0)).toBe(1500);
    expect(cache.lower(...four(1), 1400, 0)).toBe(true);
    expect(cache.lower(...four(1), 1450, 1)).toBe(false);
    expect(cache.lower(...four(1), 1400, 1)).toBe(false);
    expect(cache.lower(...four(1), 9000, 1)).toBe(false);
    expect([cache.get(...four(1), 2), cache.get(...four(2), 2)]).toEqual([1400, 1500]);
    expect(cache.get(...four(1), 10 * MINUTE - 1)).toBe(1400);
    expect(cache.get(...four(1), 10 * MINUTE)).toBe(1500);
    expect(cache.lower(...four(1), 1450, 11 * MINUTE)).toBe(true);
  });

  test("an IPv4 path has a floor: who claims less has the packets cut on their way", () => {
    const cache = make();
    expect([cache.lower(...four(1), 552, 0), cache.isBelowFloor(...four(1), 0)]).toEqual([true, false]);
    expect([cache.lower(...four(1), 68, 1), cache.isBelowFloor(...four(1), 1)]).toEqual([true, true]);
    expect(cache.lower(...four(1), 68, 2)).toBe(false);
    expect([cache.get(...four(1), 2), cache.get(...four(2), 2)]).toEqual([552, 1500]);
    expect(cache.isBelowFloor(...four(2), 2)).toBe(false);
    const late = 1 + 10 * MINUTE;
    expect([cache.isBelowFloor(...four(1), late), cache.get(...four(1), late)]).toEqual([false, 1500]);
    expect([cache.lower(...six, 1280, 0), cache.isBelowFloor(...six, 0)]).toEqual([true, false]);
  });

  test("on a link that carries less than the floor, its own MTU stays", () => {
    const cache = new PathMtu(296, new SipHash(1, 2), 552);
    expect([cache.lower(...four(1), 68, 0), cache.get(...four(1), 0)]).toEqual([true, 296]);
  });

  test("a router that does not say its MTU gets the next plateau below what was sent; IPv6 says nothing below 1280", () => {
    const claims = [1500, 1492, 1006, 300, 68, 20].map((sent) => claimedMtu(4, 0, sent));
    expect(claims).toEqual([1492, 1006, 508, 296, 68, 68]);
    expect([claimedMtu(4, 1000, 1500), claimedMtu(4, 20, 1500)]).toEqual([1000, 68]);
    expect([claimedMtu(6, 1279, 1500), claimedMtu(6, 0, 1500), claimedMtu(6, 1280, 1500)]).toEqual([0, 0, 1280]);
  });

  test("however many destinations are told of, the table keeps its size and the newest news", () => {
    const cache = make(64);
    let kept = 0;
    for (let host = 1; host <= 1000; host++) {
      expect(cache.lower(...four(host), 1000, host)).toBe(true);
      expect(cache.get(...four(host), host)).toBe(1000);
    }
    for (let host = 1; host <= 1000; host++) if (cache.get(...four(host), 1001) === 1000) kept++;
    expect(kept).toBeLessThanOrEqual(64);
    expect(kept).toBeGreaterThan(32);
  });
});
