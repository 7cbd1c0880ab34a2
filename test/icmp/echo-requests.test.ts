/** Echo requests: what is sent is well formed, and only what answers it counts. */
import { describe, expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { decode } from "#lab/drill/packets/codec";
import type { EchoResult, EchoRun } from "#stack/echo";
import { Stack } from "#stack/stack";
import { address, naiveIcmp, naiveIPv4, naiveIPv6 } from "../support/naive/ip.ts";

const US = { 4: "10.0.0.7", 6: "fd00::7" } as const;
const THEM = { 4: "10.0.0.9", 6: "fd00::9" } as const;
const OPTIONS = { count: 1, interval: 1_000, timeout: 50_000, size: 24 };
const FAMILIES = [4, 6] as const;

class Bench {
  readonly stack = new Stack({ addresses: [address(US[4]), address(US[6])], mtu: 1500, seed: 7 });
  readonly #packet = new Packet();
  readonly #slot = this.stack.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  now = 0;

  start(family: 4 | 6, options = {}): EchoRun {
    return this.stack.echo.start(address(THEM[family]), { ...OPTIONS, ...options }, null, this);
  }

  out(): number[][] {
    const sent: number[][] = [];
    const p = this.#packet;
    while (this.stack.poll(p, this.now)) sent.push([...this.stack.slab.u8.subarray(p.o, p.o + p.n)]);
    return sent;
  }

  in(bytes: readonly number[]): this {
    const p = this.#packet;
    p.clear();
    p.o = this.#slot;
    p.n = bytes.length;
    this.stack.slab.u8.set(bytes, this.#slot);
    this.stack.input(p, this.now);
    return this;
  }

  /** Time passes, with all that it brings. */
  pass(us: number): this {
    const until = this.now + us;
    for (let turns = 0; this.stack.nextDeadline() <= until; turns++) {
      if (turns > 10_000) throw new Error("timers without end");
      this.now = Math.max(this.now, this.stack.nextDeadline());
      this.stack.advance(this.now);
      this.out();
    }
    this.now = until;
    return this;
  }

  count(name: string): number {
    return this.stack.counters.snapshot()[`icmp.${name}`] ?? 0;
  }
}

/** The ICMP message of an IP packet without options. */
const messageOf = (packet: readonly number[], family: 4 | 6) => packet.slice(family === 4 ? 20 : 40);

interface Changes {
  readonly source?: string;
  readonly destination?: string;
  readonly type?: number;
  readonly identifier?: number;
  readonly sequence?: number;
  readonly data?: number[];
}

/** The reply to a request, with some of it changed. */
function reply(request: readonly number[], family: 4 | 6, changes: Changes = {}): number[] {
  const message = messageOf(request, family);
  const word = (at: number) => (message[at]! << 8) | message[at + 1]!;
  const source = changes.source ?? THEM[family];
  const destination = changes.destination ?? US[family];
  const rest = ((changes.identifier ?? word(4)) << 16) | (changes.sequence ?? word(6));
  const data = changes.data ?? message.slice(8);
  return family === 4
    ? naiveIPv4({ protocol: 1, ttl: 61, source, destination }, naiveIcmp(changes.type ?? 0, 0, rest, data))
    : naiveIPv6(
        { nextHeader: 58, hopLimit: 61, source, destination },
        naiveIcmp(changes.type ?? 129, 0, rest, data, [source, destination]),
      );
}

/** An ICMP error of a router about a packet of ours. */
function unreachable(family: 4 | 6, quoted: readonly number[], code = 1): number[] {
  const router = family === 4 ? "10.0.0.1" : "fd00::1";
  const destination = US[family];
  return family === 4
    ? naiveIPv4({ protocol: 1, source: router, destination }, naiveIcmp(3, code, 0, [...quoted]))
    : naiveIPv6(
        { nextHeader: 58, source: router, destination },
        naiveIcmp(1, code, 0, [...quoted], [router, destination]),
      );
}

const summary = ({ sequence, time, ttl, error, reporter }: EchoResult) => [
  sequence,
  time,
  ttl,
  error === 0 ? 0 : "error",
  reporter?.toString() ?? null,
];

describe.each(FAMILIES)("IPv%d", (family) => {
  test("a request is well formed: type, code, checksum, sequence numbers from 1, one identifier", () => {
    const b = new Bench();
    b.start(family, { count: 3 });
    const sent = [...b.out()];
    for (let i = 0; i < 2; i++) {
      b.now += 1_000;
      b.stack.advance(b.now);
      sent.push(...b.out());
    }
    expect(sent).toHaveLength(3);
    for (const [i, packet] of sent.entries()) {
      const { faults, icmp } = decode(Uint8Array.from(packet), 0);
      expect(faults).toEqual([]);
      expect(icmp).toMatchObject({ type: family === 4 ? 8 : 128, code: 0 });
      const message = messageOf(packet, family);
      expect(message.slice(4, 6)).toEqual(messageOf(sent[0]!, family).slice(4, 6));
      expect(message.slice(6, 8)).toEqual([0, i + 1]);
      expect(message).toHaveLength(8 + OPTIONS.size);
    }
  });

  test("the reply gives the round trip and the TTL, once; nothing is left to wait for", () => {
    const b = new Bench();
    const run = b.start(family);
    const [request] = b.out();
    b.now = 1_234;
    b.in(reply(request!, family)).in(reply(request!, family));
    expect(b.stack.echo.nextEvent()).toBe(b);
    expect(b.stack.echo.take(run).map(summary)).toEqual([[1, 1_234, 61, 0, null]]);
    expect([b.stack.echo.isOver(run), b.stack.echo.nextEvent()]).toEqual([true, undefined]);
    expect([b.count("echo-answered"), b.count("echo-unknown")]).toEqual([1, 1]);
    b.pass(100_000);
    expect([b.stack.nextDeadline(), b.count("echo-timeout")]).toEqual([NEVER, 0]);
  });

  const forged: [string, Changes][] = [
    ["of another host", { source: family === 4 ? "10.0.0.8" : "fd00::8" }],
    ["to another identifier", { identifier: 1 }],
    ["to another sequence number", { sequence: 2 }],
    ["to sequence number 0", { sequence: 0 }],
    ["with other data", { data: new Array(OPTIONS.size).fill(0) }],
    ["with less data", { data: new Array(OPTIONS.size - 1).fill(0) }],
    ["with no data", { data: [] }],
  ];
  test.each(forged)("a reply %s is none, and the request times out", (_name, changes) => {
    const b = new Bench();
    const run = b.start(family);
    const [request] = b.out();
    b.in(reply(request!, family, changes));
    expect([b.count("echo-answered"), b.count("echo-unknown")]).toEqual([0, 1]);
    b.pass(OPTIONS.timeout - 1);
    expect(b.stack.echo.take(run)).toEqual([]);
    b.pass(1);
    expect(b.stack.echo.take(run).map(summary)).toEqual([[1, -1, -1, 0, null]]);
  });

  test("an ICMP error is the result of the request that it quotes, with its sender; of no other", () => {
    const b = new Bench();
    const run = b.start(family, { count: 2 });
    const [first] = b.out();
    b.now = 1_000;
    b.stack.advance(b.now);
    const [second] = b.out();
    const strange = [...first!];
    // Another identifier; the quote's checksum is nobody's to check.
    strange[family === 4 ? 24 : 44]! ^= 0xff;
    b.in(unreachable(family, strange));
    expect(b.stack.echo.take(run)).toEqual([]);
    b.in(unreachable(family, second!)).in(unreachable(family, second!));
    const router = family === 4 ? "10.0.0.1" : "fd00::1";
    expect(b.stack.echo.take(run).map(summary)).toEqual([[2, -1, -1, "error", router]]);
    b.in(reply(first!, family));
    expect(b.stack.echo.take(run).map(summary)).toEqual([[1, 1_000, 61, 0, null]]);
    expect(b.count("echo-error")).toBe(1);
  });
});

describe("bounds", () => {
  test("cancelled runs are gone: nothing is sent or reported, no timer is left", () => {
    const b = new Bench();
    const runs = Array.from({ length: 1_024 }, () => b.start(4, { count: 10 }));
    expect(() => b.start(4)).toThrow("too many echo requests at one time");
    expect(new Set(b.out().map((packet) => messageOf(packet, 4).slice(4, 6).join())).size).toBe(1_024);
    for (const run of runs) b.stack.echo.cancel(run);
    b.pass(10_000_000);
    expect([b.count("echo-sent"), b.count("echo-timeout"), b.stack.nextDeadline()]).toEqual([1_024, 0, NEVER]);
    expect([b.stack.hasEvents(), b.stack.echo.nextEvent()]).toEqual([false, undefined]);
    b.start(4);
    expect(b.out()).toHaveLength(1);
  });

  test("a flood of replies that answer nothing changes nothing, and makes nothing", () => {
    const b = new Bench();
    const run = b.start(4);
    const [request] = b.out();
    for (let i = 0; i < 10_000; i++) b.in(reply(request!, 4, { identifier: i, data: [] }));
    expect([b.count("echo-unknown"), b.stack.hasEvents(), b.stack.slab.used]).toEqual([10_000, false, 0]);
    b.in(reply(request!, 4));
    expect(b.stack.echo.take(run)).toHaveLength(1);
  });
});
