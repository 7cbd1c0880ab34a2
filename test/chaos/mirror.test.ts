import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { tooBig } from "#icmp/path-error";
import { type Address, parseAddress } from "#ip/address";
import type { Prefix } from "#ip/prefix";
import { parsePrefix } from "#ip/prefix";
import { Mirror } from "#lab/chaos/mirror";
import { mirrorAddress } from "#lab/chaos/mirror-address";
import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ICMP, ICMPV6, TCP, UDP } from "#wire/protocol";

const SEEDED = { seed: 7, numRuns: 300 };
const address = (text: string): Address => parseAddress(text)!;
const SIDES = {
  4: { here: [address("10.0.0.1"), address("10.0.0.2")], there: [address("10.0.1.2"), address("10.0.1.1")] },
  6: { here: [address("fd00:a::1"), address("fd00:a::2")], there: [address("fd00:b::2"), address("fd00:b::1")] },
} as const;

/** Where each transport has its checksum, and how long its header is. */
const FORMS: Readonly<Record<number, readonly [number, number]>> = {
  [TCP]: [16, 20],
  [UDP]: [6, 8],
  [ICMP]: [2, 8],
  [ICMPV6]: [2, 8],
};

/** A packet with all checksums right. */
function packet(family: 4 | 6, kind: number, from: Address, to: Address, payload: Uint8Array): DataView {
  const header = family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
  const [at, length] = FORMS[kind]!;
  const v = new DataView(new ArrayBuffer(header + length + payload.length));
  new Uint8Array(v.buffer).set(payload, header + length);
  if (family === 4) {
    ipv4.write(v, 0, 0, v.byteLength, 1, ipv4.DF, 64, kind, from.d, to.d);
    ipv4.setChecksum(v, 0);
  } else {
    ipv6.write(v, 0, 0, 0, v.byteLength - header, kind, 64);
    ipv6.setSource(v, 0, from.a, from.b, from.c, from.d);
    ipv6.setDestination(v, 0, to.a, to.b, to.c, to.d);
  }
  // TCP's data offset, ICMP's echo request.
  if (kind === TCP) v.setUint8(header + 12, 0x50);
  if (kind === ICMP) v.setUint8(header, 8);
  if (kind === ICMPV6) v.setUint8(header, 128);
  v.setUint16(header + at, checksum.finish(transportSum(v, family, kind)));
  return v;
}

function transportSum(v: DataView, family: 4 | 6, kind: number): number {
  const header = family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
  const n = v.byteLength - header;
  let pseudo = 0;
  if (family === 6) pseudo = checksum.sum(v, ipv6.SOURCE, 32, n + kind);
  else if (kind !== ICMP) pseudo = checksum.pseudo4(ipv4.source(v, 0), ipv4.destination(v, 0), kind, n);
  return checksum.sum(v, header, n, pseudo);
}

function ends(v: DataView, family: 4 | 6, o = 0): string {
  const hex = Buffer.from(v.buffer, o + (family === 4 ? 12 : 8), family === 4 ? 8 : 32).toString("hex");
  return hex;
}

describe("a mirror changes addresses, and every checksum stays right", () => {
  for (const [family, kind] of [
    [4, TCP],
    [4, UDP],
    [4, ICMP],
    [6, TCP],
    [6, UDP],
    [6, ICMPV6],
  ] as const) {
    test(`IPv${family}, protocol ${kind}, there and back again`, () => {
      const { here, there } = SIDES[family];
      const out = new Mirror(here, there);
      const back = new Mirror(there, here);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
          const v = packet(family, kind, here[0]!, here[1]!, payload);
          const before = ends(v, family);
          out.apply(v, 0, v.byteLength);
          expect(ends(v, family)).toBe(ends(packet(family, kind, there[0]!, there[1]!, payload), family));
          expect(checksum.good(transportSum(v, family, kind))).toBe(true);
          if (family === 4) expect(ipv4.checksumGood(v, 0)).toBe(true);
          back.apply(v, 0, v.byteLength);
          expect(ends(v, family)).toBe(before);
          expect(checksum.good(transportSum(v, family, kind))).toBe(true);
        }),
        SEEDED,
      );
    });
  }

  test("addresses that stand for nobody stay; UDP without a checksum stays without", () => {
    const { here, there } = SIDES[4];
    const v = packet(4, UDP, address("192.0.2.1"), here[1]!, new Uint8Array(4));
    v.setUint16(ipv4.HEADER_MIN + 6, 0);
    new Mirror(here, there).apply(v, 0, v.byteLength);
    expect([ipv4.source(v, 0), ipv4.destination(v, 0)]).toEqual([address("192.0.2.1").d, there[1]!.d]);
    expect(v.getUint16(ipv4.HEADER_MIN + 6)).toBe(0);
  });

  for (const family of [4, 6] as const) {
    test(`IPv${family}: what an ICMP error quotes is changed as well, and its sender knows it again`, () => {
      const { here, there } = SIDES[family];
      const slab = new Slab(1 << 16);
      const sent = new Packet();
      // As b's kernel sees it: from the mirror address there. It finds it too big.
      const original = packet(family, TCP, there[0]!, there[1]!, new Uint8Array(100));
      slab.u8.set(new Uint8Array(original.buffer), 0);
      sent.n = original.byteLength;
      const error = new Packet();
      error.o = 4096;
      expect(tooBig(slab, sent, 1280, error)).toBe(true);
      const v = new DataView(slab.buffer.slice(4096, 4096 + error.n));
      new Mirror(there, here).apply(v, 0, error.n);
      const header = family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
      expect(ends(v, family, header + 8)).toBe(ends(packet(family, TCP, here[0]!, here[1]!, new Uint8Array()), family));
      expect(checksum.good(transportSum(v, family, family === 4 ? ICMP : ICMPV6))).toBe(true);
      if (family === 4) expect(ipv4.checksumGood(v, header + 8)).toBe(true);
    });
  }

  test("any bytes at all: nothing is thrown, nothing is written beyond the packet", () => {
    const { here, there } = SIDES[4];
    const mirror = new Mirror([...here, address("0.0.0.0")], [...there, address("255.255.255.255")]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), fc.constantFrom(0x45, 0x60, 0x46, 0x00), (bytes, first) => {
        const room = new Uint8Array(200).fill(0xaa);
        room.set(bytes, 50);
        room[50] = first;
        mirror.apply(new DataView(room.buffer), 50, bytes.length);
        expect(room.subarray(0, 50).every((byte) => byte === 0xaa)).toBe(true);
        expect(room.subarray(50 + Math.max(bytes.length, 1)).every((byte) => byte === 0xaa)).toBe(true);
      }),
      { ...SEEDED, numRuns: 2_000 },
    );
  });
});

test("the mirror address is the prefix's second, or one that is free", () => {
  const of = (text: string) => `${mirrorAddress(parsePrefix(text) as Prefix)}`;
  expect(of("10.0.0.1/24")).toBe("10.0.0.2");
  expect(of("10.0.0.2/24")).toBe("10.0.0.254");
  expect(of("10.0.0.1/30")).toBe("10.0.0.2");
  expect(of("10.0.0.2/30")).toBe("10.0.0.1");
  expect(of("fd00:a::1/64")).toBe("fd00:a::2");
});
