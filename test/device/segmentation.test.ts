import { expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { TX_AGAIN, TX_OK } from "#device/device";
import { PairDevice, pair } from "#device/pair";
import { SegmentationDevice, withSegmentation } from "#device/segmentation";
import * as ipv4 from "#wire/ipv4";
import * as tcp from "#wire/tcp";
import { type Arrived, pattern, put, readArrived } from "./packets.ts";
import { deviceSuite } from "./suite.ts";

deviceSuite("software segmentation over a pair", true, (queueLength) => {
  const [a, b] = pair({ queueLength });
  return { a: new SegmentationDevice(a), b };
});

/** Passes a super-segment of ten segments; the inner device is full at every packet that `full` names. */
function passTen(family: 4 | 6, full: (attempt: number) => boolean): { arrived: Arrived[]; refused: number } {
  const [a, b] = pair();
  const slab = new Slab(1 << 19);
  const inner = a.transmit.bind(a);
  let attempt = 0;
  a.transmit = (packet, now) => (full(attempt++) ? TX_AGAIN : inner(packet, now));
  const device = new SegmentationDevice(a);
  device.attach(slab);
  b.attach(slab);
  const packet = new Packet();
  const o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  const shape = {
    family,
    payload: pattern(9_500),
    inHead: 5,
    slices: 3,
    partial: true,
    gsoSize: 1_000,
    seq: 0x7fffff00,
  };
  put(slab, packet, o, slab.reserve(PACKET_MAX), shape);
  let refused = 0;
  while (device.transmit(packet, 0) === TX_AGAIN) refused++;
  const rx = new Packet();
  rx.o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  const arrived: Arrived[] = [];
  while (b.receive(rx, 0) > 0) arrived.push(readArrived(slab, rx));
  expect(device.transmit(packet, 0)).toBe(TX_OK);
  return { arrived, refused };
}

test("segments of IPv4 count their identification up, so that their fragments could be told apart", () => {
  const { arrived } = passTen(4, () => false);
  expect(arrived.map((segment) => segment.id)).toEqual(Array.from({ length: 10 }, (_, i) => 0x1234 + i));
});

test("a device that is full in the middle gets each segment once, in order, when it is asked again", () => {
  for (const family of [4, 6] as const) {
    const smooth = passTen(family, () => false);
    const bumpy = passTen(family, (attempt) => attempt < 15 && attempt % 3 !== 2);
    expect(bumpy.refused).toBe(10);
    expect(bumpy.arrived).toEqual(smooth.arrived);
  }
});

test("a TCP checksum that comes to zero is sent as zero: only UDP has another word for it", () => {
  const [a, b] = pair();
  const slab = new Slab(1 << 19);
  const device = new SegmentationDevice(a);
  device.attach(slab);
  b.attach(slab);
  const [packet, rx] = [new Packet(), new Packet()];
  const o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  rx.o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  const pass = (payload: Uint8Array): number => {
    put(slab, packet, o, 0, { payload, partial: true });
    device.transmit(packet, 0);
    expect(b.receive(rx, 0)).toBeGreaterThan(0);
    expect(readArrived(slab, rx).checksumGood).toBe(true);
    return tcp.checksum(slab.view, rx.o + ipv4.HEADER_MIN);
  };
  // What is missing to ones in the sum of everything else.
  const missing = pass(Uint8Array.of(0, 0));
  expect(pass(Uint8Array.of(missing >> 8, missing & 0xff))).toBe(0);
});

test("a device that can do it all is not wrapped", () => {
  const [plain] = pair();
  const [able] = pair({ offload: { checksum: true, tso4: true, tso6: true } });
  expect(withSegmentation(able)).toBe(able);
  expect(withSegmentation(plain)).not.toBeInstanceOf(PairDevice);
});
