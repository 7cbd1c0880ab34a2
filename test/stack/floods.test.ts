/** What the stack tells a filter before the device's queue: what exists, and what comes in a flood. */
import { describe, expect, test } from "bun:test";
import { Packet } from "#base/packet";
import { MILLISECOND, SECOND } from "#base/time";
import * as F from "#ip/flood-filter";
import { UDP } from "#wire/protocol";
import { type Naive4, naiveIcmp, naiveIPv4, naiveUdp } from "../support/naive/ip.ts";
import { TcpBench } from "../support/tcp-bench.ts";

const BURST = 100;
const RATE = 1_000;
const LIMITS = { memory: 4 << 20, answerRate: RATE, answerBurst: BURST };

/** Counts instead of dropping. */
class CountingFilter implements F.FloodFilter {
  readonly counts = new Map<number, number>();
  readonly known: number[] = [];
  readonly limits: number[] = [];
  readonly read: number[] = [];
  /** What `takeDropped` returns next, by kind. */
  readonly dropped = new Map<number, number>();
  rate = 0;

  begin(_key: unknown, _sourceKey: number, rate: number): void {
    this.rate = rate;
  }

  add(hash: number): void {
    this.counts.set(hash, (this.counts.get(hash) ?? 0) + 1);
  }

  remove(hash: number): void {
    const n = (this.counts.get(hash) ?? 0) - 1;
    if (n < 0) throw new Error("removed more often than added");
    if (n === 0) this.counts.delete(hash);
    else this.counts.set(hash, n);
  }

  know(_place: number, source: number): void {
    this.known.push(source);
  }

  limit(kind: number): void {
    this.limits.push(kind);
  }

  wasRead(kind: number): void {
    this.read.push(kind);
  }

  takeDropped(kind: number): number {
    const n = this.dropped.get(kind) ?? 0;
    this.dropped.delete(kind);
    return n;
  }

  /** The kinds that were limited since the last call, each once. */
  limited(): number[] {
    return [...new Set(this.limits.splice(0))];
  }
}

function bench(family: 4 | 6 = 4): { b: TcpBench; filter: CountingFilter } {
  const filter = new CountingFilter();
  const b = new TcpBench({ family, limits: LIMITS, filter });
  // The bench makes a stack before its own, to learn its numbers.
  filter.counts.clear();
  return { b, filter };
}

function discard(b: TcpBench): void {
  const packet = new Packet();
  while (b.stack.poll(packet, b.now));
}

/** `n` packets that come at once; then the driver looks again. */
function flood(b: TcpBench, n: number, packet: (i: number) => void): void {
  for (let i = 0; i < n; i++) packet(i);
  discard(b);
  b.now += 20 * MILLISECOND;
  b.stack.isFlooded(b.now);
}

const stray = (b: TcpBench, flags: string) => (i: number) =>
  void b.in(flags, { source: "10.77.0.1", port: 1_000 + i, seq: i });
const ip = (b: TcpBench, header: Naive4, payload: number[]) =>
  b.inject(naiveIPv4({ source: "10.77.0.1", destination: b.local, ...header }, payload));

describe.each([4, 6] as const)("over IPv%d", (family) => {
  test("the filter has a connection and its source from the first SYN until no segment finds it any more, TIME-WAIT included", () => {
    const { b, filter } = bench(family);
    b.listen();
    expect(filter.counts.size).toBe(1);
    b.in("S", { mss: 1460 });
    expect(filter.counts.size).toBe(3);
    b.out();
    b.in(".");
    b.tcb = b.stack.accept(b.listener!)!;
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in("F.");
    b.stack.release(b.tcb);
    b.out();
    expect([b.state, filter.counts.size]).toEqual(["TIME-WAIT", 3]);
    b.run(70 * SECOND);
    expect([b.stack.connectionCount, filter.counts.size]).toEqual([0, 1]);
    b.stack.unlisten(b.listener!, b.now);
    expect(filter.counts.size).toBe(0);
  });
});

