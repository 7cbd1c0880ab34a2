/** The packet path allocates nothing per packet (docs/ARCHITECTURE.md): measured by the growth of the heap, without a collection. */
import { describe, expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { PAGE_SIZE } from "#base/slab";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import type { Tcb } from "#tcp/words/tcb";
import { bytesAllocated } from "../support/allocation.ts";
import { address } from "../support/naive/ip.ts";

const A = "10.0.0.7";
const B = "10.0.1.5";
const SLOT = 5 * PAGE_SIZE;

/** Two stacks on a wire that copies: what one sends lies in the other's slot at once. Nothing here allocates per packet either. */
class Wire {
  readonly stacks: [Stack, Stack];
  readonly #slots: [number, number];
  readonly #out = new Packet();
  readonly #in = new Packet();
  now = 1000;
  packets = 0;
  /** Each n-th packet of data is lost; 0: none. */
  lose = 0;

  constructor(offload: boolean, params: TcpSettings) {
    const make = (own: string, seed: number) =>
      new Stack({
        addresses: [address(own)],
        mtu: 1500,
        seed,
        limits: { memory: 32 << 20 },
        offload: { checksum: offload, tso4: offload, tso6: offload },
        params,
      });
    this.stacks = [make(A, 1), make(B, 2)];
    this.#slots = [this.#slot(0), this.#slot(1)];
  }

  #slot(i: 0 | 1): number {
    const { slab } = this.stacks[i];
    const first = slab.alloc();
    for (let at = PAGE_SIZE; at < SLOT; at += PAGE_SIZE) slab.alloc();
    return first + HEADROOM;
  }

  /** Everything that one has to send goes to the other. */
  carry(from: 0 | 1): void {
    const to = from === 0 ? 1 : 0;
    const source = this.stacks[from];
    const target = this.stacks[to];
    const out = this.#out;
    const packet = this.#in;
    while (source.poll(out, this.now)) {
      if (this.lose > 0 && ++this.packets % this.lose === 0 && out.slices > 0) continue;
      packet.clear();
      packet.o = this.#slots[to];
      packet.csum = out.csum;
      packet.csumStart = out.csumStart;
      packet.csumOffset = out.csumOffset;
      packet.gso = out.gso;
      packet.gsoSize = out.gsoSize;
      let at = packet.o;
      copy(source.slab.view, out.o, target.slab.view, at, out.n);
      at += out.n;
      for (let i = 0; i < out.slices; i++) {
        copy(source.slab.view, out.sliceO[i]!, target.slab.view, at, out.sliceN[i]!);
        at += out.sliceN[i]!;
      }
      packet.n = at - packet.o;
      if (packet.n > PACKET_MAX) throw new Error("too long");
      if (this.lose === 0) this.packets++;
      target.input(packet, this.now);
    }
  }

  advance(us: number): void {
    this.now += us;
    this.stacks[0].advance(this.now);
    this.stacks[1].advance(this.now);
  }

  open(): [Tcb, Tcb] {
    const listener = this.stacks[1].listen(80);
    const a = this.stacks[0].connect(address(B), 80, {}, this.now);
    for (let i = 0; i < 4; i++) {
      this.carry(0);
      this.carry(1);
    }
    const b = this.stacks[1].accept(listener);
    if (b === null) throw new Error("not open");
    return [a, b];
  }

  drain(): void {
    for (const stack of this.stacks)
      for (let who = stack.nextEvent(); who; who = stack.nextEvent()) if ("events" in who) who.events = 0;
  }
}

/** Octet by octet in words: `copyWithin` does not cross buffers, and `set(subarray)` makes an object. */
function copy(from: DataView, o: number, to: DataView, p: number, n: number): void {
  let i = 0;
  for (; i + 8 <= n; i += 8) to.setFloat64(p + i, from.getFloat64(o + i));
  for (; i < n; i++) to.setUint8(p + i, from.getUint8(o + i));
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
  ["without any option", false, BARE, 0],
  ["with losses, SACK and RACK-TLP", false, {}, 53],
  ["with losses and super-segments", true, {}, 53],
  ["with losses, NewReno", false, BARE, 53],
];

describe("no allocation per packet", () => {
  test.each(MODES)("bulk transfer %s: 100,000 packets", (_name, offload, params, lose) => {
    const wire = new Wire(offload, params);
    const [a, b] = wire.open();
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

  test("question and answer: 100,000 packets", () => {
    const wire = new Wire(false, {});
    const [a, b] = wire.open();
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
