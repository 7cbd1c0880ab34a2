import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { DONE, ECHO_REPLY, ERROR, ICMP_LIMITS, Icmp, type IcmpLimits } from "#icmp/icmp";
import * as read from "#icmp/read-error";
import { TokenBucket } from "#icmp/token-bucket";
import { CONSUMED, DELIVER, REPLY } from "#ip/header";
import { IpSend } from "#ip/send";
import { print } from "#wire/print";
import { IpBench } from "../support/ip-bench.ts";
import { naiveFragment6, naiveIcmp, naiveIPv4, naiveIPv6, naiveUdp, octets16, octets32 } from "../support/naive/ip.ts";

const SEED = 792;
const ENDS6: [string, string] = ["fd00::1", "fd00::7"];
const data = (n: number) => Array.from({ length: n }, (_, i) => (i * 5 + 1) & 255);

class Bench extends IpBench {
  readonly icmp: Icmp;
  readonly error = new read.IcmpError();
  readonly send = new IpSend();
  readonly out = new Packet();

  constructor(limits?: IcmpLimits) {
    super();
    this.icmp = new Icmp(this.slab, this.local, this.counters, limits);
  }

  /** Receives a packet as the stack would: what ICMP says, or the error that is due sent. */
  take(packet: number[], now = 0): number {
    const verdict = this.receive(packet, now);
    if (verdict === REPLY) this.icmp.error(this.header, now);
    if (verdict !== DELIVER) return -1;
    if (this.header.protocol === 1 || this.header.protocol === 58) return this.icmp.input(this.header, this.error, now);
    this.icmp.portUnreachable(this.header, now);
    return -1;
  }

  /** The next IP packet that goes out, or null. */
  next(): number[] | null {
    if (!this.icmp.poll(this.out, this.send)) return null;
    this.output.prepend(this.out, this.send);
    return this.whole(this.out);
  }
}

const say = (packet: number[] | null) =>
  packet === null ? null : print(new DataView(Uint8Array.from(packet).buffer), 0, packet.length);
const marks = (bench: Bench) => Object.keys(bench.counters.snapshot());

