import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { markName } from "#base/mark";
import { CSUM_PARTIAL, CSUM_VALID } from "#base/packet";
import { CONSUMED, DELIVER, DROP, IpHeader, REPLY } from "#ip/header";
import { IpBench } from "../support/ip-bench.ts";
import { address, naiveFragment6, naiveIPv4, naiveIPv6, naiveUdp } from "../support/naive/ip.ts";

const UDP = naiveUdp(5, 53, [1, 2, 3]);
const VERDICTS: Record<number, string> = {
  [DELIVER]: "deliver",
  [CONSUMED]: "consumed",
  [DROP]: "drop",
  [REPLY]: "reply",
};

/** The verdict with its mark, and with REPLY the ICMP type, code and parameter. */
function verdict(packet: number[], bench = new IpBench()): string {
  const result = bench.receive(packet);
  const { mark, errorType, errorCode, errorParameter } = bench.header;
  const total = Object.values(bench.counters.snapshot()).reduce((x, y) => x + y, 0);
  expect(total).toBe(mark === 0 ? 0 : 1);
  const due = result === REPLY ? ` ${errorType}/${errorCode}/${errorParameter}` : "";
  return `${VERDICTS[result]}${mark === 0 ? "" : ` ${markName(mark)}`}${due}`;
}

describe("IPv4 input", () => {
  test("a good packet is delivered with its fields, padding cut off, options skipped", () => {
    const bench = new IpBench();
    const options = [7, 7, 4, 0, 0, 0, 0, 0];
    const packet = [...naiveIPv4({ tos: 0x2e, ttl: 3, options }, UDP), 9, 9, 9];
    expect(verdict(packet, bench)).toBe("deliver");
    const { header } = bench;
    expect(bench.payload()).toEqual(UDP);
    expect([header.family, header.protocol, header.ttl, header.tos]).toEqual([4, 17, 3, 0x2e]);
    expect([header.headerO, header.headerN, header.o]).toEqual([bench.slot, 28, bench.slot + 28]);
    expect(address("10.0.0.1").equalsWords(header.s0, header.s1, header.s2, header.s3)).toBe(true);
    expect(address("10.0.0.7").equalsWords(header.d0, header.d1, header.d2, header.d3)).toBe(true);
    expect([header.group, header.fragment, header.csumTrusted]).toEqual([false, false, false]);
  });

  test("a packet with one wrong bit in its header is dropped as a bad checksum, or earlier", () => {
    for (let bit = 0; bit < 160; bit++) {
      const packet = naiveIPv4({}, UDP);
      packet[bit >> 3]! ^= 1 << (bit & 7);
      const said = verdict(packet);
      expect(["drop ip.bad-checksum", "drop ipv4.bad-header-length", "drop ipv4.bad-total-length"]).toContain(
        /version|ipv6/.test(said) ? "drop ip.bad-checksum" : said,
      );
    }
  });

  test("what is not for us, or from no host, is dropped; groups that every host is in are delivered as such", () => {
    const to = (destination: string) => verdict(naiveIPv4({ destination }, UDP));
    const from = (source: string) => verdict(naiveIPv4({ source }, UDP));
    expect(to("10.0.0.8")).toBe("drop ip.not-ours");
    expect(to("224.0.0.251")).toBe("drop ip.not-joined");
    for (const text of ["224.0.0.1", "10.0.0.255", "255.255.255.255"]) {
      const bench = new IpBench();
      expect(verdict(naiveIPv4({ destination: text }, UDP), bench)).toBe("deliver");
      expect(bench.header.group).toBe(true);
    }
    for (const text of ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.7"]) {
      expect([text, from(text)]).toEqual([text, "drop ip.martian-source"]);
    }
    const loopback = new IpBench({ loopback: true });
    expect(verdict(naiveIPv4({ source: "10.0.0.7" }, UDP), loopback)).toBe("deliver");
  });

  test("source routes and broken options are dropped, an unknown protocol draws an error", () => {
    expect(verdict(naiveIPv4({ options: [131, 3, 4, 0] }, UDP))).toBe("drop ipv4.source-routed");
    expect(verdict(naiveIPv4({ options: [7, 9, 4, 0] }, UDP))).toBe("drop ipv4.bad-option");
    expect(verdict(naiveIPv4({ protocol: 132 }, UDP))).toBe("reply ip.unknown-protocol 3/2/0");
    expect(verdict(naiveIPv4({ protocol: 58 }, UDP))).toBe("reply ip.unknown-protocol 3/2/0");
    expect(verdict([0x50])).toBe("drop ip.bad-version");
    expect(verdict([])).toBe("drop ip.bad-version");
  });

  test("fragments of no length, of odd length but not last, or past 65,535 are dropped", () => {
    expect(verdict(naiveIPv4({ flags: 0x2000 }, []))).toBe("drop ip.bad-fragment");
    expect(verdict(naiveIPv4({ flags: 0x2000 }, [1, 2, 3]))).toBe("drop ip.bad-fragment");
    expect(verdict(naiveIPv4({ offset: 65_528 }, [1, 2, 3, 4, 5, 6, 7, 8]))).toBe("drop ip.bad-fragment");
    expect(verdict(naiveIPv4({ flags: 0x2000 }, [1, 2, 3, 4, 5, 6, 7, 8]))).toBe("consumed");
  });

  test("the device's word on the checksum is believed only where it means this packet's transport", () => {
    const bench = new IpBench();
    const trust = (csum: number, csumStart: number) => {
      bench.slab.u8.set(naiveIPv4({}, UDP), bench.slot);
      bench.packet.csum = csum;
      bench.packet.csumStart = csumStart;
      bench.packet.o = bench.slot;
      bench.packet.n = 20 + UDP.length;
      expect(bench.input.input(bench.packet, bench.header, 0)).toBe(DELIVER);
      return bench.header.csumTrusted;
    };
    expect(trust(CSUM_VALID, 0)).toBe(true);
    expect(trust(CSUM_PARTIAL, 20)).toBe(true);
    expect(trust(CSUM_PARTIAL, 40)).toBe(false);
  });
});

