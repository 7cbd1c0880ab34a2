/** Stacks with the same addresses, among which packets are dealt out wrongly. */
import { expect, test } from "bun:test";
import { CSUM_NONE, HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { QueueMemory } from "#socket/queue-memory";
import { QueueSiblings } from "#socket/queue-siblings";
import type { StackOptions } from "#stack/options";
import { Stack } from "#stack/stack";
import { EVENT_READABLE, type Tcb } from "#tcp/words/tcb";
import { address, naiveIcmp, naiveIPv4, octets16, octets32 } from "../support/naive/ip.ts";

const RST = 4;
const [CLIENT, SERVER] = ["10.0.0.1", "10.0.0.7"];

interface Member {
  readonly stack: Stack;
  readonly o: number;
}

/** A client, and a server of several stacks. */
class Deal {
  readonly client: Member;
  readonly servers: Member[] = [];
  readonly memory: QueueMemory;
  /** TCP flags and IP protocols of everything that the server sent. */
  readonly sent: { readonly protocol: number; readonly flags: number }[] = [];
  now = 1_000;
  /** Which stack gets a packet of the client. */
  choose: () => number = () => 0;

  constructor(queues: number, limits: StackOptions["limits"] = {}) {
    this.memory = new QueueMemory(queues);
    this.client = member({ addresses: [address(CLIENT)], mtu: 1_500, seed: 1, limits: { memory: 8 << 20 } });
    for (let queue = 0; queue < queues; queue++) {
      const siblings = new QueueSiblings(this.memory, queue);
      const options = { addresses: [address(SERVER)], mtu: 1_500, seed: 2 + queue, secret: [3, 4] as const, siblings };
      const server = member({ ...options, limits: { memory: 8 << 20, ...limits } });
      siblings.attach(server.stack.slab, server.stack.counters);
      this.servers.push(server);
    }
  }

  /** Everything that there is to send arrives, until nobody has anything to say. */
  run(): void {
    for (let quiet = false, left = 10_000; !quiet && left > 0; left--) {
      quiet = true;
      for (const bytes of this.#output(this.client)) {
        quiet = false;
        this.give(this.choose(), bytes);
      }
      this.servers.forEach((server, queue) => {
        const packet = new Packet();
        packet.o = server.o;
        const ring = this.memory.ring(queue);
        while (ring.shift(server.stack.slab.u8, packet) > 0) {
          quiet = false;
          server.stack.input(packet, this.now);
          packet.clear();
          packet.o = server.o;
        }
        for (const bytes of this.#output(server)) {
          quiet = false;
          this.sent.push({ protocol: bytes[9]!, flags: bytes[9] === 6 ? bytes[33]! : 0 });
          input(this.client, bytes, this.now);
        }
      });
    }
  }

  give(queue: number, bytes: Uint8Array): void {
    input(this.servers[queue]!, bytes, this.now);
  }

  advance(us: number): void {
    this.now += us;
    for (const { stack } of [this.client, ...this.servers]) stack.advance(this.now);
    this.run();
  }

  get resets(): number {
    return this.sent.filter(({ flags }) => (flags & RST) !== 0).length;
  }

  counter(name: string): number {
    return this.servers.reduce((sum, { stack }) => sum + (stack.counters.snapshot()[name] ?? 0), 0);
  }

  *#output({ stack }: Member): Generator<Uint8Array> {
    const packet = new Packet();
    while (stack.poll(packet, this.now)) {
      const { u8 } = stack.slab;
      const parts = [u8.slice(packet.o, packet.o + packet.n)];
      for (let i = 0; i < packet.slices; i++)
        parts.push(u8.slice(packet.sliceO[i]!, packet.sliceO[i]! + packet.sliceN[i]!));
      yield Buffer.concat(parts);
    }
  }
}

function member(options: StackOptions): Member {
  const stack = new Stack(options);
  return { stack, o: stack.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM };
}

function input({ stack, o }: Member, bytes: Uint8Array, now: number): void {
  const packet = new Packet();
  packet.o = o;
  packet.n = bytes.length;
  packet.csum = CSUM_NONE;
  stack.slab.u8.set(bytes, o);
  stack.input(packet, now);
}

/** Echoes what connections of these stacks have received. */
function echo(deal: Deal): void {
  const buffer = new Uint8Array(4_096);
  for (const { stack } of deal.servers) {
    for (const tcb of [...stack.connections()]) {
      for (
        let n = stack.receive(tcb, buffer, 0, buffer.length);
        n > 0;
        n = stack.receive(tcb, buffer, 0, buffer.length)
      )
        expect(stack.send(tcb, buffer, 0, n, deal.now)).toBe(n);
    }
  }
}

function listenAll(deal: Deal): void {
  for (const { stack } of deal.servers) stack.listen(7);
}

