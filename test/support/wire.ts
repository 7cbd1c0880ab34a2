/** Two stacks joined by copying, for tests that measure what they cost: no clock but the one that is set here, no event loop. */
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { PAGE_SIZE } from "#base/slab";
import type { Stack } from "#stack/stack";
import type { Tcb } from "#tcp/words/tcb";
import { address } from "./naive/ip.ts";

const SLOT = 5 * PAGE_SIZE;

/** Two stacks on a wire that copies: what one sends lies in the other's slot at once. Nothing here allocates per packet either. */
export class Wire {
  readonly stacks: [Stack, Stack];
  readonly #slots: [number, number];
  readonly #out = new Packet();
  readonly #in = new Packet();
  now = 1000;
  packets = 0;
  /** Each n-th packet of data is lost; 0: none. */
  lose = 0;

  constructor(stacks: [Stack, Stack]) {
    this.stacks = stacks;
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

  /** A connection from the first stack to that address, the second stack's. */
  open(remote: string): [Tcb, Tcb] {
    const listener = this.stacks[1].listen(80);
    const a = this.stacks[0].connect(address(remote), 80, {}, this.now);
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