describe("IPv6 input", () => {
  /** A chain of extension headers before UDP: [kind, octets after the next-header octet]. */
  const chain = (x: [number, number[]][], destination = "fd00::7") => {
    const kinds = [...x.map(([kind]) => kind), 17];
    const body = x.flatMap(([, rest], i) => [kinds[i + 1]!, ...rest]);
    return naiveIPv6({ nextHeader: kinds[0]!, destination }, [...body, ...UDP]);
  };

  test("a good packet is delivered with its fields, behind any known extension headers", () => {
    const bench = new IpBench();
    const padding = [0, 1, 4, 0, 0, 0, 0];
    const x = chain([
      [0, padding],
      [60, [0, 0, 0, 0, 0, 0, 0]],
      [43, [0, 9, 0, 0, 0, 0, 0]],
      [44, [0, 0, 0, 0, 0, 0, 9]],
      [60, padding],
    ]);
    expect(verdict([...x, 1, 2, 3], bench)).toBe("deliver");
    const { header } = bench;
    expect(bench.payload()).toEqual(UDP);
    expect([header.family, header.protocol, header.ttl, header.headerN]).toEqual([6, 17, 64, 80]);
    expect(address("fd00::1").equalsWords(header.s0, header.s1, header.s2, header.s3)).toBe(true);
    expect(address("fd00::7").equalsWords(header.d0, header.d1, header.d2, header.d3)).toBe(true);
  });

  test("an unknown option is skipped, dropped or reported as the bits of its type ask, for groups too", () => {
    const option = (type: number, destination?: string) =>
      verdict(chain([[60, [0, type, 4, 0, 0, 0, 0]]], destination));
    expect(option(0x3e)).toBe("deliver");
    expect(option(0x7e)).toBe("drop ipv6.unknown-option");
    expect(option(0xbe)).toBe("reply ipv6.unknown-option 4/2/42");
    expect(option(0xfe)).toBe("reply ipv6.unknown-option 4/2/42");
    expect(option(0x3e, "ff02::1")).toBe("deliver");
    expect(option(0x7e, "ff02::1")).toBe("drop ipv6.unknown-option");
    expect(option(0xbe, "ff02::1")).toBe("reply ipv6.unknown-option 4/2/42");
    expect(option(0xfe, "ff02::1")).toBe("drop ipv6.unknown-option");
    expect(verdict(chain([[0, [0, 1, 9, 0, 0, 0, 0]]]))).toBe("drop ipv6.bad-option");
    expect(verdict(chain([[0, [0, 1, 3, 0, 0, 0, 9]]]))).toBe("drop ipv6.bad-option");
  });

  test("what RFC 8200 reports is reported, with the pointer at the octet in error", () => {
    const pad: number[] = [0, 1, 4, 0, 0, 0, 0];
    expect(verdict(naiveIPv6({ nextHeader: 132 }, UDP))).toBe("reply ip.unknown-protocol 4/1/6");
    const unknownBehind = naiveIPv6({ nextHeader: 60 }, [132, ...pad]);
    expect(verdict(unknownBehind)).toBe("reply ip.unknown-protocol 4/1/40");
    expect(
      verdict(
        chain([
          [60, pad],
          [0, pad],
        ]),
      ),
    ).toBe("reply ipv6.misplaced-hop-by-hop 4/1/40");
    expect(verdict(chain([[43, [0, 0, 1, 0, 0, 0, 0]]]))).toBe("reply ipv6.segments-left 4/0/42");
    const odd = naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(17, 0, true, 1), 1, 2, 3]);
    expect(verdict(odd)).toBe("reply ip.bad-fragment 4/0/4");
    const long = naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(17, 65_528, false, 1), 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(verdict(long)).toBe("reply ip.bad-fragment 4/0/42");
    const tiny = naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(6, 0, true, 1), 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(verdict(tiny)).toBe("reply ipv6.incomplete-first-fragment 4/3/0");
  });

  test("endless, broken and empty chains are dropped", () => {
    const many = new Array(9).fill([60, [0, 1, 4, 0, 0, 0, 0]]);
    expect(verdict(chain(many))).toBe("drop ipv6.too-many-extensions");
    expect(verdict(naiveIPv6({ nextHeader: 60 }, [17, 5, 1, 4, 0, 0, 0, 0]))).toBe("drop ipv6.truncated-extension");
    expect(verdict(naiveIPv6({ nextHeader: 59 }, [1]))).toBe("drop ipv6.no-next-header");
    expect(verdict(naiveIPv6({ nextHeader: 44 }, naiveFragment6(17, 8, true, 1)))).toBe("drop ip.bad-fragment");
  });

  test("what is not for us, or from no host, is dropped; an IPv4-mapped address does not pass for an IPv4 one", () => {
    const to = (destination: string) => verdict(naiveIPv6({ destination }, UDP));
    expect(to("fd00::8")).toBe("drop ip.not-ours");
    expect(to("ff02::2")).toBe("drop ip.not-joined");
    expect(to("ff02::1")).toBe("deliver");
    for (const source of ["::", "::1", "ff02::1", "fd00::7"]) {
      expect([source, verdict(naiveIPv6({ source }, UDP))]).toEqual([source, "drop ip.martian-source"]);
    }
    const mapped = naiveIPv6({}, UDP);
    mapped.splice(8, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1);
    expect(verdict(mapped)).toBe("drop ip.martian-source");
  });

  test("fragment header inside a reassembled packet is dropped", () => {
    const bench = new IpBench();
    const inner = [...naiveFragment6(17, 0, true, 2), ...UDP];
    const first = inner.slice(0, 16);
    const outer = (part: number[], offset: number, more: boolean) =>
      naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(44, offset, more, 1), ...part]);
    expect(bench.receive(outer(first, 0, true))).toBe(CONSUMED);
    expect(bench.receive(outer(inner.slice(16), 16, false))).toBe(DROP);
    expect(markName(bench.header.mark)).toBe("ipv6.nested-fragment");
  });
});