test("packets dealt out at random among 1, 2 and 5 stacks: every connection gets all its data back, and nothing is reset", () => {
  for (const queues of [1, 2, 5]) {
    const deal = new Deal(queues);
    const random = new Prng(queues);
    deal.choose = () => (random.int32() >>> 0) % queues;
    listenAll(deal);
    const { stack } = deal.client;
    const all: Tcb[] = [];
    for (let i = 0; i < 20; i++) all.push(stack.connect(address(SERVER), 7, {}, deal.now));
    deal.run();
    const own = new Set(deal.servers.flatMap((server) => (server.stack.connectionCount > 0 ? [server] : [])));
    expect(own.size).toBe(queues);
    const sent = Uint8Array.from({ length: 2_000 }, (_, i) => i * 7);
    const back = new Uint8Array(sent.length);
    for (const tcb of all) expect(stack.send(tcb, sent, 0, sent.length, deal.now)).toBe(sent.length);
    for (let i = 0; i < 20; i++) {
      deal.run();
      echo(deal);
      deal.advance(50_000);
    }
    for (const tcb of all) {
      expect(tcb.events & EVENT_READABLE).toBe(EVENT_READABLE);
      expect(stack.receive(tcb, back, 0, back.length)).toBe(sent.length);
      expect(back).toEqual(sent);
    }
    expect(deal.resets).toBe(0);
    expect(deal.counter("tcp.rx.handed-over") > 0).toBe(queues > 1);
  }
});

test("a segment that no stack knows comes back to where it arrived, and gets one RST; a datagram for no port one ICMP error", () => {
  const deal = new Deal(3);
  listenAll(deal);
  const ends = { source: CLIENT, destination: SERVER };
  const tcp = [...octets16(5_000), ...octets16(7), ...octets32(1), ...octets32(2), 0x50, 0x10, 1, 0, 0, 0, 0, 0];
  const sum = (bytes: number[]) => {
    const all = [...[10, 0, 0, 1, 10, 0, 0, 7, 0, 6], ...octets16(bytes.length), ...bytes];
    let total = 0;
    for (let i = 0; i < all.length; i += 2) total += (all[i]! << 8) | all[i + 1]!;
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    return ~total & 0xffff;
  };
  tcp.splice(16, 2, ...octets16(sum(tcp)));
  deal.give(1, Uint8Array.from(naiveIPv4({ ...ends, protocol: 6 }, tcp)));
  deal.run();
  expect(deal.resets).toBe(1);
  const resets = ({ stack }: Member) =>
    Object.keys(stack.counters.snapshot()).filter((name) => name.includes(".tx.rst"));
  expect(deal.servers.map((server) => resets(server).length)).toEqual([0, 1, 0]);
  deal.give(2, Uint8Array.from(naiveIPv4({ ...ends, protocol: 17 }, [...octets16(9), ...octets16(99), 0, 8, 0, 0])));
  deal.run();
  expect(deal.sent.filter(({ protocol }) => protocol === 1).length).toBe(1);
  expect(deal.counter("queue.handed-over")).toBe(6);
});

test("an ICMP error reaches the stack whose segment it quotes", () => {
  const deal = new Deal(2);
  const server = deal.servers[1]!.stack;
  const tcb = server.connect(address(CLIENT), 99, {}, deal.now);
  const packet = new Packet();
  expect(server.poll(packet, deal.now)).toBe(true);
  const quoted = [...server.slab.u8.slice(packet.o, packet.o + 28)];
  const message = naiveIcmp(3, 3, 0, quoted);
  deal.give(0, Uint8Array.from(naiveIPv4({ source: CLIENT, destination: SERVER, protocol: 1 }, message)));
  deal.run();
  expect(server.info(tcb).state).toBe("CLOSED");
});

test("the limit of connections is that of all stacks together, and so is that of each source", () => {
  for (const limits of [{ connections: 6 }, { connectionsPerSource: 6 }]) {
    const deal = new Deal(2, limits);
    let turn = 0;
    deal.choose = () => turn++ % 2;
    listenAll(deal);
    const all = Array.from({ length: 20 }, () => deal.client.stack.connect(address(SERVER), 7, {}, deal.now));
    deal.run();
    expect(deal.servers.reduce((sum, { stack }) => sum + stack.connectionCount, 0)).toBe(6);
    // Those that end leave room for others.
    for (const tcb of all) deal.client.stack.abort(tcb, deal.now);
    deal.run();
    expect(deal.servers.reduce((sum, { stack }) => sum + stack.connectionCount, 0)).toBe(0);
    for (let i = 0; i < 20; i++) deal.client.stack.connect(address(SERVER), 7, {}, deal.now);
    deal.run();
    expect(deal.servers.reduce((sum, { stack }) => sum + stack.connectionCount, 0)).toBe(6);
  }
});

test("a queue whose ring is full loses what is handed over to it: it is not refused", () => {
  const deal = new Deal(2);
  const ring = deal.memory.ring(1);
  while (ring.push(new Uint8Array(20), new Uint8Array(30_000), 0, 30_000, new Packet()));
  while (ring.push(new Uint8Array(20), new Uint8Array(0), 0, 0, new Packet()));
  deal.give(
    0,
    Uint8Array.from(naiveIPv4({ source: CLIENT, destination: SERVER, protocol: 17 }, [0, 9, 0, 99, 0, 8, 0, 0])),
  );
  expect(deal.counter("queue.no-room")).toBe(1);
  expect(deal.servers[0]!.stack.poll(new Packet(), deal.now)).toBe(false);
});
