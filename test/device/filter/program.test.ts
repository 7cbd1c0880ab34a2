/** What the filter's program drops, run by the kernel (BPF_PROG_TEST_RUN), beside a slow model of it. */
import { expect } from "bun:test";
import { Prng } from "#base/prng";
import * as table from "#device/filter/layout";
import { DROP } from "#device/filter/program";
import { Address } from "#ip/address";
import { FRAGMENT, KINDS, STRAY_DATAGRAM, STRAY_SEGMENT } from "#ip/flood-filter";
import type { Ends } from "#tcp/words/tcb";
import { TCP, UDP } from "#wire/protocol";
import { testUnless } from "../../support/test-unless.ts";
import { Model } from "./model.ts";
import { FilterRig, whyNoBpf } from "./rig.ts";

const filterTest = (name: string, work: (rig: FilterRig) => void) =>
  testUnless(whyNoBpf(), name, () => {
    const rig = new FilterRig(1);
    try {
      work(rig);
    } finally {
      rig.close();
    }
  });

const LOCAL4 = [0x0a000007, 0x0a000008].map((word) => Address.v4(word));
const REMOTE4 = [0x0a4d0001, 0x0a4d0002, 0xc0a80101 | 0, 0x08080808].map((word) => Address.v4(word));
const v6 = (a: number, b: number, d: number) => new Address(0xfd000000 | a, b, 0, d);
const LOCAL6 = [v6(1, 2, 7), v6(1, 2, 8)];
const REMOTE6 = [v6(3, 4, 1), v6(3, 4, 2), v6(3, 6, 1), v6(9, 0, 0x0000ffff)];
const PORTS = [22, 80, 5001, 40_000, 65_535];

function bytesOf({ a, b, c, d, family }: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  for (const [i, word] of [a, b, c, d].entries()) view.setInt32(i * 4, word);
  return new Uint8Array(view.buffer).subarray(family === 4 ? 12 : 0);
}

interface Wish {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly ports: readonly [number, number];
  readonly flags?: number;
  /** Octets of IPv4 options. */
  readonly options?: number;
  /** The second word half of the IPv4 header: flags and offset. */
  readonly fragment?: number;
  readonly type?: number;
}

function packetOf({ source, destination, protocol, ports, flags = 0x10, options = 0, fragment = 0, type = 0 }: Wish) {
  const four = source.family === 4;
  const start = four ? 20 + options : 40;
  const packet = new Uint8Array(start + 20);
  const view = new DataView(packet.buffer);
  if (four) {
    packet[0] = 0x40 | (start / 4);
    view.setUint16(6, fragment);
    packet[9] = protocol;
    packet.set(bytesOf(source), 12);
    packet.set(bytesOf(destination), 16);
  } else {
    packet[0] = 0x60;
    packet[6] = protocol;
    packet.set(bytesOf(source), 8);
    packet.set(bytesOf(destination), 24);
  }
  view.setUint16(start, ports[0]);
  view.setUint16(start + 2, ports[1]);
  packet[start + 13] = flags;
  if (protocol === 1 || protocol === 58) packet[start] = type;
  return packet;
}

class Chance {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  of<T>(among: readonly T[]): T {
    return among[this.#prng.below(among.length)]!;
  }

  once(of: number): boolean {
    return this.#prng.below(of) === 0;
  }

  ends(): Ends {
    const four = this.once(2);
    return {
      local: this.of(four ? LOCAL4 : LOCAL6),
      localPort: this.of(PORTS),
      remote: this.of(four ? REMOTE4 : REMOTE6),
      remotePort: this.of(PORTS),
    };
  }

