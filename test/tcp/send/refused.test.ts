/** Segments that the device refuses: whatever it was that did not go, the connection's sums stay right and its data arrives. */
import { expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { MILLISECOND, SECOND } from "#base/time";
import { parseAddress } from "#ip/address";
import { Stack } from "#stack/stack";
import type { TcpParams } from "#tcp/words/params";
import { checkStack } from "../../support/invariants.ts";

const DELAY = 5 * MILLISECOND;
const OCTETS = 200_000;

/** Two stacks and a wire between them. What they send is refused now and then, and lost now and then. */
class Pair {
  now = 0;
  refused = 0;
  readonly stacks: readonly Stack[];
  readonly #random: Prng;
  readonly #packet = new Packet();
  readonly #slots: readonly number[];
  readonly #underWay: {
    readonly at: number;
    readonly to: number;
    readonly bytes: Uint8Array;
    readonly size: number;
  }[] = [];

  constructor(seed: number, params: Partial<TcpParams>) {
    this.#random = new Prng(seed);
    const offload = { checksum: false, tso4: true, tso6: true };
    this.stacks = ["10.0.0.1", "10.0.0.2"].map(
      (text) => new Stack({ addresses: [parseAddress(text)!], mtu: 1500, seed, offload, params }),
    );
    this.#slots = this.stacks.map(({ slab }) => slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM);
  }

  /** @param refusals of 16 packets */
  settle(refusals: number, losses: number): void {
    this.stacks.forEach((stack, i) => {
      const p = this.#packet;
      for (let n = 0; stack.poll(p, this.now); n++) {
        if (n > 1_000) throw new Error("a stack tries again and again at one instant");
        const die = this.#random.int32() & 15;
        if (die < refusals) {
          this.refused++;
          stack.sendFailed(p, this.now);
        } else if (die < 16 - losses)
          this.#underWay.push({ at: this.now + DELAY, to: 1 - i, bytes: bytesOf(stack, p), size: p.gsoSize });
      }
      checkStack(stack);
    });
  }

  /** The next thing that happens. */
  step(): void {
    const next = Math.min(
      ...this.stacks.map((stack) => stack.nextDeadline()),
      this.#underWay[0]?.at ?? Number.POSITIVE_INFINITY,
    );
    this.now = Math.max(this.now, next);
    for (const stack of this.stacks) stack.advance(this.now);
    while (this.#underWay.length > 0 && this.#underWay[0]!.at <= this.now) {
      const { to, bytes, size } = this.#underWay.shift()!;
      const stack = this.stacks[to]!;
      stack.slab.u8.set(bytes, this.#slots[to]!);
      this.#packet.clear();
      this.#packet.o = this.#slots[to]!;
      this.#packet.n = bytes.length;
      this.#packet.gsoSize = size;
      stack.input(this.#packet, this.now);
    }
  }
}

function bytesOf(stack: Stack, p: Packet): Uint8Array {
  const bytes = new Uint8Array(p.total());
  bytes.set(stack.slab.u8.subarray(p.o, p.o + p.n));
  for (let i = 0, at = p.n; i < p.slices; at += p.sliceN[i]!, i++)
    bytes.set(stack.slab.u8.subarray(p.sliceO[i]!, p.sliceO[i]! + p.sliceN[i]!), at);
  return bytes;
}

function run(seed: number, params: Partial<TcpParams>): { readonly received: number; readonly refused: number } {
  const pair = new Pair(seed, params);
  const [a, b] = pair.stacks as [Stack, Stack];
  const listener = b.listen(80);
  const client = a.connect(parseAddress("10.0.0.2")!, 80, {}, 0);
  let server: ReturnType<Stack["accept"]> = null;
  const data = new Uint8Array(OCTETS).map((_, i) => i % 251);
  const into = new Uint8Array(65_536);
  let written = 0;
  let received = 0;
  for (let steps = 0; received < OCTETS && pair.now < 600 * SECOND && steps < 50_000; steps++) {
    if (written < OCTETS)
      written += Math.max(0, a.send(client, data, written, Math.min(7_000, OCTETS - written), pair.now));
    pair.settle(4, seed % 3);
    pair.step();
    server ??= b.accept(listener);
    if (server === null) continue;
    const n = b.receive(server, into, 0, into.length);
    for (let i = 0; i < n; i++) if (into[i] !== (received + i) % 251) throw new Error(`octet ${received + i} is wrong`);
    received += n;
  }
  return { received, refused: pair.refused };
}

test("what a device refuses in a quarter of all cases arrives, and every sum over what is in flight is right after each event", () => {
  let refused = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const params: Partial<TcpParams> = [{}, { receiveBuffer: 3_000 }, { nagle: "off" as const }, { sack: false }][
      seed % 4
    ]!;
    const result = run(seed, params);
    expect({ seed, received: result.received }).toEqual({ seed, received: OCTETS });
    refused += result.refused;
  }
  expect(refused).toBeGreaterThan(1_000);
});
