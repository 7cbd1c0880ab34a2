/** A half-open connection is folded up while it waits. The peer and the user cannot tell; only the memory is less. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { SECOND } from "#base/time";
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

/** Folds connections up early: the backlog is small; or not before the first timeout: it is large. */
function listening(backlog: number, params: TcpSettings, family: 4 | 6): TcpBench {
  return new TcpBench({ family, params, trace: 1 << 12 }).listen({ backlog });
}

describe.each(PROFILE_NAMES)("by the profile %s", (profile) => {
  const agreed = fc.record({
    family: fc.constantFrom(4 as const, 6 as const),
    timestamps: fc.boolean(),
    sack: fc.boolean(),
    wscale: fc.constantFrom(undefined, 0, 7),
    deferAccept: fc.constantFrom(0, 0, 3),
    steps: fc.array(step, { minLength: 1, maxLength: 10 }),
  });

  test("one that is folded up answers each segment, times out and opens exactly as one that is not", () => {
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
        const [early, late] = [1, 1_000].map((backlog) => {
          const b = listening(backlog, params, family);
          b.in("S", { win: 65_535, ...offer });
          const [answer] = b.out();
          b.usesTs = answer!.ts !== null;
          return b;
        }) as [TcpBench, TcpBench];
        expect(late.stack.asleepCount).toBe(0);
        folded += early.stack.asleepCount;
        for (const each of steps) expect(apply(early, each)).toEqual(apply(late, each));
        expect(early.stack.counters.snapshot()).toEqual(late.stack.counters.snapshot());
        expect(traced(early)).toEqual(traced(late));
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

test("a half-open connection holds at most 850 octets, tables and its peer's address included; afterwards nothing is left", () => {
  const n = 5_000;
  const b = new TcpBench({ limits: { memory: 4 << 20 } }).listen({ backlog: n });
  const round = () => {
    knock(b, n);
    b.now += 1.5 * SECOND;
    discard(b);
    expect([b.stack.connectionCount, b.stack.asleepCount]).toEqual([n, n]);
  };
  const giveUp = () => {
    for (let i = 0; i < 20; i++) {
      b.now += 60 * SECOND;
      discard(b);
    }
    expect([b.stack.connectionCount, b.stack.asleepCount, b.listener!.halfOpen]).toEqual([0, 0, 0]);
  };
  // The first round makes what is kept for later ones.
  round();
  giveUp();
  const before = used();
  round();
  const each = (used() - before) / n;
  expect(each).toBeLessThan(850);
  expect(each).toBeGreaterThan(0);
  giveUp();
  expect((used() - before) / n).toBeLessThan(each / 4);
});

test("a handshake that is over within a second never folds up, unless half of the backlog waits", () => {
  const b = new TcpBench().listen({ backlog: 8 });
  for (let i = 0; i < 4; i++) b.in("S", { port: 100 + i, seq: 0, mss: 1460 }).out();
  expect(b.stack.asleepCount).toBe(0);
  b.in("S", { port: 104, seq: 0, mss: 1460 }).out();
  expect(b.stack.asleepCount).toBe(1);
});

test("closing the listener ends half-open connections that are folded up, silently", () => {
  const b = new TcpBench().listen({ backlog: 8 });
  for (let i = 0; i < 8; i++) b.in("S", { port: 100 + i, seq: 0, mss: 1460 }).out();
  b.stack.unlisten(b.listener!, b.now);
  expect(b.out()).toEqual([]);
  expect([b.stack.connectionCount, b.stack.asleepCount, b.stack.recordsInUse]).toEqual([0, 0, 0]);
});
