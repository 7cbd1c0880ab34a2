/** A row stands for a half-open connection while it waits. The peer and the user cannot tell; only the memory is less. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { NEVER, SECOND } from "#base/time";
import type { TcpSettings } from "#tcp/words/params";
import { PROFILE_NAMES, PROFILES } from "#tcp/words/profiles";
import { type Given, TcpBench } from "../support/tcp-bench.ts";
import { saidBy, traced } from "../support/traced.ts";

const SYN: Given = { mss: 1460 };

/** What comes for a half-open connection, and time that passes. */
const step = fc.record({
  flags: fc.constantFrom("S", ".", ".", "P.", "F.", "R", "R.", "", "S.", "SF"),
  seq: fc.oneof(fc.integer({ min: -2, max: 4 }), fc.constantFrom(-70_000, 65_536, 1 << 30)),
  ack: fc.oneof(fc.integer({ min: -2, max: 3 }), fc.constantFrom(-70_000, 100_000)),
  n: fc.constantFrom(0, 0, 0, 1, 100),
  win: fc.constantFrom(0, 1000, 65_535),
  withStamp: fc.boolean(),
  pause: fc.constantFrom(0, 0, 1000, 499_999, SECOND, 2 * SECOND, 7 * SECOND, 40 * SECOND),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(b: TcpBench, { flags, seq, ack, n, win, withStamp, pause }: Step): unknown[] {
  b.run(pause);
  const given: Given = { seq, ack, n, win };
  if (b.usesTs && withStamp) Object.assign(given, { ts: [1001, b.seenTs] });
  b.in(flags, given);
  const said = saidBy(b);
  return [said, b.stack.connectionCount, b.stack.nextDeadline(), b.listener!.halfOpen, b.listener!.ready.length];
}

/** @param sleepAfter NEVER: half-open connections keep their TCBs */
function listening(sleepAfter: number, params: TcpSettings, family: 4 | 6): TcpBench {
  return new TcpBench({ family, params, limits: { sleepAfter }, trace: 1 << 12 }).listen();
}

/** What `Stack.info` shows of all connections, half-open and established. */
const infos = (b: TcpBench) => [...b.stack.connections()].map((tcb) => b.stack.info(tcb, b.now));

describe.each(PROFILE_NAMES)("by the profile %s", (profile) => {
  const agreed = fc.record({
    family: fc.constantFrom(4 as const, 6 as const),
    timestamps: fc.boolean(),
    sack: fc.boolean(),
    wscale: fc.constantFrom(undefined, 0, 7),
    deferAccept: fc.constantFrom(0, 0, 3),
    steps: fc.array(step, { minLength: 1, maxLength: 10 }),
  });

  test("a row answers each segment, times out and opens exactly as a TCB", () => {
    let folded = 0;
    fc.assert(
      fc.property(agreed, ({ family, timestamps, sack, wscale, deferAccept, steps }) => {
        const params: TcpSettings = {
          ...PROFILES[profile],
          timestamps,
          sack,
          windowScale: wscale !== undefined,
          deferAccept,
        };
        const offer: Given = { ...SYN, ...(sack ? { sackOk: true } : {}), ...(wscale === undefined ? {} : { wscale }) };
        if (timestamps) Object.assign(offer, { ts: [1000, 0] });
        const [row, tcb] = [50_000, NEVER].map((sleepAfter) => {
          const b = listening(sleepAfter, params, family);
          b.in("S", { win: 65_535, ...offer });
          const [answer] = b.out();
          b.usesTs = answer!.ts !== null;
          return b;
        }) as [TcpBench, TcpBench];
        expect(tcb.stack.asleepCount).toBe(0);
        folded += row.stack.asleepCount;
        for (const each of steps) expect(apply(row, each)).toEqual(apply(tcb, each));
        expect(row.stack.counters.snapshot()).toEqual(tcb.stack.counters.snapshot());
        expect(traced(row)).toEqual(traced(tcb));
        expect(infos(row)).toEqual(infos(tcb));
      }),
      { seed: 8, numRuns: 100, includeErrorInReport: true },
    );
    expect(folded).toBe(100);
  });
});

/** So many SYNs of other ports; what is sent goes nowhere. */
function knock(b: TcpBench, n: number): void {
  for (let i = 0; i < n; i++) b.in("S", { port: 1_024 + i, seq: 0, mss: 1460 });
  discard(b);
}

function discard(b: TcpBench): void {
  const packet = new Packet();
  b.stack.advance(b.now);
  while (b.stack.poll(packet, b.now));
}

const used = () => {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
};

test("a half-open connection holds at most 400 octets, tables included, from its SYN,ACK on; afterwards nothing is left", () => {
  const n = 5_000;
  const b = new TcpBench({ limits: { memory: 4 << 20 } }).listen({ backlog: n });
  const later = (seconds: number) => {
    b.now += seconds * SECOND;
    discard(b);
  };
  const giveUp = () => {
    for (let i = 0; i < 20; i++) later(60);
    expect([b.stack.connectionCount, b.stack.asleepCount, b.listener!.halfOpen]).toEqual([0, 0, 0]);
  };
  // The first round makes what is kept for later ones.
  knock(b, n);
  giveUp();
  const before = used();
  const timeouts = b.count("tcp.timer.rto");
  knock(b, n);
  const most: number[] = [];
  // At once, after the first retransmission of the SYN,ACK, and after as many as the user would be told of (R1).
  for (const seconds of [0, 1.5, 2, 4, 8]) {
    later(seconds);
    expect([b.stack.connectionCount, b.stack.asleepCount]).toEqual([n, n]);
    most.push((used() - before) / n);
  }
  expect(b.count("tcp.timer.rto") - timeouts).toBe(4 * n);
  for (const each of most) {
    expect(each).toBeLessThan(400);
    expect(each).toBeGreaterThan(0);
  }
  giveUp();
  expect((used() - before) / n).toBeLessThan(most[0]! / 4);
});

test("a few half-open connections of a listener keep their TCBs until their SYN,ACK is sent again; the others are rows", () => {
  const b = new TcpBench({ limits: { halfOpenInFull: 8 } }).listen({ backlog: 100 });
  for (let i = 0; i < 20; i++) b.in("S", { port: 100 + i, seq: 0, mss: 1460 }).out();
  expect([b.stack.connectionCount, b.stack.asleepCount]).toEqual([20, 12]);
  b.now += 1.5 * SECOND;
  discard(b);
  expect(b.stack.asleepCount).toBe(20);
});

test("data on the SYN keeps the TCB until the handshake is complete", () => {
  const b = new TcpBench({ params: { dropSynText: false } }).listen();
  b.in("S", { ...SYN, n: 100 }).out();
  expect([b.stack.connectionCount, b.stack.asleepCount]).toEqual([1, 0]);
  b.in(".").out();
  b.tcb = b.stack.accept(b.listener!)!;
  expect(b.stack.receive(b.tcb, new Uint8Array(200), 0, 200)).toBe(100);
});

test("while a row waits its record is reserved: data of other connections cannot take it", () => {
  const b = new TcpBench({ limits: { records: 64 } }).listen({ backlog: 100 });
  knock(b, 100);
  // One for each; beyond that, SYNs get no answer.
  expect([b.stack.connectionCount, b.stack.asleepCount, b.stack.recordsInUse]).toEqual([64, 64, 64]);
  b.now += 1.5 * SECOND;
  discard(b);
  expect([b.stack.asleepCount, b.stack.recordsInUse, b.count("tcp.timer.rto")]).toEqual([64, 64, 64]);
});

test("whoever only looks at half-open connections changes nothing, not even the order of packets", () => {
  const [seen, unseen] = [true, false].map((looks) => {
    const b = new TcpBench({ trace: 1 << 12 }).listen({ backlog: 8 });
    const infos = [];
    for (let i = 0; i < 4; i++) b.in("S", { port: 100 + i, seq: 0, mss: 1460 });
    discard(b);
    for (const port of [103, 100, 102, 101]) {
      if (looks) for (const tcb of b.stack.connections()) infos.push(b.stack.info(tcb, b.now));
      b.in("S", { port, seq: 0, mss: 1460 });
    }
    if (looks) expect(infos.map(({ state }) => state)).toEqual(new Array(16).fill("SYN-RECEIVED"));
    const ports = b.out().map(({ remotePort, flags }) => `${remotePort} ${flags}`);
    return { ports, asleep: b.stack.asleepCount, trace: traced(b), deadline: b.stack.nextDeadline() };
  });
  expect(seen!.ports).toEqual(["103 S.", "100 S.", "102 S.", "101 S."]);
  expect(seen!.asleep).toBe(4);
  expect(seen).toEqual(unseen!);
});

test("closing the listener ends half-open connections that are rows, silently", () => {
  const b = new TcpBench().listen({ backlog: 8 });
  for (let i = 0; i < 8; i++) b.in("S", { port: 100 + i, seq: 0, mss: 1460 }).out();
  b.stack.unlisten(b.listener!, b.now);
  expect(b.out()).toEqual([]);
  expect([b.stack.connectionCount, b.stack.asleepCount, b.stack.recordsInUse]).toEqual([0, 0, 0]);
});