test("whatever way connections end, the counts end with them", () => {
  const { b, filter } = bench();
  b.listen({ backlog: 64 });
  for (let i = 0; i < 60; i++) {
    const peer = { source: `10.77.${i % 3}.1`, port: 2_000 + i };
    b.in("S", { ...peer, seq: i, mss: 1460 });
    // A third is reset, a third times out, a third of the SYNs comes twice.
    if (i % 3 === 0) b.in("R", { ...peer, seq: i + 1 });
    if (i % 3 === 1) b.in("S", { ...peer, seq: i, mss: 1460 });
  }
  discard(b);
  const calls = [1, 2, 3].map(() => b.stack.connect(b.stack.local.own[0]!, 9, {}, b.now));
  for (const call of calls) b.stack.abort(call, b.now);
  discard(b);
  expect(filter.counts.size).toBeGreaterThan(30);
  for (let turns = 0; turns < 100_000 && b.stack.connectionCount > 0; turns++) {
    b.now = Math.max(b.now, b.stack.nextDeadline());
    b.stack.advance(b.now);
    discard(b);
  }
  expect([b.stack.connectionCount, filter.counts.size]).toEqual([0, 1]);
});

test("the filter has the ports of listeners and of UDP sockets as long as somebody has them", () => {
  const { b, filter } = bench();
  const [local] = b.stack.local.own;
  const [one, two] = [b.stack.listen(80, { local: local! }), b.stack.listen(80)];
  const socket = b.stack.datagrams.open({ port: 53 });
  expect([...filter.counts.values()]).toEqual([2, 1]);
  b.stack.unlisten(one, b.now);
  expect([...filter.counts.values()]).toEqual([1, 1]);
  b.stack.unlisten(two, b.now);
  b.stack.datagrams.close(socket);
  b.stack.datagrams.close(socket);
  expect(filter.counts.size).toBe(0);
});

test.each([
  ["ACKs", "."],
  ["RSTs", "R"],
  ["FINs", "F."],
  ["SYN,ACKs", "S."],
])("more %s for nothing than get an answer are a flood, fewer are none", (_, flags) => {
  const { b, filter } = bench();
  b.listen();
  flood(b, BURST, stray(b, flags));
  expect(filter.limited()).toEqual([]);
  flood(b, BURST + 1, stray(b, flags));
  expect(filter.limited()).toEqual([F.STRAY_SEGMENT]);
});

test("SYNs for a port without a listener count as segments for nothing", () => {
  const { b, filter } = bench();
  flood(b, BURST + 1, stray(b, "S"));
  expect(filter.limited()).toEqual([F.STRAY_SEGMENT]);
});

test("datagrams for no socket, echo requests and fragments without the rest are floods of their own kinds", () => {
  const { b, filter } = bench();
  flood(b, BURST + 1, (i) => ip(b, { protocol: UDP }, naiveUdp(1_000 + i, 99, [])));
  expect(filter.limited()).toEqual([F.STRAY_DATAGRAM]);
  flood(b, BURST + 1, (i) => ip(b, { protocol: 1 }, naiveIcmp(8, 0, i, [])));
  expect(filter.limited()).toEqual([F.ECHO_REQUEST]);
  const fragment = (id: number, offset: number, more: boolean) =>
    ip(
      b,
      { protocol: UDP, id, offset, flags: more ? 0x2000 : 0 },
      offset === 0 ? naiveUdp(1, 53, []) : new Array(8).fill(0),
    );
  // Those that become whole datagrams are none.
  const socket = b.stack.datagrams.open({ port: 53 });
  flood(b, 3 * BURST, (i) => {
    fragment(i, 0, true);
    fragment(i, 8, false);
  });
  expect(filter.limited()).not.toContain(F.FRAGMENT);
  b.stack.datagrams.close(socket);
  flood(b, 64 + BURST + 1, (i) => fragment(1_000 + i, 0, true));
  expect(filter.limited()).toEqual([F.FRAGMENT]);
});

