/** A row stands for a connection in TIME-WAIT. The peer and the user cannot tell; only the memory is less. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EV_STATE } from "#base/trace";
import type { TcpSettings } from "#tcp/words/params";
import { PROFILE_NAMES, PROFILES } from "#tcp/words/profiles";
import { stateName } from "#tcp/words/state";
import { type BenchOptions, type Given, TcpBench } from "../support/tcp-bench.ts";
import { saidBy, traced } from "../support/traced.ts";

/** A connection in TIME-WAIT, of a user that still holds it (then it keeps its TCB) or has released it. */
function waiting(released: boolean, options: BenchOptions = {}, offer: Given = { mss: 1460 }): TcpBench {
  const b = TcpBench.at("TIME-WAIT", { trace: 1 << 12, ...options }, offer);
  if (released) b.stack.release(b.tcb);
  return b;
}

const isRow = (b: TcpBench) => b.tcb.place.row === -2;
const now = (b: TcpBench) => stateName(b.stack.state(b.tcb));

/** What comes for a connection in TIME-WAIT: near its numbers and far from them, old and new timestamps, and time that passes. */
const step = fc.record({
  flags: fc.constantFrom("", ".", "F.", "F", "R", "R.", "S", "S.", "P.", "SF", "E.", "U."),
  seq: fc.oneof(fc.integer({ min: -3, max: 8 }), fc.constantFrom(-70_000, 65_535, 65_536, 1 << 22, 1 << 30)),
  ack: fc.oneof(fc.integer({ min: -2, max: 5 }), fc.constantFrom(-70_000, -65_533, 100_000, 1 << 30)),
  n: fc.constantFrom(0, 0, 0, 1, 10, 1460),
  win: fc.constantFrom(0, 1, 1000, 65_535),
  stamp: fc.constantFrom(-100_000, -1, 0, 1, 5, 1 << 29),
  withStamp: fc.boolean(),
  sack: fc.boolean(),
  pause: fc.constantFrom(0, 0, 1, 1000, 499_999, 500_000, 20_000_000, 59_999_999),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(b: TcpBench, { flags, seq, ack, n, win, stamp, withStamp, sack, pause }: Step): unknown[] {
  b.run(pause);
  const given: Given = { seq, ack, n, win, ...(sack ? { sack: [[1, 2]] } : {}) };
  if (b.usesTs && withStamp) Object.assign(given, { ts: [(1000 + stamp) >>> 0, b.seenTs] });
  else Object.assign(given, { raw: [] });
  b.in(flags, given);
  const said = saidBy(b);
  b.events();
  return [said, b.stack.connectionCount, b.stack.nextDeadline()];
}

describe.each(PROFILE_NAMES)("by the profile %s", (profile) => {
  const agreed = fc.record({
    family: fc.constantFrom(4 as const, 6 as const),
    timestamps: fc.boolean(),
    sack: fc.boolean(),
    wscale: fc.constantFrom(undefined, 0, 7, 14),
    rfc1337: fc.boolean(),
    tos: fc.constantFrom(0, 0x20),
    steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  });

  test("a row answers each segment, times out and is replaced exactly as a TCB", () => {
    let rows = 0;
    fc.assert(
      fc.property(agreed, ({ family, timestamps, sack, wscale, rfc1337, tos, steps }) => {
        const params: TcpSettings = {
          ...PROFILES[profile],
          timestamps,
          sack,
          windowScale: wscale !== undefined,
          tos,
          ttl: 61,
        };
        if (rfc1337) params.ignoreTimeWaitReset = true;
        const offer: Given = {
          mss: 1460,
          ...(sack ? { sackOk: true } : {}),
          ...(wscale === undefined ? {} : { wscale }),
        };
        if (timestamps) Object.assign(offer, { ts: [1000, 0] });
        const [tcb, row] = [false, true].map((released) => waiting(released, { family, params }, offer)) as [
          TcpBench,
          TcpBench,
        ];
        if (isRow(row)) rows++;
        for (const each of steps) {
          expect(apply(row, each)).toEqual(apply(tcb, each));
          expect(now(row)).toBe(now(tcb));
        }
        expect(row.stack.counters.snapshot()).toEqual(tcb.stack.counters.snapshot());
        expect(traced(row)).toEqual(traced(tcb));
        for (const b of [row, tcb]) b.run(200_000_000);
        expect(row.leftovers()).toEqual(tcb.leftovers());
        expect(traced(row)).toEqual(traced(tcb));
      }),
      { seed: 8, numRuns: 150, includeErrorInReport: true },
    );
    expect(rows).toBe(150);
  });
});

test("an observer sees the connection in TIME-WAIT, and it ends after 2 MSL all the same", () => {
  const b = waiting(true);
  for (let i = 0; i < 3; i++) {
    const [tcb, ...more] = [...b.stack.connections()];
    expect(more).toEqual([]);
    expect(b.stack.info(tcb!)).toMatchObject({
      state: "TIME-WAIT",
      localPort: 80,
      remoteAddress: "10.0.1.5",
      remotePort: 5555,
    });
    b.run(1_000_000);
  }
  expect(b.stack.connectionCount).toBe(1);
  b.run(60_000_000);
  expect([b.stack.connectionCount, now(b)]).toEqual([0, "CLOSED"]);
});

test("whoever still looks at a connection that was released sees what it was, and when it has ended", () => {
  const b = waiting(true);
  expect(b.stack.info(b.tcb)).toMatchObject({ state: "TIME-WAIT", endedBy: "", segsOut: 3 });
  b.run(61_000_000);
  expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", endedBy: "tcp.timer.time-wait", segsOut: 3 });
});

test("one that is aborted after its release ends at once, silently (RFC 9293 §3.10.5)", () => {
  const b = waiting(true);
  b.stack.abort(b.tcb, b.now);
  expect(b.lines()).toEqual([]);
  expect([b.stack.connectionCount, now(b)]).toEqual([0, "CLOSED"]);
});

test("an id that a later connection has does not make the earlier one appear alive", () => {
  const b = waiting(true);
  b.run(61_000_000);
  const { id } = b.tcb;
  const old = b.tcb;
  b.connect({ localPort: 9 });
  expect([b.tcb.id, now(b), stateName(b.stack.state(old))]).toEqual([id, "SYN-SENT", "CLOSED"]);
});

test("octets that are not read yet keep the TCB until they are", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.stack.closeSend(b.tcb, b.now);
  b.out();
  b.in("F.", { n: 100 });
  b.out();
  expect([now(b), b.tcb.place.row >= 0]).toEqual(["TIME-WAIT", true]);
  expect(b.read()).toBe(100);
  b.stack.release(b.tcb);
  b.out();
  expect(isRow(b)).toBe(false);
  // It was still to be told of what had arrived.
  b.events();
  expect(isRow(b)).toBe(true);
});

test("at the limit of connections the one that has waited longest makes room, row or TCB", () => {
  const b = new TcpBench({ limits: { connections: 4, memory: 4 << 20 }, trace: 1 << 12 }).listen();
  for (const port of [101, 102, 103, 104]) {
    Object.assign(b, { port, peerNxt: 0, peerExpects: 0, localPort: 80 });
    b.established();
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in("F.");
    b.out();
    // The user of the second one holds it.
    if (port !== 102) b.stack.release(b.tcb);
  }
  b.events();
  for (const port of [201, 202]) {
    Object.assign(b, { port, peerNxt: 0, peerExpects: 0 });
    b.in("S", { mss: 1460 }).out();
  }
  expect([...b.stack.connections()].map(({ remotePort }) => remotePort).sort()).toEqual([103, 104, 201, 202]);
  const { trace } = b.stack;
  const ended = Array.from({ length: trace.size }, (_, i) => i).filter(
    (i) => trace.kind[i] === EV_STATE && trace.b[i] === 1,
  );
  expect(ended.length).toBe(2);
});

/** So many connections of other ports, each closed by us first and released. */
function leave(b: TcpBench, n: number): void {
  for (let i = 0; i < n; i++) {
    Object.assign(b, { port: 1024 + (i % 60_000), peerNxt: 0, peerExpects: 0 });
    b.established();
    b.stack.closeSend(b.tcb, b.now);
    b.out();
    b.in("F.");
    b.out();
    b.events();
    b.stack.release(b.tcb);
  }
}

const used = () => {
  Bun.gc(true);
  return heapStats().heapSize;
};

test("a connection in TIME-WAIT holds at most 200 octets, tables included; afterwards nothing is left", () => {
  const b = new TcpBench({ limits: { connections: 65_536, memory: 4 << 20 } }).listen();
  const n = 6_000;
  // The first round makes what is kept for later ones.
  leave(b, n);
  b.run(61_000_000);
  const before = used();
  leave(b, n);
  expect(b.stack.connectionCount).toBe(n);
  const each = (used() - before) / n;
  expect(each).toBeLessThan(200);
  expect(each).toBeGreaterThan(0);
  b.run(61_000_000);
  expect(b.stack.connectionCount).toBe(0);
  // What the engine keeps for itself differs from run to run by some tens of kB.
  expect((used() - before) / n).toBeLessThan(each / 4);
});