describe("echo", () => {
  const request = (family: 4 | 6, data: number[]) =>
    family === 4
      ? naiveIPv4({ protocol: 1, tos: 0x2b }, naiveIcmp(8, 0, 0x12345678, data))
      : naiveIPv6({ nextHeader: 58, trafficClass: 0x2b }, naiveIcmp(128, 0, 0x12345678, data, ENDS6));

  test("a request of any length is answered with its own data, and the answer's checksums are right", () => {
    fc.assert(
      fc.property(fc.constantFrom<4 | 6>(4, 6), fc.nat(1452), (family, n) => {
        const bench = new Bench();
        expect(bench.take(request(family, data(n)))).toBe(DONE);
        const reply = bench.next()!;
        const body =
          family === 4
            ? naiveIcmp(0, 0, 0x12345678, data(n))
            : naiveIcmp(129, 0, 0x12345678, data(n), ["fd00::7", "fd00::1"]);
        const id = family === 4 ? reply[4]! * 256 + reply[5]! : 0;
        expect(reply).toEqual(
          family === 4
            ? naiveIPv4({ source: "10.0.0.7", destination: "10.0.0.1", protocol: 1, tos: 0x28, id }, body)
            : naiveIPv6({ source: "fd00::7", destination: "fd00::1", nextHeader: 58, trafficClass: 0x28 }, body),
        );
        expect(bench.next()).toBe(null);
      }),
      { seed: SEED },
    );
  });

  test("a fragmented request is answered whole", () => {
    const bench = new Bench();
    const message = naiveIcmp(8, 0, 1, data(3001));
    expect(bench.receive(naiveIPv4({ protocol: 1, id: 4, flags: 0x2000 }, message.slice(0, 1480)))).toBe(CONSUMED);
    expect(bench.take(naiveIPv4({ protocol: 1, id: 4, offset: 1480 }, message.slice(1480)))).toBe(DONE);
    expect(bench.next()!.slice(20)).toEqual(naiveIcmp(0, 0, 1, data(3001)));
  });

  test("no answer to a wrong checksum, a broadcast, or a message cut short; IPv6 groups are answered from our address", () => {
    const bench = new Bench();
    const wrong = request(4, data(9));
    wrong[30]! ^= 1;
    bench.take(wrong);
    const wrong6 = request(6, data(9));
    wrong6[50]! ^= 1;
    bench.take(wrong6);
    bench.take(naiveIPv4({ protocol: 1, destination: "10.0.0.255" }, naiveIcmp(8, 0, 1, [])));
    bench.take(naiveIPv4({ protocol: 1 }, [8, 0, 0xf7, 0xff]));
    expect(bench.next()).toBe(null);
    expect(bench.counters.snapshot()).toEqual({ "icmp.bad-checksum": 2, "icmp.echo-to-group": 1, "icmp.short": 1 });
    const group: [string, string] = ["fd00::1", "ff02::1"];
    bench.take(naiveIPv6({ nextHeader: 58, destination: "ff02::1" }, naiveIcmp(128, 0, 1, [], group)));
    expect(say(bench.next())).toBe("IP6 fd00::7 > fd00::1: ICMP6 echo reply, id 0, seq 1, length 8");
  });

  test("replies come to us as such; queries we do not serve are ignored", () => {
    const bench = new Bench();
    expect(bench.take(naiveIPv4({ protocol: 1 }, naiveIcmp(0, 0, 5, [1])))).toBe(ECHO_REPLY);
    expect(bench.take(naiveIPv6({ nextHeader: 58 }, naiveIcmp(129, 0, 5, [1], ENDS6)))).toBe(ECHO_REPLY);
    expect(bench.take(naiveIPv4({ protocol: 1 }, naiveIcmp(13, 0, 5, [1])))).toBe(DONE);
    expect(bench.take(naiveIPv4({ protocol: 1 }, naiveIcmp(5, 0, 5, [1])))).toBe(DONE);
    expect([marks(bench), bench.next()]).toEqual([["icmp.ignored"], null]);
  });

  test("the queue is bounded, keeps its order, and loses no byte as it goes round", () => {
    const length = fc.oneof(fc.nat(300), fc.integer({ min: 10_000, max: 65_000 }));
    const step = fc.oneof(length, fc.constant(-1));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench();
        const waiting: number[] = [];
        let seq = 0;
        const check = () => {
          const reply = bench.next();
          const expected = waiting.shift();
          if (expected === undefined) return expect(reply).toBe(null);
          const v = new DataView(Uint8Array.from(reply!).buffer);
          expect([v.getUint16(26), reply!.length]).toEqual([expected >> 16, 28 + (expected & 0xffff)]);
          expect(Bun.hash(Uint8Array.from(reply!.slice(28)))).toBe(Bun.hash(Uint8Array.from(data(expected & 0xffff))));
        };
        for (const n of steps) {
          if (n < 0) {
            check();
            continue;
          }
          const before = bench.counters.snapshot()["icmp.queue-full"] ?? 0;
          bench.take(naiveIPv4({ protocol: 1 }, naiveIcmp(8, 0, ++seq, data(n))));
          if ((bench.counters.snapshot()["icmp.queue-full"] ?? 0) === before) waiting.push((seq << 16) | n);
        }
        expect(bench.icmp.pending).toBe(waiting.length);
        while (waiting.length > 0) check();
        check();
      }),
      { seed: SEED, numRuns: 12 },
    );
    const bench = new Bench();
    for (let i = 0; i < 100; i++) bench.take(request(4, []));
    expect(bench.icmp.pending).toBe(64);
    expect(bench.counters.snapshot()["icmp.queue-full"]).toBe(36);
  });
});