test("SYNs that find no room are a flood of their port; a source whose handshake was completed is known", () => {
  const { b, filter } = bench();
  b.listen({ backlog: 4 }).established();
  expect(filter.known.length).toBe(1);
  flood(b, 2 * BURST, (i) => void b.in("S", { source: "10.77.0.1", port: 1_000 + i, seq: i, mss: 1460 }));
  const [kind, ...others] = filter.limited();
  expect(kind).toBeGreaterThanOrEqual(F.KINDS);
  expect(others).toEqual([]);
});

test("the ACK of a cookie is expected for three seconds", () => {
  const { b, filter } = bench();
  b.listen({ backlog: 4 });
  const syn = (i: number) => void b.in("S", { source: "10.77.0.1", port: 1_000 + i, seq: i, mss: 1460 });
  for (let i = 0; i < 30; i++) syn(i);
  const cookies = b.count("tcp.tx.syn-cookie");
  expect(cookies).toBeGreaterThan(20);
  const before = filter.counts.size;
  const look = (us: number) => {
    b.now += us;
    b.stack.isFlooded(b.now);
    return filter.counts.size;
  };
  const looks = [20 * MILLISECOND, SECOND, SECOND, SECOND - 30 * MILLISECOND].map(look);
  expect(looks).toEqual(new Array(4).fill(before));
  expect(look(SECOND)).toBe(before - cookies);
});

test("more cookies than are remembered forget the first ones, and each is removed once", () => {
  const filter = new CountingFilter();
  const b = new TcpBench({ limits: { ...LIMITS, answerBurst: 100_000 }, filter });
  b.listen({ backlog: 1 });
  for (let i = 0; i < 40_000; i++) {
    b.in("S", { source: "10.77.0.1", port: 1_000 + i, seq: i, mss: 1460 });
    if (i % 16 === 0) discard(b);
  }
  expect(b.count("tcp.tx.syn-cookie")).toBeGreaterThan(39_000);
  expect(filter.counts.size).toBeLessThan(32_768 + 10);
});

test("a flood lasts as long as the filter drops its packets, and all of them are counted", () => {
  const { b, filter } = bench();
  flood(b, BURST + 1, stray(b, "."));
  filter.limited();
  for (let i = 0; i < 200; i++) {
    filter.dropped.set(F.STRAY_SEGMENT, 1_000);
    b.now += 20 * MILLISECOND;
    b.stack.isFlooded(b.now);
  }
  expect(filter.limits.length).toBeGreaterThan(5);
  expect(b.count("flood.segment")).toBe(200_000);
  filter.limited();
  for (let i = 0; i < 20; i++) {
    b.now += 20 * MILLISECOND;
    b.stack.isFlooded(b.now);
  }
  expect(filter.limited()).toEqual([]);
});

test("what passes of a flood is to be read before more passes, but under load some passes ten times a second", () => {
  const { b, filter } = bench();
  flood(b, BURST + 1, stray(b, "."));
  b.stack.isFlooded(b.now);
  filter.read.length = 0;
  for (let i = 0; i < 50; i++) {
    b.now += 10 * MILLISECOND;
    b.stack.isFlooded(b.now, false);
  }
  expect(filter.read.length).toBeWithin(3, 6);
  b.stack.isFlooded(b.now, true);
  b.stack.isFlooded(b.now, true);
  expect(filter.read.slice(-2)).toEqual([F.STRAY_SEGMENT, F.STRAY_SEGMENT]);
});

test("a stack that intercepts what is sent to others limits nothing", () => {
  const { b, filter } = bench();
  b.stack.interception.begin({ syns: 10, flows: 10, flowIdle: SECOND, echoes: true });
  flood(b, 5 * BURST, stray(b, "."));
  expect(filter.limited()).toEqual([]);
});

test("the filter lets as much pass as the stack answers", () => {
  expect(bench().filter.rate).toBe(RATE);
});
