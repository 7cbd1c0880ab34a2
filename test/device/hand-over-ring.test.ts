import { expect, test } from "bun:test";
import fc from "fast-check";
import { CSUM_VALID, GSO_NONE, GSO_TCP4, PACKET_MAX, Packet } from "#base/packet";
import { HandOverRing, RING_MEMORY, RING_SIZE } from "#device/hand-over-ring";

const target = new Uint8Array(PACKET_MAX + 100);

function shifted(ring: HandOverRing): { bytes: Uint8Array; packet: Packet } | null {
  const packet = new Packet();
  packet.o = 64;
  const n = ring.shift(target, packet);
  return n === 0 ? null : { bytes: target.slice(packet.o, packet.o + n), packet };
}

test("packets come out whole, in order, with their fields, and those without room are not taken", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: PACKET_MAX - 20 }), fc.constant(0)), { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 0, max: 65_535 }),
      (steps, mss) => {
        const ring = new HandOverRing(new SharedArrayBuffer(RING_MEMORY + 64), 64);
        const waiting: { bytes: number[]; gso: number; hops: number }[] = [];
        let held = 0;
        steps.forEach((n, i) => {
          if (n === 0) {
            const out = shifted(ring);
            const expected = waiting.shift();
            expect(out === null).toBe(expected === undefined);
            if (out === null || expected === undefined) return;
            held -= out.bytes.length;
            expect([out.bytes.length, out.bytes[0]!, out.bytes.at(-1)!]).toEqual(expected.bytes);
            expect([out.packet.gso, out.packet.gsoSize, out.packet.headerLength]).toEqual([expected.gso, mss, 40]);
            expect([out.packet.csum, out.packet.hops, out.packet.slices]).toEqual([CSUM_VALID, expected.hops, 0]);
            return;
          }
          const packet = new Packet();
          packet.csum = CSUM_VALID;
          packet.gso = n > 1500 ? GSO_TCP4 : GSO_NONE;
          packet.gsoSize = mss;
          packet.headerLength = 40;
          packet.hops = i;
          const source = new Uint8Array(n + 5).fill(i + 1);
          const taken = ring.push(new Uint8Array(20).fill(200), source, 5, n, packet);
          // What was taken before leaves room for the largest one and for what is lost at the end of the ring.
          if (held + steps.length * 32 < RING_SIZE - 3 * PACKET_MAX) expect(taken).toBe(true);
          if (!taken) return;
          held += n + 20;
          waiting.push({ bytes: [n + 20, 200, i + 1], gso: packet.gso, hops: i });
        });
        expect(ring.isEmpty).toBe(waiting.length === 0);
      },
    ),
  );
});

test("a ring that nobody reads takes no more than its size, and everything again once it is read", () => {
  const ring = new HandOverRing(new SharedArrayBuffer(RING_MEMORY), 0);
  const head = new Uint8Array(20);
  for (let round = 0; round < 40; round++) {
    const n = 1 + ((round * 7_919) % 60_000);
    const source = new Uint8Array(n);
    let taken = 0;
    while (ring.push(head, source, 0, n, new Packet())) taken++;
    expect(taken * (n + 20)).toBeLessThan(RING_SIZE);
    expect(taken).toBeGreaterThan(Math.floor((RING_SIZE - 2 * (n + 80)) / (n + 80)) - 1);
    while (shifted(ring) !== null) taken--;
    expect(taken).toBe(0);
  }
});