describe("errors sent", () => {
  test("port and protocol unreachable, parameter problem: quoting the packet, from the address it came to", () => {
    const bench = new Bench();
    bench.take(naiveIPv4({}, naiveUdp(5, 53, [1, 2])));
    bench.take(naiveIPv4({ protocol: 132 }, [1, 2]));
    bench.take(naiveIPv6({}, naiveUdp(5, 53, [1, 2])));
    bench.take(naiveIPv6({ nextHeader: 132 }, [1, 2]));
    const lines = [say(bench.next()), say(bench.next()), say(bench.next()), say(bench.next()), bench.next()];
    expect(lines).toEqual([
      "IP 10.0.0.7 > 10.0.0.1: ICMP port unreachable [IP 10.0.0.1.5 > 10.0.0.7.53: UDP, length 2], length 38",
      "IP 10.0.0.7 > 10.0.0.1: ICMP protocol unreachable [IP 10.0.0.1 > 10.0.0.7: protocol 132, length 2], length 30",
      "IP6 fd00::7 > fd00::1: ICMP6 port unreachable [IP6 fd00::1.5 > fd00::7.53: UDP, length 2], length 58",
      "IP6 fd00::7 > fd00::1: ICMP6 unrecognized next header at octet 6 [IP6 fd00::1 > fd00::7: protocol 132, length 2], length 50",
      null,
    ]);
  });

  test("as much of the packet is quoted as makes 576 or 1280 bytes, byte for byte, and the checksum is right", () => {
    const bench = new Bench();
    const packet4 = naiveIPv4({}, naiveUdp(5, 53, data(1400)));
    bench.take(packet4);
    const error4 = bench.next()!;
    expect(error4.length).toBe(576);
    expect(error4.slice(20)).toEqual(naiveIcmp(3, 3, 0, packet4.slice(0, 548)));
    const packet6 = naiveIPv6({}, naiveUdp(5, 53, data(1400)));
    bench.take(packet6);
    const error6 = bench.next()!;
    expect(error6.length).toBe(1280);
    expect(error6.slice(40)).toEqual(naiveIcmp(1, 4, 0, packet6.slice(0, 1232), ["fd00::7", "fd00::1"]));
  });

  test("never about an error, a fragment that is not the first, or a packet to a group (RFC 1122, RFC 4443)", () => {
    const bench = new Bench();
    const undue = [
      naiveIPv4({ protocol: 1, options: [1, 1, 1, 0] }, naiveIcmp(3, 3, 0, [])),
      naiveIPv4({ destination: "10.0.0.255" }, naiveUdp(5, 53, [])),
      naiveIPv4({ destination: "224.0.0.1" }, naiveUdp(5, 53, [])),
      naiveIPv6({ destination: "ff02::1" }, naiveUdp(5, 53, [])),
      naiveIPv6({ destination: "ff02::1", nextHeader: 132 }, [1]),
    ];
    for (const packet of undue) {
      bench.receive(packet);
      bench.icmp.portUnreachable(bench.header, 0);
    }
    // An ICMPv6 error behind an option that asks for a report.
    bench.take(naiveIPv6({ nextHeader: 60 }, [58, 0, 0xbe, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0]));
    bench.header.headerO = bench.slot;
    bench.slab.u8.set(naiveIPv4({ offset: 8 }, naiveUdp(5, 53, [])), bench.slot);
    bench.header.family = 4;
    bench.header.group = false;
    bench.icmp.portUnreachable(bench.header, 0);
    expect(bench.next()).toBe(null);
    expect(bench.counters.get(bench.header.mark)).toBeGreaterThan(0);
    expect(bench.counters.snapshot()["icmp.error-undue"]).toBe(7);
  });

  test("an unknown option sent to a group is reported all the same, from an address of ours", () => {
    const bench = new Bench();
    const body = [17, 0, 0xbe, 4, 0, 0, 0, 0, ...naiveUdp(5, 53, [])];
    bench.take(naiveIPv6({ destination: "ff02::1", nextHeader: 60 }, body));
    expect(say(bench.next())).toStartWith("IP6 fd00::7 > fd00::1: ICMP6 unrecognized option at octet 42");
  });

  test("time exceeded when fragments stay out, about the first fragment only", () => {
    for (const family of [4, 6] as const) {
      const bench = new Bench();
      const message = naiveUdp(5, 53, data(2000));
      const first = message.slice(0, 1000);
      const fragment =
        family === 4
          ? naiveIPv4({ flags: 0x2000 }, first)
          : naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(17, 0, true, 1), ...first]);
      bench.take(fragment);
      const at = bench.input.nextDeadline();
      expect(bench.input.expire(bench.header, at)).toBe(REPLY);
      expect(bench.icmp.error(bench.header, at)).toBe(true);
      const error = bench.next()!;
      expect(say(error)).toContain("reassembly time exceeded");
      const quote = family === 4 ? error.slice(28) : error.slice(48);
      expect(quote).toEqual(fragment.slice(0, quote.length));
      expect(quote.length).toBeGreaterThan(500);
    }
  });

  test("the rate is limited, and comes back with time", () => {
    const bench = new Bench({ ...ICMP_LIMITS, errorRate: 10, errorBurst: 3 });
    const sent = (now: number) => {
      bench.take(naiveIPv4({}, naiveUdp(5, 53, [])), now);
      return bench.next() !== null;
    };
    expect([0, 1, 2, 3, 4].map(sent)).toEqual([true, true, true, false, false]);
    expect([99_999, 100_002, 100_003].map(sent)).toEqual([false, true, false]);
    const bucket = new TokenBucket(10, 3);
    let taken = 0;
    for (let now = 0; now < 10_000_000; now += 1000) if (bucket.take(now)) taken++;
    expect(taken).toBeWithin(101, 104);
  });
});