describe("any octets", () => {
  test("valid packets with random octets changed, and plain noise, get a verdict and never throw", () => {
    const bench = new IpBench({ reassembly: { datagrams: 4, pages: 8, fragments: 4 } });
    const seeds = [
      naiveIPv4({ options: [7, 7, 4, 0, 0, 0, 0, 0] }, UDP),
      naiveIPv4({ flags: 0x2000 }, UDP.concat(UDP).slice(0, 16)),
      naiveIPv6({ nextHeader: 0 }, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1, ...UDP]),
      naiveIPv6({ nextHeader: 43 }, [17, 0, 0, 0, 0, 0, 0, 0, ...UDP]),
    ];
    const mutation = fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 3 });
    const mutant = fc.tuple(fc.constantFrom(...seeds), mutation).map(([seed, changes]) => {
      const packet = [...seed];
      for (const [at, octet] of changes) packet[at % packet.length] = octet;
      // A checksum that fits lets the change be seen further up.
      if (packet[0]! >> 4 === 4 && (packet[0]! & 15) >= 5 && (packet[0]! & 15) * 4 <= packet.length) {
        const n = (packet[0]! & 15) * 4;
        packet[10] = packet[11] = 0;
        let s = 0;
        for (let i = 0; i < n; i += 2) s += packet[i]! * 256 + packet[i + 1]!;
        while (s > 0xffff) s = (s & 0xffff) + (s >> 16);
        packet[10] = (~s >> 8) & 255;
        packet[11] = ~s & 255;
      }
      return packet;
    });
    const noise = fc.uint8Array({ maxLength: 100 }).map((bytes) => [...bytes]);
    const seen = new Set<number>();
    const expired = new IpHeader();
    let now = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: mutant }, noise), (packet) => {
        now += 1_000_000;
        const result = bench.receive(packet, now);
        seen.add(result);
        while (bench.input.nextDeadline() <= now) bench.input.expire(expired, now);
        expect(result === DELIVER || result === CONSUMED || bench.header.mark !== 0).toBe(true);
        if (result === DELIVER) {
          const end = bench.slot + packet.length;
          expect(bench.header.fragment || bench.header.o + bench.header.n <= end).toBe(true);
        }
      }),
      { seed: 8200, numRuns: 5000 },
    );
    expect([...seen].sort()).toEqual([DELIVER, CONSUMED, DROP, REPLY]);
  });
});
