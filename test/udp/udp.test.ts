/** UDP (RFC 768) over whole stacks: what one sends the other receives, and what nobody asked for is refused. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { type Address, parseAddress } from "#ip/address";
import { decode, encodeIcmp, encodeUdp, quote } from "#lab/drill/packets/codec";
import type { UdpEndpoint } from "#stack/datagrams";
import { Stack } from "#stack/stack";

const ADDRESSES = { 4: ["10.0.0.7", "10.0.0.9"], 6: ["fd00::7", "fd00::9"] } as const;
const address = (text: string): Address => parseAddress(text)!;
const OTHER = { tos: 0, ttl: 64, flowLabel: 0 };

/** One stack on a wire of octets. */
class Host {
  readonly stack: Stack;
  readonly #packet = new Packet();
  readonly #slot: number;

  constructor(host: 0 | 1, offload = false) {
    this.stack = new Stack({
      addresses: [address(ADDRESSES[4][host]), address(ADDRESSES[6][host])],
      mtu: 1500,
      seed: 1,
      limits: { memory: 8 << 20 },
      offload: { checksum: offload, tso4: false, tso6: false },
    });
    this.#slot = this.stack.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  open(port = 0, local?: string): UdpEndpoint {
    return this.stack.datagrams.open({ port, ...(local === undefined ? {} : { local: address(local) }) });
  }

  in(bytes: Uint8Array): void {
    this.#packet.clear();
    this.#packet.o = this.#slot;
    this.#packet.n = bytes.length;
    this.stack.slab.u8.set(bytes, this.#slot);
    this.stack.input(this.#packet, 0);
  }

  /** Everything that goes out, as octets. */
  out(): Uint8Array[] {
    const sent: Uint8Array[] = [];
    const p = this.#packet;
    while (this.stack.poll(p, 0)) {
      const pieces = [this.stack.slab.u8.slice(p.o, p.o + p.n)];
      for (let i = 0; i < p.slices; i++)
        pieces.push(this.stack.slab.u8.slice(p.sliceO[i]!, p.sliceO[i]! + p.sliceN[i]!));
      sent.push(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
    }
    return sent;
  }

  count(name: string): number {
    return this.stack.counters.snapshot()[name] ?? 0;
  }
}

function octetsOf(address: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  [address.a, address.b, address.c, address.d].forEach((word, i) => {
    view.setInt32(4 * i, word);
  });
  return new Uint8Array(view.buffer).slice(address.family === 4 ? 12 : 0);
}

/** A datagram of the second host for the first. */
function datagram(family: 4 | 6, sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const [destination, source] = ADDRESSES[family].map((text) => octetsOf(address(text)));
  return encodeUdp({ source: source!, destination: destination!, sourcePort, destinationPort }, OTHER, payload);
}

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 31 + 7) & 255);

describe("datagrams", () => {
  test("whatever is sent arrives as it was, from whom it came, in order, in fragments where it must", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom<4 | 6>(4, 6), sizes, (family, lengths) => {
        const [a, b] = [new Host(0), new Host(1)];
        const [from, to] = [a.open(1000), b.open(2000)];
        for (const n of lengths) {
          const sent = a.stack.datagrams.send(from, bytes(n), address(ADDRESSES[family][1]), 2000);
          expect(sent).toBe(true);
        }
        for (const packet of a.out()) {
          expect(packet.length).toBeLessThanOrEqual(1500);
          b.in(packet);
        }
        for (const n of lengths) {
          const into = new Uint8Array(20_000);
          expect(b.stack.datagrams.receive(to, into)).toBe(n);
          const { remotePort, r3, localPort, l3 } = b.stack.datagrams.ends;
          const [us, them] = ADDRESSES[family].map((text) => address(text).d);
          expect([remotePort, r3, localPort, l3]).toEqual([1000, us!, 2000, them!]);
          expect(into.subarray(0, n)).toEqual(bytes(n));
        }
        expect(b.stack.datagrams.receive(to, new Uint8Array(1))).toBe(-1);
      }),
      { seed: 768, numRuns: 40 },
    );
  });

  test("each packet that fits the link is well formed, checksum and all; offload leaves it to the device, but not of fragments", () => {
    for (const offload of [false, true]) {
      const a = new Host(0, offload);
      const socket = a.open(1000);
      a.stack.datagrams.send(socket, bytes(100), address("10.0.0.9"), 2000);
      a.stack.datagrams.send(socket, bytes(3000), address("10.0.0.9"), 2000);
      const [whole, ...pieces] = a.out();
      expect(decode(whole!, 0).faults.length).toBe(offload ? 1 : 0);
      expect(pieces.length).toBe(3);
      const b = new Host(1);
      const to = b.open(2000);
      for (const piece of pieces) b.in(piece);
      expect(to.queue.length).toBe(3000);
    }
  });

  test("a reader with little room gets the front, and the rest is gone", () => {
    const a = new Host(0);
    const socket = a.open(53);
    a.in(datagram(4, 9, 53, bytes(100)));
    const into = new Uint8Array(10);
    expect(a.stack.datagrams.receive(socket, into)).toBe(100);
    expect(into).toEqual(bytes(10));
    expect(socket.queue.count).toBe(0);
  });

  test("no more than IP can carry", () => {
    const a = new Host(0);
    const socket = a.open(53);
    const send = (n: number, to: string) => a.stack.datagrams.send(socket, new Uint8Array(n), address(to), 1);
    expect(() => send(65_508, "10.0.0.9")).toThrow("over IPv4 carries at most 65507 octets, not 65508");
    expect(send(65_507, "10.0.0.9")).toBe(true);
    expect(() => send(65_528, "fd00::9")).toThrow("over IPv6 carries at most 65527 octets, not 65528");
  });
});

