/** How a segment lies in memory: a small payload goes behind its header, a larger one is given as slices of the send queue. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { PAGE_SIZE } from "#base/slab";
import { Stack } from "#stack/stack";
import { SMALL_MAX } from "#tcp/send/segment-writer";
import type { Tcb } from "#tcp/words/tcb";
import { address } from "../../support/naive/ip.ts";
import { Wire } from "../../support/wire.ts";

const B = "10.0.1.5";

function open(checksum: boolean): { wire: Wire; ends: readonly Tcb[]; send: (bytes: Uint8Array) => Packet } {
  const make = (own: string, seed: number) =>
    new Stack({
      addresses: [address(own)],
      mtu: 1500,
      seed,
      limits: { memory: 4 << 20 },
      offload: { checksum, tso4: checksum, tso6: checksum },
    });
  const wire = new Wire([make("10.0.0.7", 1), make(B, 2)]);
  const ends = wire.open(B);
  const packet = new Packet();
  const send = (bytes: Uint8Array) => {
    expect(wire.stacks[0].send(ends[0]!, bytes, 0, bytes.length, wire.now)).toBe(bytes.length);
    expect(wire.stacks[0].poll(packet, wire.now)).toBe(true);
    return packet;
  };
  return { wire, ends, send };
}

test("a payload of at most SMALL_MAX octets has no slice, a longer one has: the octets are the same", () => {
  for (const n of [1, 12, 13, SMALL_MAX - 1, SMALL_MAX, SMALL_MAX + 1, 1_400]) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => i * 7);
    const { wire, send } = open(true);
    const packet = send(bytes);
    expect(packet.slices).toBe(n > SMALL_MAX ? 1 : 0);
    const { u8 } = wire.stacks[0].slab;
    const pieces = [u8.slice(packet.o, packet.o + packet.n)];
    for (let i = 0; i < packet.slices; i++)
      pieces.push(u8.slice(packet.sliceO[i]!, packet.sliceO[i]! + packet.sliceN[i]!));
    expect(Buffer.concat(pieces).subarray(-n)).toEqual(Buffer.from(bytes));
  }
});

test("small payloads that cross the end of a page arrive whole, with a checksum that is right", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: SMALL_MAX }), fc.integer({ min: 1, max: SMALL_MAX }), (before, n) => {
      const { wire, ends } = open(false);
      const [a, b] = ends as [Tcb, Tcb];
      const [near, far] = wire.stacks;
      const got = new Uint8Array(PAGE_SIZE * 2);
      // The send queue keeps its place in the page as long as it is not empty.
      const first = new Uint8Array(PAGE_SIZE - before);
      const second = Uint8Array.from({ length: n }, (_, i) => i + 1);
      near.send(a, first, 0, first.length, wire.now);
      near.send(a, second, 0, n, wire.now);
      let received = 0;
      for (let i = 0; i < 100 && received < first.length + n; i++) {
        wire.carry(0);
        received += far.receive(b, got, received, got.length - received);
        wire.carry(1);
        wire.advance(1_000);
      }
      expect(received).toBe(first.length + n);
      expect(got.subarray(first.length, received)).toEqual(second);
    }),
    { numRuns: 50 },
  );
});