test("echo replies are limited as well, and come back with time", () => {
  const bench = new Bench({ ...ICMP_LIMITS, echoRate: 10, echoBurst: 3 });
  const answered = (now: number) => {
    bench.take(naiveIPv4({ protocol: 1 }, naiveIcmp(8, 0, 1, [])), now);
    return bench.next() !== null;
  };
  expect([0, 1, 2, 3, 4, 100_002].map(answered)).toEqual([true, true, true, false, false, true]);
  expect(bench.counters.snapshot()).toMatchObject({ "icmp.echo": 4, "icmp.echo-limited": 2 });
});

describe("errors read", () => {
  const seg = [...octets16(7000), ...octets16(41234), ...octets32(0xfffffff0), ...octets32(0)];
  const quote4 = naiveIPv4({ source: "10.0.0.7", destination: "10.0.1.5", protocol: 6, flags: 0x4000 }, [
    ...seg,
    ...data(8),
  ]);
  const error4 = (type: number, code: number, rest = 0, quote = quote4.slice(0, 28)) =>
    naiveIPv4({ source: "192.0.2.1", protocol: 1 }, naiveIcmp(type, code, rest, quote));
  const quote6 = naiveIPv6({ source: "fd00::7", destination: "fd00:b::5", nextHeader: 6 }, seg);
  const error6 = (type: number, code: number, rest = 0, quote = quote6) =>
    naiveIPv6({ nextHeader: 58 }, naiveIcmp(type, code, rest, quote, ENDS6));

  test("which connection it is about: addresses, protocol, ports and sequence number, in both families", () => {
    for (const packet of [error4(3, 1), error6(1, 3)]) {
      const bench = new Bench();
      expect(bench.take(packet)).toBe(ERROR);
      const e = bench.error;
      expect([e.kind, e.protocol, e.sourcePort, e.destinationPort, e.seq]).toEqual([2, 6, 7000, 41234, -16]);
      const six = e.family === 6;
      expect([e.s0, e.s1, e.s2, e.s3]).toEqual(six ? [0xfd000000 | 0, 0, 0, 7] : [0, 0, 0xffff, 0x0a000007]);
      expect([e.d0, e.d1, e.d2, e.d3]).toEqual(six ? [0xfd00000b | 0, 0, 0, 5] : [0, 0, 0xffff, 0x0a000105]);
      expect(e.packetLength).toBe(six ? 52 : 40);
      expect(bench.bytes(e.o, 8)).toEqual(seg.slice(0, 8));
    }
  });

  test("what it says, by type and code", () => {
    const kind = (packet: number[]) => {
      const bench = new Bench();
      return bench.take(packet) === ERROR ? bench.error.kind : marks(bench)[0];
    };
    const codes4 = Array.from({ length: 17 }, (_, code) => kind(error4(3, code)));
    expect(codes4).toEqual([1, 2, 3, 4, 5, 2, 1, 2, 2, 6, 6, 1, 2, 6, 6, 6, "icmp.unknown-error"]);
    const others4 = [error4(4, 0), error4(11, 0), error4(11, 1), error4(12, 0), error4(99, 0)];
    expect(others4.map(kind)).toEqual([10, 7, 8, 9, "icmp.unknown-error"]);
    expect(Array.from({ length: 8 }, (_, code) => kind(error6(1, code)))).toEqual([
      1,
      6,
      1,
      2,
      4,
      6,
      6,
      "icmp.unknown-error",
    ]);
    const others6 = [error6(2, 0), error6(3, 0), error6(3, 1), error6(4, 0), error6(4, 1), error6(100, 0)];
    expect(others6.map(kind)).toEqual([5, 7, 8, 9, 3, "icmp.unknown-error"]);
  });

  test("the next hop's MTU and the pointer", () => {
    const bench = new Bench();
    bench.take(error4(3, 4, 1400));
    expect(bench.error.mtu).toBe(1400);
    bench.take(error6(2, 0, 1280));
    expect(bench.error.mtu).toBe(1280);
    bench.take(error4(12, 0, 20 << 24));
    expect(bench.error.pointer).toBe(20);
    bench.take(error6(4, 0, 40));
    expect([bench.error.pointer, bench.error.mtu]).toEqual([40, 0]);
  });

  test("a quote that cannot be read, is of a later fragment, or of another host's packet is dropped by name", () => {
    const of = (packet: number[]) => {
      const bench = new Bench();
      expect(bench.take(packet)).toBe(DONE);
      return marks(bench)[0];
    };
    expect(of(error4(3, 1, 0, quote4.slice(0, 27)))).toBe("icmp.bad-quote");
    expect(of(error4(3, 1, 0, quote4.slice(0, 10)))).toBe("icmp.bad-quote");
    expect(of(error4(3, 1, 0, [0x44, ...quote4.slice(1)]))).toBe("icmp.bad-quote");
    expect(of(error4(3, 1, 0, [0x4f, ...quote4.slice(1, 40)]))).toBe("icmp.bad-quote");
    expect(of(error4(3, 1, 0, quote6))).toBe("icmp.bad-quote");
    expect(of(error4(3, 1, 0, naiveIPv4({ source: "10.0.0.7", offset: 8 }, seg)))).toBe("icmp.quoted-fragment");
    expect(of(error4(3, 1, 0, naiveIPv4({ source: "10.0.0.9" }, seg)))).toBe("icmp.not-our-packet");
    expect(of(error6(1, 3, 0, quote6.slice(0, 47)))).toBe("icmp.bad-quote");
    const later = naiveIPv6({ source: "fd00::7", nextHeader: 44 }, [...naiveFragment6(6, 8, false, 1), ...seg]);
    expect(of(error6(1, 3, 0, later))).toBe("icmp.quoted-fragment");
    expect(of(error6(1, 3, 0, naiveIPv6({ source: "fd00::8" }, seg)))).toBe("icmp.not-our-packet");
  });

  test("any octets whatever in an ICMP message are read or dropped, never thrown, and never beyond the message", () => {
    const bench = new Bench();
    const header = fc.tuple(fc.constantFrom(0, 3, 4, 8, 11, 12, 1, 2, 128), fc.nat(16));
    const start = fc.constantFrom(quote4, quote6, []);
    const noise = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(header, start, noise, fc.nat(60), fc.boolean(), ([type, code], start, noise, keep, six) => {
        const quote = [...start.slice(0, keep), ...noise];
        const packet = six
          ? naiveIPv6({ nextHeader: 58 }, naiveIcmp(type, code, 0, quote, ENDS6))
          : naiveIPv4({ protocol: 1 }, naiveIcmp(type, code, 0, quote));
        const result = bench.take(packet);
        if (result === ERROR) {
          expect(bench.error.o + bench.error.n).toBe(bench.slot + packet.length);
          expect(bench.error.n).toBeGreaterThanOrEqual(8);
        }
        bench.next();
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