test("datagrams and segments take turns", () => {
  const a = new Host(0);
  const socket = a.open(53);
  for (let i = 0; i < 20; i++) a.stack.datagrams.send(socket, bytes(100), address("10.0.0.9"), 1);
  for (let i = 0; i < 3; i++) a.stack.connect(address("10.0.0.9"), 80 + i, {}, 0);
  const protocols = a.out().map((packet) => (packet[9] === 6 ? "tcp" : "udp"));
  expect(protocols.slice(0, 6).filter((each) => each === "tcp")).toHaveLength(3);
  expect(protocols).toHaveLength(23);
});

describe("ports", () => {
  test("nobody there: port unreachable (RFC 1122 §4.1.3.1); a closed socket is nobody", () => {
    const a = new Host(0);
    const socket = a.open(53);
    a.stack.datagrams.close(socket);
    a.in(datagram(4, 9, 53, bytes(10)));
    const [answer] = a.out();
    expect(decode(answer!, 0).icmp).toMatchObject({ type: 3, code: 3 });
    expect([a.count("udp.rx.no-port"), socket.queue.count]).toEqual([1, 0]);
  });

  test("a connected socket hears its peer alone, and goes before one that hears all", () => {
    const a = new Host(0);
    const all = a.open(53);
    const one = a.open(54);
    a.stack.datagrams.connect(one, address("10.0.0.9"), 9);
    a.in(datagram(4, 9, 54, bytes(1)));
    a.in(datagram(4, 10, 54, bytes(2)));
    a.in(datagram(4, 10, 53, bytes(3)));
    expect([one.queue.count, all.queue.count, a.out().length]).toEqual([1, 1, 1]);
  });

  test("a port has one user, but for different addresses; port 0 is one that is free", () => {
    const host = new Host(0);
    const first = host.open(53, "10.0.0.7");
    expect(() => host.open(53)).toThrow("is already in use");
    expect(() => host.open(53, "10.0.0.7")).toThrow("is already in use");
    host.open(53, "fd00::7");
    expect(() => host.open(53, "10.0.0.1")).toThrow("not an address");
    host.stack.datagrams.close(first);
    host.open(53, "10.0.0.7");
    const free = [host.open().port, host.open().port];
    expect(new Set(free).size).toBe(2);
    expect(Math.min(...free)).toBeGreaterThanOrEqual(49_152);
  });
});

