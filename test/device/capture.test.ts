import { describe, expect, test } from "bun:test";
import { assert as check, constantFrom, integer, property, record } from "fast-check";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { CaptureDevice, type CaptureSink } from "#device/capture";
import { TX_AGAIN, TX_GONE, TX_OK } from "#device/device";
import { pair } from "#device/pair";
import * as ipv4 from "#wire/ipv4";
import * as tcp from "#wire/tcp";
import { naiveChecksum } from "../support/naive/checksum.ts";
import { flat, pattern, put } from "./packets.ts";
import { deviceSuite } from "./suite.ts";

const FULL = { checksum: true, tso4: true, tso6: true };

/** Keeps the last packet, and how many there were. */
class LastPacket implements CaptureSink {
  readonly u8 = new Uint8Array(PACKET_MAX + 100);
  readonly view = new DataView(this.u8.buffer);
  n = 0;
  outbound = false;
  cause = 0;
  count = 0;
  wanted = true;

  begin(n: number, _now: number, outbound: boolean): number {
    if (!this.wanted) return -1;
    this.n = n;
    this.outbound = outbound;
    return 100;
  }

  end(cause: number): void {
    this.cause = cause;
    this.count++;
  }

  get bytes(): Uint8Array {
    return this.u8.slice(100, 100 + this.n);
  }
}

for (const offload of [false, true]) {
  deviceSuite(`capture over a pair${offload ? " with offload" : ""}`, offload, (queueLength) => {
    const [a, b] = pair(offload ? { queueLength, offload: FULL } : { queueLength });
    return { a: new CaptureDevice(a, new LastPacket()), b: new CaptureDevice(b, new LastPacket()) };
  });
}

function bench() {
  const [a, b] = pair({ offload: FULL });
  const [sent, received] = [new LastPacket(), new LastPacket()];
  const slab = new Slab(1 << 20);
  const there = new CaptureDevice(a, sent);
  const back = new CaptureDevice(b, received);
  there.attach(slab);
  back.attach(slab);
  const packet = new Packet();
  const o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  const elsewhere = slab.reserve(PACKET_MAX);
  const rx = new Packet();
  rx.o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  return { a, slab, there, back, sent, received, packet, o, elsewhere, rx };
}

describe("why", () => {
  test("a received packet waits for what the stack says of it, and has it before the next one is copied", () => {
    const it = bench();
    let verdict = 0;
    it.back.verdict = () => verdict;
    const shape = {
      family: 4 as const,
      payload: pattern(100, 1),
      inHead: 0,
      slices: 1,
      seq: 1,
      partial: false,
      gsoSize: 0,
    };
    for (const word of [7, 8]) {
      put(it.slab, it.packet, it.o, it.elsewhere, shape);
      it.packet.cause = 3;
      expect(it.there.transmit(it.packet, 0)).toBe(TX_OK);
      // What is sent has its reason already.
      expect(it.sent.cause).toBe(3);
      expect(it.back.receive(it.rx, 0)).toBeGreaterThan(0);
      const before = it.received.count;
      verdict = word;
      it.back.nextDeadline();
      expect([it.received.count, it.received.cause]).toEqual([before + 1, word]);
    }
  });
});

describe("the copy", () => {
  test("is the packet, whole, with its checksum finished; the packet itself stays as it was", () => {
    const it = bench();
    const shapes = record({
      family: constantFrom(4 as const, 6 as const),
      payload: integer({ min: 0, max: 60_000 }).map((n) => pattern(n, n)),
      inHead: integer({ min: 0, max: 100 }),
      slices: integer({ min: 0, max: 6 }),
      seq: integer(),
    });
    check(
      property(shapes, (shape) => {
        put(it.slab, it.packet, it.o, it.elsewhere, { ...shape, partial: true, gsoSize: 1_400 });
        const before = flat(it.slab, it.packet);
        expect(it.there.transmit(it.packet, 0)).toBe(TX_OK);
        expect(Buffer.compare(flat(it.slab, it.packet), before)).toBe(0);
        expect(it.back.receive(it.rx, 0)).toBe(before.length);
        for (const { bytes } of [it.sent, it.received]) {
          const field = it.packet.csumStart + it.packet.csumOffset;
          const expected = before.slice();
          expected.set(bytes.subarray(field, field + 2), field);
          expect(Buffer.compare(bytes, expected)).toBe(0);
          expect(checksumGood(bytes, shape.family)).toBe(true);
        }
        expect([it.sent.outbound, it.received.outbound]).toEqual([true, false]);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  test("has a TCP checksum of zero where it comes to zero", () => {
    const it = bench();
    const checksum = (payload: Uint8Array): number => {
      put(it.slab, it.packet, it.o, it.elsewhere, { payload, partial: true });
      it.there.transmit(it.packet, 0);
      return it.sent.view.getUint16(100 + ipv4.HEADER_MIN + tcp.CHECKSUM);
    };
    const missing = checksum(Uint8Array.of(0, 0));
    expect(checksum(Uint8Array.of(missing >> 8, missing & 0xff))).toBe(0);
  });

  test("carries the cause", () => {
    const it = bench();
    put(it.slab, it.packet, it.o, it.elsewhere, {});
    it.packet.cause = 7;
    it.there.transmit(it.packet, 0);
    expect(it.sent.cause).toBe(7);
  });

  test("is made once of a packet that the device took late, and never of one it did not take", () => {
    const it = bench();
    const inner = it.a.transmit.bind(it.a);
    const results = [TX_AGAIN, TX_AGAIN, TX_OK, TX_GONE];
    it.a.transmit = (packet, now) => (results[0] === TX_OK ? inner(packet, now) : results[0]!);
    put(it.slab, it.packet, it.o, it.elsewhere, {});
    const counts = results.slice().map(() => {
      it.there.transmit(it.packet, 0);
      results.shift();
      return it.sent.count;
    });
    expect(counts).toEqual([0, 0, 1, 1]);
  });

  test("that nobody wants is not made", () => {
    const it = bench();
    it.sent.wanted = false;
    put(it.slab, it.packet, it.o, it.elsewhere, {});
    expect(it.there.transmit(it.packet, 0)).toBe(TX_OK);
    expect(it.sent.count).toBe(0);
  });
});

/** TCP's checksum by the slow twin: over the pseudo-header and the segment. */
function checksumGood(bytes: Uint8Array, family: 4 | 6): boolean {
  const header = family === 4 ? ipv4.HEADER_MIN : 40;
  const segment = bytes.subarray(header);
  const addresses = family === 4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40);
  const n = segment.length;
  const pseudo = [...addresses, 0, 6, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  return naiveChecksum([...pseudo, ...segment]) === 0xffff;
}
