import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { print } from "#wire/print";
import { naiveFragment6, naiveIcmp, naiveIPv4, naiveIPv6, naiveUdp, octets16, octets32 } from "../support/naive/ip.ts";

const say = (packet: number[]) => print(new DataView(Uint8Array.from(packet).buffer), 0, packet.length);

function tcp(flags: number, options: number[], data: number[]): number[] {
  const offset = (5 + options.length / 4) << 12;
  const head = [
    ...octets16(7000),
    ...octets16(41234),
    ...octets32(0xfffffff0),
    ...octets32(77),
    ...octets16(offset | flags),
  ];
  return [...head, ...octets16(65535), 0, 0, ...octets16(9), ...options, ...data];
}

describe("print", () => {
  test("packets of every kind, in tcpdump's words", () => {
    const synOptions = [2, 4, 5, 180, 4, 2, 8, 10, ...octets32(1), ...octets32(0), 1, 3, 3, 7];
    const sack = [1, 1, 5, 10, ...octets32(100), ...octets32(200)];
    const quoted4 = naiveIPv4({ source: "10.0.0.7", destination: "10.0.1.5" }, naiveUdp(5, 53, [1, 2, 3])).slice(0, 28);
    const quoted6 = naiveIPv6({ source: "fd00::7", destination: "fd00::9" }, naiveUdp(5, 53, [1, 2]));
    const ends6: [string, string] = ["fd00::1", "fd00::7"];
    const lines = [
      naiveIPv4({ protocol: 6 }, tcp(0x02, synOptions, [])),
      naiveIPv4({ protocol: 6 }, tcp(0x18, sack, new Array(20).fill(0))),
      naiveIPv4({ protocol: 6 }, tcp(0x1f1, [9, 0, 0, 0], [])),
      naiveIPv6({ nextHeader: 6 }, tcp(0x10, [], [])),
      naiveIPv4({ protocol: 6 }, tcp(0x02, [34, 2, 254, 8, 0xf9, 0x89, 1, 2, 3, 0xfe, 1, 1], [])),
      naiveIPv4({}, naiveUdp(5, 53, [1, 2, 3])),
      naiveIPv4({ protocol: 1 }, naiveIcmp(8, 0, 0x10002, [1, 2])),
      naiveIPv4({ protocol: 1 }, naiveIcmp(3, 3, 0, quoted4)),
      naiveIPv4({ protocol: 1 }, naiveIcmp(3, 4, 1400, quoted4)),
      naiveIPv4({ protocol: 1 }, naiveIcmp(11, 0, 0, quoted4)),
      naiveIPv6({ nextHeader: 58 }, naiveIcmp(129, 0, 0x10002, [], ends6)),
      naiveIPv6({ nextHeader: 58 }, naiveIcmp(1, 4, 0, quoted6, ends6)),
      naiveIPv6({ nextHeader: 58 }, naiveIcmp(2, 0, 1280, quoted6, ends6)),
      naiveIPv6({ nextHeader: 58 }, naiveIcmp(4, 1, 6, quoted6, ends6)),
      naiveIPv4({ id: 9, flags: 0x2000 }, naiveUdp(5, 53, [1, 2, 3])),
      naiveIPv4({ id: 9, offset: 1480 }, [1, 2, 3]),
      naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(17, 8, true, -1), 1, 2, 3]),
      naiveIPv6({ nextHeader: 60 }, [17, 3, 0, 0]),
      naiveIPv4({ protocol: 132 }, [1, 2, 3]),
      naiveIPv4({ totalLength: 99 }, []),
      [0x11, 2, 3],
    ].map(say);
    expect(lines).toMatchInlineSnapshot(`
      [
        "IP 10.0.0.1.7000 > 10.0.0.7.41234: Flags [S], seq 4294967280, win 65535, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0",
        "IP 10.0.0.1.7000 > 10.0.0.7.41234: Flags [P.], seq 4294967280:4, ack 77, win 65535, options [nop,nop,sack 1 {100:200}], length 20",
        "IP 10.0.0.1.7000 > 10.0.0.7.41234: Flags [F.UEWe], seq 4294967280, ack 77, win 65535, urg 9, options [bad length], length 0",
        "IP6 fd00::1.7000 > fd00::7.41234: Flags [.], ack 77, win 65535, length 0",
        "IP 10.0.0.1.7000 > 10.0.0.7.41234: Flags [S], seq 4294967280, win 65535, options [tfo cookiereq,exp-tfo cookie 010203fe,nop,nop], length 0",
        "IP 10.0.0.1.5 > 10.0.0.7.53: UDP, length 3",
        "IP 10.0.0.1 > 10.0.0.7: ICMP echo request, id 1, seq 2, length 10",
        "IP 10.0.0.1 > 10.0.0.7: ICMP port unreachable [IP 10.0.0.7.5 > 10.0.1.5.53: UDP, length 3], length 36",
        "IP 10.0.0.1 > 10.0.0.7: ICMP fragmentation needed, mtu 1400 [IP 10.0.0.7.5 > 10.0.1.5.53: UDP, length 3], length 36",
        "IP 10.0.0.1 > 10.0.0.7: ICMP time exceeded in transit [IP 10.0.0.7.5 > 10.0.1.5.53: UDP, length 3], length 36",
        "IP6 fd00::1 > fd00::7: ICMP6 echo reply, id 1, seq 2, length 8",
        "IP6 fd00::1 > fd00::7: ICMP6 port unreachable [IP6 fd00::7.5 > fd00::9.53: UDP, length 2], length 58",
        "IP6 fd00::1 > fd00::7: ICMP6 packet too big, mtu 1280 [IP6 fd00::7.5 > fd00::9.53: UDP, length 2], length 58",
        "IP6 fd00::1 > fd00::7: ICMP6 unrecognized next header at octet 6 [IP6 fd00::7.5 > fd00::9.53: UDP, length 2], length 58",
        "IP 10.0.0.1.5 > 10.0.0.7.53: UDP, length 3 frag (id 9, offset 0, length 11, more)",
        "IP 10.0.0.1 > 10.0.0.7: frag (id 9, offset 1480, length 3)",
        "IP6 fd00::1 > fd00::7: frag (id 4294967295, offset 8, length 3, more)",
        "IP6 fd00::1 > fd00::7: bad packet: an extension header beyond the end of the packet",
        "IP 10.0.0.1 > 10.0.0.7: protocol 132, length 3",
        "IP bad packet: total length below IHL or beyond what arrived, length 20",
        "not an IP packet, length 3",
      ]
    `);
  });

  test("any octets whatever are printed, never thrown", () => {
    const lead = fc.constantFrom(0x45, 0x4f, 0x60, 0x46, 0x00);
    const body = fc.uint8Array({ maxLength: 120 });
    fc.assert(
      fc.property(lead, body, fc.constantFrom(1, 6, 17, 58, 44, 60), (first, bytes, protocol) => {
        const packet = [first, ...bytes];
        if (first === 0x60 && packet.length > 6)
          packet.splice(4, 3, ...octets16(Math.max(0, packet.length - 40)), protocol);
        if (first !== 0x60 && packet.length > 9) {
          packet.splice(2, 2, ...octets16(packet.length));
          packet[9] = protocol;
        }
        expect(say(packet)).toMatch(/^(IP|not)/);
      }),
      { seed: 3, numRuns: 3000 },
    );
  });
});