describe("what is wrong goes nowhere", () => {
  test("a bad checksum, none over IPv6, a length beyond what came; none over IPv4 is allowed (RFC 768)", () => {
    const a = new Host(0);
    const socket = a.open(53);
    const changed = (family: 4 | 6, at: number, value: number[]) => {
      const packet = datagram(family, 9, 53, bytes(11));
      packet.set(value, (family === 4 ? 20 : 40) + at);
      a.in(packet);
    };
    changed(4, 8, [0xff]);
    changed(6, 6, [0, 0]);
    changed(4, 4, [0, 99]);
    changed(4, 4, [0, 7]);
    expect([socket.queue.count, a.count("udp.rx.bad-checksum"), a.count("udp.bad-length")]).toEqual([0, 2, 2]);
    changed(4, 6, [0, 0]);
    expect([socket.queue.count, a.out().length]).toEqual([1, 0]);
  });

  test("a queue that nobody reads is bounded, and gives its memory back", () => {
    const a = new Host(0);
    const free = a.stack.slab.used;
    const socket = a.open(53);
    for (let i = 0; i < 400; i++) a.in(datagram(4, 9, 53, bytes(1)));
    expect([socket.queue.count, a.count("udp.rx.full")]).toEqual([256, 144]);
    for (let i = 0; i < 256; i++) a.stack.datagrams.receive(socket, new Uint8Array(1));
    for (let i = 0; i < 200; i++) a.in(datagram(4, 9, 53, bytes(1400)));
    expect(socket.queue.count).toBe(Math.floor(212_992 / 1400));
    a.stack.datagrams.close(socket);
    expect(a.stack.slab.used).toBe(free);
  });
});

test("ICMP tells the connected socket that its peer has nobody there, and no other", () => {
  const a = new Host(0);
  const [connected, other] = [a.open(53), a.open(54)];
  a.stack.datagrams.connect(connected, address("10.0.0.9"), 9);
  const [local, remote] = [octetsOf(address("10.0.0.7")), octetsOf(address("10.0.0.9"))];
  for (const port of [53, 54]) {
    const ours = encodeUdp(
      { source: local, destination: remote, sourcePort: port, destinationPort: 9 },
      OTHER,
      bytes(8),
    );
    const ends = { source: remote, destination: local, sourcePort: 0, destinationPort: 0 };
    a.in(encodeIcmp(ends, OTHER, 3, 3, 0, quote(ours, 8)));
  }
  const { datagrams } = a.stack;
  expect([datagrams.takeError(connected), datagrams.takeError(other)]).toEqual(["ECONNREFUSED", null]);
  expect([datagrams.takeError(connected), datagrams.hasError(connected)]).toEqual([null, false]);
});

describe("a path that carries less than the link (RFC 1191, RFC 8201)", () => {
  /** The ICMP error of a router whose next link carries `mtu`. */
  const tooBig = (family: 4 | 6, packet: Uint8Array, mtu: number): Uint8Array => {
    const ends = {
      source: octetsOf(address(ADDRESSES[family][1])),
      destination: octetsOf(address(ADDRESSES[family][0])),
      sourcePort: 0,
      destinationPort: 0,
    };
    const [type, code] = family === 4 ? [3, 4] : [2, 0];
    return encodeIcmp(ends, OTHER, type, code, mtu, quote(packet, 8));
  };
  const isDontFragment = (packet: Uint8Array): boolean => (packet[6]! & 0x40) !== 0;

  test.each([
    [4, 1000],
    [6, 1300],
  ] as const)("IPv%d: once ICMP told of it, a larger datagram goes in fragments that fit", (family, mtu) => {
    const [a, b] = [new Host(0), new Host(1)];
    const [from, to] = [a.open(1000), b.open(2000)];
    const send = () => {
      a.stack.datagrams.send(from, bytes(1400), address(ADDRESSES[family][1]), 2000);
      return a.out();
    };
    const [whole] = send();
    expect(whole!.length).toBeGreaterThan(1400);
    if (family === 4) expect(isDontFragment(whole!)).toBe(true);
    a.in(tooBig(family, whole!, mtu));
    const pieces = send();
    expect(pieces).toHaveLength(2);
    for (const piece of pieces) {
      expect(piece.length).toBeLessThanOrEqual(mtu);
      if (family === 4) expect(isDontFragment(piece)).toBe(false);
      b.in(piece);
    }
    expect(to.queue.length).toBe(1400);
  });

  test("an ICMP error about a datagram that nobody here can have sent changes nothing", () => {
    const a = new Host(0);
    const socket = a.open(1000);
    a.stack.datagrams.connect(socket, address("10.0.0.9"), 2000);
    const [local, remote] = [octetsOf(address("10.0.0.7")), octetsOf(address("10.0.0.9"))];
    for (const [sourcePort, destinationPort] of [
      [1001, 2000],
      [1000, 2001],
    ] as const) {
      const forged = encodeUdp({ source: local, destination: remote, sourcePort, destinationPort }, OTHER, bytes(1400));
      a.in(tooBig(4, forged, 600));
    }
    a.stack.datagrams.send(socket, bytes(1400), address("10.0.0.9"), 2000);
    expect(a.out()).toHaveLength(1);
  });
});
