/** Segments that are joined on reception: which, and that nothing else changes. */
import { describe, expect, test } from "bun:test";
import { array, boolean, assert as check, constantFrom, integer, property, record } from "fast-check";
import { CSUM_NONE, CSUM_PARTIAL, CSUM_VALID, HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { Coalescer } from "#device/coalescing";
import { type Device, NO_OFFLOAD, RX_GONE, RX_NONE, TX_OK } from "#device/device";
import * as ipv4 from "#wire/ipv4";
import * as tcp from "#wire/tcp";
import { bytesAllocated } from "../support/allocation.ts";
import { type Arrived, pattern, put, readArrived, type Shape } from "./packets.ts";

/** Delivers prepared packets one by one. It also writes a header of its own before each, as a TUN device does. */
class Prepared implements Device {
  readonly name = "prepared";
  readonly mtu = 1_500;
  readonly queueLength = 1_000;
  readonly offload = NO_OFFLOAD;
  readonly slab = new Slab(1 << 20);
  readonly packets: { readonly bytes: Uint8Array; readonly csum: number }[] = [];
  isGone = false;
  #next = 0;
  readonly #o = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  readonly #packet = new Packet();

  attach(): void {}

  /** @param change alters the packet's octets, after its checksums were computed */
  add(shape: Partial<Shape>, change: (bytes: DataView) => void = () => {}, csum = CSUM_NONE): void {
    put(this.slab, this.#packet, this.#o, 0, { ...shape, partial: csum === CSUM_PARTIAL });
    const bytes = this.slab.u8.slice(this.#o, this.#o + this.#packet.n);
    change(new DataView(bytes.buffer));
    this.packets.push({ bytes, csum });
  }

  rewind(): void {
    this.#next = 0;
  }

  receive(packet: Packet): number {
    const found = this.packets[this.#next];
    if (found === undefined) return this.isGone ? RX_GONE : RX_NONE;
    this.#next++;
    this.slab.u8.fill(0xee, packet.o - HEADROOM, packet.o);
    this.slab.u8.set(found.bytes, packet.o);
    packet.n = found.bytes.length;
    packet.csum = found.csum;
    packet.csumStart = found.bytes[0]! >> 4 === 4 ? 20 : 40;
    packet.csumOffset = tcp.CHECKSUM;
    packet.gso = 0;
    return packet.n;
  }

  transmit(): number {
    return TX_OK;
  }

  nextDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  close(): void {}
}

/** All packets that come out, until the device is empty. */
function joined(device: Prepared): (Arrived & { readonly csum: number })[] {
  const coalescer = new Coalescer(device, device.slab);
  const packet = new Packet();
  const out: (Arrived & { readonly csum: number })[] = [];
  while (coalescer.receive(packet, 0) > 0) {
    const { csum } = packet;
    // A checksum that was verified may be that of the first segment alone.
    if (csum === CSUM_VALID) packet.csum = CSUM_NONE;
    out.push({ ...readArrived(device.slab, packet), csum });
  }
  return out;
}

const SIZE = 1_000;
const text = (n: number, at = 0) => pattern(n, at + 7);
/** A run of full segments from sequence number 100 on. */
function run(n: number, more: Partial<Shape> = {}, csum = CSUM_NONE): Prepared {
  const device = new Prepared();
  for (let i = 0; i < n; i++) device.add({ seq: 100 + i * SIZE, payload: text(SIZE, i), ...more }, undefined, csum);
  return device;
}
const sizes = (device: Prepared) => joined(device).map(({ payload }) => payload.length);

describe("what is joined", () => {
  for (const family of [4, 6] as const) {
    for (const [kind, csum] of [
      ["verified here", CSUM_NONE],
      ["left to the kernel", CSUM_PARTIAL],
      ["verified by the device", CSUM_VALID],
    ] as const) {
      test(`consecutive segments over IPv${family}, checksums ${kind}: one super-segment, its octets in order`, () => {
        const [all, ...rest] = joined(run(10, { family }, csum));
        expect(rest).toEqual([]);
        expect(all).toMatchObject({ seq: 100, flags: tcp.ACK, gsoSize: SIZE, ipGood: true, csum: CSUM_VALID });
        const octets = Buffer.concat(Array.from({ length: 10 }, (_, i) => text(SIZE, i)));
        expect(Buffer.compare(all!.payload, octets)).toBe(0);
      });
    }
  }

  test("as much as fits an IP packet", () => {
    const first = Math.floor((PACKET_MAX - 52) / SIZE);
    expect(sizes(run(100))).toEqual([first * SIZE, (100 - first) * SIZE]);
  });

  test("a shorter segment and one with PSH end it, and the super-segment has the PSH", () => {
    const device = run(2);
    device.add({ seq: 100 + 2 * SIZE, payload: text(200) });
    device.add({ seq: 300 + 2 * SIZE, payload: text(200) });
    device.add({ seq: 500 + 2 * SIZE, payload: text(200), flags: tcp.ACK | tcp.PSH });
    device.add({ seq: 700 + 2 * SIZE, payload: text(200) });
    const all = joined(device);
    expect(all.map(({ payload, flags }) => [payload.length, flags])).toEqual([
      [2 * SIZE + 200, tcp.ACK],
      [400, tcp.ACK | tcp.PSH],
      [200, tcp.ACK],
    ]);
  });
});

test("segments too small to hold the next one's headers come as they are", () => {
  expect(sizes(run(3, { payload: text(20) }))).toEqual([20, 20, 20]);
});

describe("what is not joined", () => {
  const next = { seq: 100 + SIZE, payload: text(SIZE) };
  const t = ipv4.HEADER_MIN;
  const cases: Record<string, [Partial<Shape>, ((v: DataView) => void)?]> = {
    "another sequence number": [{ ...next, seq: 101 + SIZE }],
    "a longer segment": [{ ...next, payload: text(SIZE + 1) }],
    "a segment without text": [{ ...next, payload: new Uint8Array(0) }],
    FIN: [{ ...next, flags: tcp.ACK | tcp.FIN }],
    URG: [{ ...next, flags: tcp.ACK | tcp.URG }],
    ECE: [{ ...next, flags: tcp.ACK | tcp.ECE }],
    "the other family": [{ ...next, family: 6 }],
    "another port": [next, (v) => v.setUint16(t, 7001)],
    "another ACK": [next, (v) => v.setUint32(t + tcp.ACKNOWLEDGMENT, 100)],
    "another window": [next, (v) => v.setUint16(t + tcp.WINDOW, 1001)],
    "other options": [next, (v) => v.setUint8(t + tcp.HEADER_MIN + 11, 2)],
    "a wrong checksum": [next, (v) => v.setUint8(v.byteLength - 1, v.getUint8(v.byteLength - 1) ^ 1)],
    "a wrong header checksum": [next, (v) => v.setUint16(10, v.getUint16(10) ^ 1)],
    "another TTL": [next, (v) => v.setUint8(8, 63)],
    "another TOS": [next, (v) => v.setUint8(1, 2)],
    "a fragment": [next, (v) => v.setUint16(6, ipv4.MF)],
    "another source": [next, (v) => v.setUint8(15, 99)],
    "padding after the packet": [next, (v) => v.setUint16(2, 1000)],
  };
  for (const [name, [shape, change]] of Object.entries(cases)) {
    test(`${name}: both come as they are`, () => {
      // With the checksums left to the kernel, what differs is all that can keep them apart.
      const csum = name.includes("checksum") ? CSUM_NONE : CSUM_PARTIAL;
      const device = run(1, {}, csum);
      device.add(shape, change, csum);
      const [a, b] = device.packets;
      const out: unknown[] = [];
      const packet = new Packet();
      const coalescer = new Coalescer(device, device.slab);
      while (coalescer.receive(packet, 0) > 0) out.push(device.slab.u8.slice(packet.o, packet.o + packet.n));
      expect(out).toEqual([a!.bytes, b!.bytes]);
    });
  }
});

test("whatever comes in whatever order: what was joined, cut again, is what came", () => {
  const step = record({
    flow: constantFrom(0, 0, 0, 1),
    n: constantFrom(SIZE, SIZE, SIZE, 200, 1, 0),
    skip: constantFrom(0, 0, 0, 0, 5),
    psh: constantFrom(false, false, false, true),
    bad: constantFrom(false, false, false, false, true),
    partial: boolean(),
    fill: integer({ min: 1, max: 1_000 }),
  });
  check(
    property(array(step, { maxLength: 60 }), constantFrom(4 as const, 6 as const), (steps, family) => {
      const device = new Prepared();
      const at = [0x7fff_f000, -5_000];
      for (const { flow, n, skip, psh, bad, partial, fill } of steps) {
        const seq = (at[flow]! + skip) | 0;
        at[flow] = (seq + n) | 0;
        const flags = tcp.ACK | (psh ? tcp.PSH : 0);
        const change = (v: DataView) => {
          const o = family === 4 ? 20 : 40;
          // A port of its own: the sum stays the same.
          v.setUint16(o, v.getUint16(o) - flow);
          v.setUint16(o + 2, v.getUint16(o + 2) + flow);
          if (bad) v.setUint8(v.byteLength - 1, v.getUint8(v.byteLength - 1) ^ 1);
        };
        device.add({ family, seq, flags, payload: pattern(n, fill) }, change, partial ? CSUM_PARTIAL : CSUM_NONE);
      }
      const coalescer = new Coalescer(device, device.slab);
      const packet = new Packet();
      let k = 0;
      while (coalescer.receive(packet, 0) > 0) {
        const { view } = device.slab;
        const transport = family === 4 ? 20 : 40;
        const headers = transport + tcp.headerLength(view, packet.o + transport);
        const octets = device.slab.u8.slice(packet.o + headers, packet.o + packet.n);
        const size = packet.gso === 0 ? Math.max(octets.length, 1) : packet.gsoSize;
        for (let done = 0; done === 0 || done < octets.length; done += size) {
          const original = device.packets[k++]!.bytes;
          expect(octets.subarray(done, done + size)).toEqual(new Uint8Array(original.subarray(headers)));
          const v = new DataView(original.buffer);
          expect(tcp.seq(v, transport)).toBe((tcp.seq(view, packet.o + transport) + done) | 0);
          expect(v.getUint32(transport)).toBe(view.getUint32(packet.o + transport));
        }
      }
      expect(k).toBe(device.packets.length);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("the end of the device is told after what came before it", () => {
  const device = run(3);
  device.isGone = true;
  const coalescer = new Coalescer(device, device.slab);
  const packet = new Packet();
  expect(coalescer.receive(packet, 0)).toBe(3 * SIZE + 52);
  expect(coalescer.receive(packet, 0)).toBe(RX_GONE);
});

test("joining allocates nothing", () => {
  const device = run(200);
  const coalescer = new Coalescer(device, device.slab);
  const packet = new Packet();
  const pass = () => {
    for (let i = 0; i < 200; i++) {
      device.rewind();
      while (coalescer.receive(packet, 0) > 0);
    }
  };
  pass();
  expect(bytesAllocated(pass)).toBeLessThan(200_000);
});
