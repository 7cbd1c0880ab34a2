/** The packet path allocates nothing per packet (docs/ARCHITECTURE.md): measured by the growth of the heap, without a collection. */
import { describe, expect, test } from "bun:test";
import { PAGE_SIZE } from "#base/slab";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import { bytesAllocated } from "../support/allocation.ts";
import { address } from "../support/naive/ip.ts";
import { Wire } from "../support/wire.ts";

const A = "10.0.0.7";
const B = "10.0.1.5";

function stacks(offload: boolean, params: TcpSettings): [Stack, Stack] {
  const make = (own: string, seed: number) =>
    new Stack({
      addresses: [address(own)],
      mtu: 1500,
      seed,
      limits: { memory: 32 << 20 },
      offload: { checksum: offload, tso4: offload, tso6: offload },
      params,
    });
  return [make(A, 1), make(B, 2)];
}

/** Bytes per packet that `packets` packets of `turn` allocate, once everything is warm. */
function perPacket(wire: Wire, packets: number, turn: () => void): number {
  const run = (count: number) => {
    const end = wire.packets + count;
    while (wire.packets < end) turn();
  };
  run(packets / 5);
  return bytesAllocated(() => run(packets)) / packets;
}

const BARE = { sack: false, timestamps: false, windowScale: false, congestionControl: "newreno" } as const;
const MODES: [string, boolean, TcpSettings, number][] = [
  ["with super-segments", true, {}, 0],
  ["segment by segment", false, {}, 0],
  ["paced", true, { pacing: true }, 0],
  ["paced segment by segment, with losses", false, { pacing: true }, 53],
  ["with BBR", true, { congestionControl: "bbr" }, 0],
  ["with BBR segment by segment, with losses", false, { congestionControl: "bbr" }, 53],
  ["with BBR v1, with losses", true, { congestionControl: "bbr1" }, 53],
  ["without any option", false, BARE, 0],
  ["with losses, SACK and RACK-TLP", false, {}, 53],
  ["with losses and super-segments", true, {}, 53],
  ["with losses, NewReno", false, BARE, 53],
  ["into buffers that count memory", false, { receiveBufferCounts: "memory" }, 0],
  ["into buffers that count memory, with losses", false, { receiveBufferCounts: "memory" }, 53],
];

describe("no allocation per packet", () => {
  test.each(MODES)("bulk transfer %s: 100,000 packets", (_name, offload, params, lose) => {
    const wire = new Wire(stacks(offload, params));
    const [a, b] = wire.open(B);
    wire.lose = lose;
    // Whole pages: SEND then copies without a view of the source.
    const source = new Uint8Array(PAGE_SIZE);
    const bytes = perPacket(wire, 100_000, () => {
      for (let i = 0; i < 4 && a.snd.queued <= 1 << 20; i++) wire.stacks[0].send(a, source, 0, PAGE_SIZE, wire.now);
      wire.carry(0);
      wire.stacks[1].discard(b, 1 << 20);
      wire.carry(1);
      wire.advance(100);
      wire.drain();
    });
    expect(bytes).toBeLessThan(4);
    if (lose > 0) expect(wire.stacks[0].info(a).retransTotal).toBeGreaterThan(1000);
  });

  test("datagrams, whole and in fragments, to the other side and to ourselves: 100,000 packets", () => {
    const wire = new Wire(stacks(false, {}));
    const [a, b] = wire.stacks.map(({ datagrams }) => datagrams.open({ port: 53 }));
    const [from, to] = [wire.stacks[0].datagrams, wire.stacks[1].datagrams];
    const source = new Uint8Array(3_000);
    const small = source.subarray(0, 100);
    const remote = address(B);
    const own = address(A);
    const bytes = perPacket(wire, 100_000, () => {
      from.send(a!, small, remote, 53);
      from.send(a!, source, remote, 53);
      from.send(a!, small, own, 53);
      wire.carry(0);
      while (to.receive(b!, source) >= 0);
      while (from.receive(a!, source) >= 0);
      wire.advance(100);
      wire.drain();
    });
    expect(bytes).toBeLessThan(4);
    expect(wire.stacks[1].counters.snapshot()["udp.rx.delivered"]).toBeGreaterThan(50_000);
    expect(wire.stacks[0].counters.snapshot()["udp.rx.delivered"]).toBeGreaterThan(25_000);
  });

  test("question and answer: 100,000 packets", () => {
    const wire = new Wire(stacks(false, {}));
    const [a, b] = wire.open(B);
    const source = new Uint8Array(100);
    const bytes = perPacket(wire, 100_000, () => {
      wire.stacks[0].send(a, source, 0, 100, wire.now);
      wire.carry(0);
      wire.stacks[1].discard(b, 1000);
      wire.stacks[1].send(b, source, 0, 100, wire.now);
      wire.carry(1);
      wire.stacks[0].discard(a, 1000);
      wire.advance(100);
      wire.drain();
    });
    expect(bytes).toBeLessThan(4);
  });
});