  packet(): Uint8Array {
    const { local, localPort, remote, remotePort } = this.ends();
    const packet = packetOf({
      source: remote,
      destination: local,
      protocol: this.of([6, 6, 6, 17, 17, local.family === 4 ? 1 : 58, 44, 47, 0]),
      ports: [remotePort, localPort],
      flags: this.of([0x02, 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x06, 0x00, 0xc2]),
      options: this.once(4) ? 4 * this.#prng.below(11) : 0,
      fragment: this.once(6) ? this.of([0x2000, 0x2010, 0x0010, 0x1fff]) : this.of([0x4000, 0, 0x8000]),
      type: this.of([8, 128, 0, 129, 3, 1, 2, 11]),
    });
    if (this.once(30)) packet[0] = (packet[0]! & 0xf0) | this.#prng.below(16);
    return this.once(8) ? packet.subarray(0, 1 + this.#prng.below(packet.length)) : packet;
  }
}

filterTest(
  "of random packets, just those are dropped that are of a kind and belong to nothing here, whatever comes and goes",
  (rig) => {
    const chance = new Chance(7);
    const model = new Model();
    const open: Ends[] = [];
    const bound: [number, number][] = [];
    const seen: Record<string, number> = {};
    let shared = 0;
    rig.limitAll();
    const change = () => {
      const ends = chance.ends();
      if (open.length > 0 && chance.once(2)) {
        const [gone] = open.splice(open.indexOf(chance.of(open)), 1) as [Ends];
        rig.floods.disconnected(gone);
        model.disconnected(gone);
      } else if (!open.some((each) => JSON.stringify(each) === JSON.stringify(ends))) {
        open.push(ends);
        rig.floods.connected(ends);
        model.connected(ends);
      }
      const ports = (protocol: number) => (protocol === TCP ? model.tcpPorts : model.udpPorts);
      if (bound.length > 2) {
        const [protocol, port] = bound.shift()!;
        rig.floods.unbound(protocol, port);
        ports(protocol).delete(port);
      }
      const [protocol, port] = [chance.of([TCP, UDP]), chance.of(PORTS)];
      if (ports(protocol).has(port)) return;
      bound.push([protocol, port]);
      rig.floods.bound(protocol, port);
      ports(protocol).add(port);
    };
    const known = REMOTE4[0]!;
    rig.synFlood.know(known.a, known.b, known.c, known.d);
    model.known.add("0a4d0001");
    const known6 = REMOTE6[0]!;
    rig.synFlood.know(known6.a, known6.b, known6.c, known6.d);
    model.known.add("fd00000300000004");
    const cookies = Array.from({ length: 20 }, () => chance.ends());
    for (const ends of cookies) {
      rig.floods.cookieSent(ends);
      model.cookieSent(ends);
    }
    for (let i = 0; i < 20_000; i++) {
      if (i % 20 === 0) change();
      const packet = chance.packet();
      const wanted = model.judge(packet);
      const judged = rig.judge(packet);
      const got = typeof judged === "number" && judged >= KINDS ? "syn" : judged;
      // A flow that is not there may have the place of one that is.
      if (got === "pass" && wanted !== "pass") shared++;
      else if (got !== wanted) throw new Error(`packet ${i} ${packet.toHex()}: ${got}, not ${wanted}`);
      seen[wanted] = (seen[wanted] ?? 0) + 1;
    }
    expect(shared).toBeLessThan(20);
    // Each judgement was there often.
    expect(Object.keys(seen).sort()).toEqual(["0", "1", "2", "3", "pass", "syn"]);
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
    for (const ends of open) rig.floods.disconnected(ends);
    for (const [protocol, port] of bound) rig.floods.unbound(protocol, port);
    expect(rig.total()).toBe(cookies.length);
  },
);

const STRAY = packetOf({ source: REMOTE4[0]!, destination: LOCAL4[0]!, protocol: 6, ports: [1, 80] });
const DATAGRAM = packetOf({ source: REMOTE4[0]!, destination: LOCAL4[0]!, protocol: 17, ports: [1, 80] });

filterTest("without a flood everything passes, also when a kind was limited that is over", (rig) => {
  expect(rig.judge(STRAY)).toBe("pass");
  rig.limitAll();
  expect(rig.judge(STRAY)).toBe(STRAY_SEGMENT);
  rig.times[table.ANY_UNTIL >> 3] = 1n;
  expect(rig.judge(STRAY)).toBe("pass");
});

filterTest("a program that was killed leaves a filter that drops nothing any more after the hold", async (rig) => {
  rig.filter.limit(STRAY_SEGMENT, 20_000);
  rig.times[(table.LIMITS + table.DUE) >> 3] = 2n ** 62n;
  expect(rig.judge(STRAY)).toBe(STRAY_SEGMENT);
  Bun.sleepSync(25);
  expect(rig.judge(STRAY)).toBe("pass");
});

filterTest("a limited kind passes at its rate after a burst, and takes nothing from another one", (rig) => {
  // A packet each hour, so that the clock does not matter.
  rig.times[table.INTERVAL >> 3] = 3_600_000_000_000n;
  rig.times[table.TOLERANCE >> 3] = 3_600_000_000_000n * BigInt(table.BURST);
  rig.filter.limit(STRAY_SEGMENT, 60_000_000);
  const results = Array.from({ length: table.BURST + 50 }, () => rig.run(STRAY));
  expect(results.indexOf(DROP)).toBe(table.BURST + 1);
  expect(results.lastIndexOf(0xffffffff)).toBe(table.BURST);
  expect(rig.filter.takeDropped(STRAY_SEGMENT)).toBe(49);
  expect(rig.filter.takeDropped(STRAY_SEGMENT)).toBe(0);
  expect(rig.judge(DATAGRAM)).toBe("pass");
  rig.filter.limit(STRAY_DATAGRAM, 60_000_000);
  expect(rig.judge(DATAGRAM)).toBe("pass");
});

filterTest(
  "while the stack does not read, a flood takes a small part of the device's queue, whatever its rate",
  (rig) => {
    // A packet each nanosecond.
    rig.times[table.INTERVAL >> 3] = 1n;
    rig.times[table.TOLERANCE >> 3] = 2n ** 40n;
    rig.filter.limit(STRAY_SEGMENT, 60_000_000);
    const passed = () => Array.from({ length: 400 }, () => rig.run(STRAY)).filter((result) => result !== DROP).length;
    expect([passed(), passed()]).toEqual([table.UNREAD_MAX, 0]);
    expect(rig.filter.takeDropped(STRAY_SEGMENT)).toBe(800 - table.UNREAD_MAX);
    expect(passed()).toBe(0);
    rig.filter.wasRead(STRAY_SEGMENT);
    expect(passed()).toBe(table.UNREAD_MAX);
  },
);

filterTest("fragments of a host that has a connection pass, those of others are limited", (rig) => {
  rig.limitAll();
  const [local, remote] = [LOCAL4[0]!, REMOTE4[1]!];
  const fragment = (source: Address) =>
    packetOf({ source, destination: local, protocol: 6, ports: [1, 2], fragment: 0x2000 });
  rig.floods.connected({ local, localPort: 80, remote, remotePort: 4_000 });
  expect([rig.judge(fragment(remote)), rig.judge(fragment(REMOTE4[2]!))]).toEqual(["pass", FRAGMENT]);
});

filterTest("SYNs for one flooded port are limited, those for another pass", (rig) => {
  const syn = (port: number) =>
    packetOf({ source: REMOTE4[3]!, destination: LOCAL4[0]!, protocol: 6, ports: [4_000, port], flags: 0x02 });
  rig.floods.bound(TCP, 80);
  rig.floods.bound(TCP, 443);
  rig.times[table.INTERVAL >> 3] = 2n ** 60n;
  rig.times[table.TOLERANCE >> 3] = 0n;
  rig.floods.synQueueFull(80, 0);
  // The first is due.
  expect(rig.judge(syn(80))).toBe("pass");
  expect(rig.judge(syn(80))).toBeGreaterThanOrEqual(KINDS);
  expect([rig.judge(syn(443)), rig.judge(syn(443))]).toEqual(["pass", "pass"]);
});
