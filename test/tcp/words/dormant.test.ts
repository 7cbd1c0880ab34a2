/** A connection that is folded up and unfolded is the connection that it was: every field, whoever adds one. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { isAtRest, type Sleeper, slotsOf, TcbPacker } from "#tcp/words/dormant";
import { T_DELAYED_ACK, T_KEEPALIVE, T_RETRANSMIT, Tcb } from "#tcp/words/tcb";
import { octets, TcpBench } from "../../support/tcp-bench.ts";

const USER: Sleeper = { fellAsleep() {}, woke() {} };
const open = () => TcpBench.at("ESTABLISHED");

/** Every number and truth value of a connection, by name. */
function told(tcb: Tcb): Record<string, unknown> {
  const parts = tcb as unknown as Record<string, Record<string, unknown>>;
  const numbers = slotsOf(tcb).map(({ part, name }) => [
    part === null ? name : `${part}.${name}`,
    part === null ? parts[name] : parts[part]![name],
  ]);
  return { ...Object.fromEntries(numbers), timers: [...tcb.timers], cc: [...tcb.ccState] };
}

/** What is no number: kept as it is, made anew, or empty in a connection at rest. */
const KEPT = ["params", "congestion", "local", "remote", "user", "fast"];
const SHARED = ["env"];
const EMPTY = ["listener", "controller", "controllerError", "sendQueue", "receiveQueue", "ranges"];
const ARRAYS = ["timers", "ccState"];
const EMPTY_IN_PARTS = [
  "memory.used",
  "memory.reserved",
  "memory.inOrder",
  "memory.beyond",
  "snd.ends",
  "output.ends",
  "board.index",
];

test("each field of a TCB is a number, a truth value, or one that is known here", () => {
  const { tcb } = open();
  const slots = new Set(slotsOf(tcb).map(({ part, name }) => (part === null ? name : `${part}.${name}`)));
  const fixed = ["id", "localPort", "remotePort"];
  const known = new Set([...KEPT, ...SHARED, ...EMPTY, ...ARRAYS, ...EMPTY_IN_PARTS, ...fixed]);
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(tcb)) {
    if (slots.has(name) || known.has(name)) continue;
    const inside = Object.keys(value as object).map((key) => `${name}.${key}`);
    unknown.push(...(inside.length === 0 ? [name] : inside.filter((each) => !slots.has(each) && !known.has(each))));
  }
  expect(unknown).toEqual([]);
  expect(slots.size).toBeGreaterThan(150);
});

/** Numbers as they occur: sequence numbers, times with fractions, none, extremes. */
const number = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 40),
);

test("packing and unpacking restores all numbers", () => {
  const { tcb } = open();
  const packer = new TcbPacker(tcb.env);
  const slots = slotsOf(tcb);
  const n = slots.length + tcb.timers.length + tcb.ccState.length;
  fc.assert(
    fc.property(fc.array(fc.option(number), { minLength: n, maxLength: n }), (values) => {
      const one = new Tcb(tcb.env, tcb.params, tcb.congestion, 7, { ...tcb, localPort: 80, remotePort: 5555 });
      const holders = one as unknown as Record<string, Record<string, unknown>>;
      for (const [i, { part, name, fresh }] of slots.entries()) {
        const value = values[i];
        if (value === null || value === undefined) continue;
        const holder = part === null ? (one as unknown as Record<string, unknown>) : holders[part]!;
        holder[name] = typeof fresh === "boolean" ? value > 0 : value;
      }
      for (let i = 0; i < one.timers.length; i++) one.timers[i] = values[slots.length + i] ?? Number.POSITIVE_INFINITY;
      for (let i = 0; i < one.ccState.length; i++) one.ccState[i] = values[slots.length + one.timers.length + i] ?? 0;
      const dormant = packer.pack(one, USER);
      const again = packer.unpack(dormant);
      expect(told(again)).toEqual(told(one));
      expect([again.id, again.localPort, again.remotePort, again.user]).toEqual([7, 80, 5555, USER]);
      for (const name of KEPT.filter((each) => each !== "user")) {
        expect((again as unknown as Record<string, unknown>)[name]).toBe(
          (one as unknown as Record<string, unknown>)[name],
        );
      }
    }),
    { numRuns: 50 },
  );
});

test("a connection that has exchanged data takes at most 450 octets", () => {
  const b = open();
  b.send(1_000);
  b.out();
  b.in(".")
    .in("P.", { data: octets(0, 1_000) })
    .out();
  b.read();
  expect(new TcbPacker(b.tcb.env).pack(b.tcb, USER).record.length).toBeLessThanOrEqual(450);
});

test("a connection is at rest with nothing in flight, queued, unread, out of order, unreported, or timed except keep-alive", () => {
  const rests = (spoil: (tcb: Tcb) => void) => {
    const { tcb } = open();
    tcb.held = true;
    spoil(tcb);
    return isAtRest(tcb);
  };
  expect(rests(() => {})).toBe(true);
  expect(rests(({ timers }) => void (timers[T_KEEPALIVE] = 5))).toBe(true);
  for (const timer of [T_DELAYED_ACK, T_RETRANSMIT])
    expect(rests(({ timers }) => void (timers[timer] = 5))).toBe(false);
  expect(rests((tcb) => void (tcb.held = false))).toBe(false);
  expect(rests((tcb) => void (tcb.events = 1))).toBe(false);
  expect(rests((tcb) => void (tcb.inOutput = true))).toBe(false);
  expect(rests(({ snd }) => void (snd.queued = 1))).toBe(false);
  expect(rests(({ rcv }) => void (rcv.unread = 1))).toBe(false);
  const b = open();
  b.in("P.", { seq: 2_000, data: octets(0, 100) }).out();
  expect(isAtRest(b.tcb)).toBe(false);
});
