import { expect, test } from "bun:test";
import fc from "fast-check";
import { markCongestion } from "#device/link-ecn";
import * as checksums from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";

test("IPv4: ECN-capable packets get CE, nothing else changes, and the checksum stays right", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      const v = new DataView(bytes.buffer, bytes.byteOffset);
      v.setUint8(0, 0x45);
      v.setUint16(10, 0);
      v.setUint16(10, checksums.finish(checksums.sum(v, 0, 20, 0)));
      const before = Uint8Array.from(bytes);
      const capable = (before[1]! & 3) !== 0;
      expect(markCongestion(v, 0, 20)).toBe(capable);
      expect(ipv4.checksumGood(v, 0)).toBe(true);
      before[1] = capable ? before[1]! | 3 : before[1]!;
      before.set(bytes.subarray(10, 12), 10);
      expect(bytes).toEqual(before);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("IPv6: the two low bits of the traffic class", () => {
  const v = new DataView(new ArrayBuffer(40));
  for (let trafficClass = 0; trafficClass < 256; trafficClass++) {
    v.setUint32(0, 0x60012345);
    ipv6.setTrafficClass(v, 0, trafficClass);
    const capable = (trafficClass & 3) !== 0;
    expect(markCongestion(v, 0, 40)).toBe(capable);
    expect(ipv6.trafficClass(v, 0)).toBe(capable ? trafficClass | 3 : trafficClass);
    expect(ipv6.flowLabel(v, 0)).toBe(0x12345);
  }
});

test("what is no IP packet cannot be marked", () => {
  const v = new DataView(new ArrayBuffer(40));
  v.setUint16(0, 0x7fff);
  expect(markCongestion(v, 0, 40)).toBe(false);
  v.setUint16(0, 0x45ff);
  expect(markCongestion(v, 0, 19)).toBe(false);
});
