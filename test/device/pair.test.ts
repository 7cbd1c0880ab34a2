import { expect, test } from "bun:test";
import { HEADROOM, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { RX_GONE, RX_NONE, TX_OK } from "#device/device";
import { PAIR_FULL, PAIR_TOO_BIG, pair } from "#device/pair";
import { pattern, put } from "./packets.ts";
import { deviceSuite } from "./suite.ts";

const FULL = { checksum: true, tso4: true, tso6: true };

function rig(options: Parameters<typeof pair>[0]) {
  const [a, b] = pair(options);
  return { a, b };
}

deviceSuite("pair", false, (queueLength) => rig({ queueLength }));
deviceSuite("pair with offload", true, (queueLength) => rig({ queueLength, offload: FULL }));

test("what a pair drops it counts by cause", () => {
  const { a, b } = rig({ queueLength: 2 });
  const slab = new Slab(1 << 18);
  a.attach(slab);
  b.attach(slab);
  const packet = new Packet();
  const o = slab.reserve(1 << 16) + HEADROOM;
  put(slab, packet, o, 0, { payload: pattern(1_449) });
  expect(a.transmit(packet, 0)).toBe(TX_OK);
  for (let i = 0; i < 5; i++) {
    put(slab, packet, o, 0, { payload: pattern(1_448) });
    expect(a.transmit(packet, 0)).toBe(TX_OK);
  }
  expect(a.counters.get(PAIR_TOO_BIG)).toBe(1);
  expect(a.counters.get(PAIR_FULL)).toBe(3);
});

test("when one end closes, the other reads what was on its way and is then gone", () => {
  const { a, b } = rig({});
  const slab = new Slab(1 << 18);
  a.attach(slab);
  b.attach(slab);
  const packet = new Packet();
  const o = slab.reserve(1 << 16) + HEADROOM;
  put(slab, packet, o, 0, {});
  a.transmit(packet, 0);
  expect(b.receive(packet, 0)).toBeGreaterThan(RX_NONE);
  a.transmit(packet, 0);
  a.close();
  expect(b.receive(packet, 0)).toBeGreaterThan(RX_NONE);
  expect(b.receive(packet, 0)).toBe(RX_GONE);
});
