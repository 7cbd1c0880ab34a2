/** A half-open connection that is stored in a row and restored is the connection that it was: every number, whoever adds one. */
import { describe, expect, test } from "bun:test";
import { HalfOpens } from "#stack/half-opens";
import { congestionControl } from "#tcp/congestion/congestion";
import { slotsOf } from "#tcp/words/dormant";
import { clear, HalfOpenRows } from "#tcp/words/half-open";
import type { TcpSettings } from "#tcp/words/params";
import { PROFILE_NAMES, PROFILES } from "#tcp/words/profiles";
import { NO_ROW } from "#tcp/words/rows";
import { Tcb } from "#tcp/words/tcb";
import { type Given, TcpBench } from "../../support/tcp-bench.ts";

const halfOpen = (params: TcpSettings = {}, offer: Given = { mss: 1460 }, family: 4 | 6 = 4) =>
  TcpBench.at("SYN-RECEIVED", { params, family, trace: 64 }, offer).tcb;
const rowsOf = () => new HalfOpenRows((params) => congestionControl(params.congestionControl));
const newTcb = ({ env, params, congestion }: Tcb) => new Tcb(env, params, congestion, 0, NOWHERE);
const NOWHERE = new TcpBench().connect({ localPort: 9 }).tcb;

/** All numbers of a connection, its ends, and the record of its SYN,ACK. */
function told(tcb: Tcb): Record<string, unknown> {
  const parts = tcb as unknown as Record<string, Record<string, unknown>>;
  const slots = slotsOf(tcb).filter(({ part, name }) => part !== "board" || !RECORDS.includes(name));
  const numbers = slots.map(({ part, name }) => [`${part}.${name}`, part === null ? parts[name] : parts[part]![name]]);
  const { id, localPort, remotePort, params, listener, congestion, board, env } = tcb;
  const { start, end, time, flags, sends, segments, mss, next, prev, later, earlier, skip, deliveredAt } = env.records;
  const ofRecord = [start, end, time, flags, sends, segments, mss, next, prev, later, earlier, skip, deliveredAt];
  return {
    ...Object.fromEntries(numbers),
    timers: [...tcb.timers],
    ends: [id, String(tcb.local), localPort, String(tcb.remote), remotePort],
    shared: [params, listener?.port, congestion.name],
    records: RECORDS.map((name) => tcb.board[name as "head"] === board.head),
    record: ofRecord.map((column) => column[board.head]),
  };
}
/** They name the record, which may be another one afterwards. */
const RECORDS = ["head", "tail", "oldest", "newest"];

const OFFERS: Given[] = [
  { mss: 1460 },
  {},
  { mss: 9000, sackOk: true, wscale: 14, ts: [-5, 0], win: 65_535 },
  { mss: 88, wscale: 0, win: 1, ack: 77 },
  { mss: 536, ts: [1, 0], win: 0 },
];

describe.each(PROFILE_NAMES)("by the profile %s", (profile) => {
  test.each([4, 6] as const)("a row has all numbers of a connection over IPv%d that has got a SYN", (family) => {
    for (const offer of OFFERS) {
      const params = { ...PROFILES[profile], timestamps: true, sack: true, windowScale: true };
      const tcb = halfOpen(params, offer, family);
      const before = told(tcb);
      const rows = rowsOf();
      const row = rows.pack(tcb);
      tcb.env.records.park(tcb.board.head);
      const again = newTcb(tcb);
      rows.restore(row, again);
      expect(told(again)).toEqual(before);
      expect(rows.rows.size).toBe(0);
      // Into the same TCB, whose numbers are those of another connection by now.
      rows.restore(rows.pack(again), tcb);
      expect(told(tcb)).toEqual(before);
    }
  });
});

test("a TCB that is cleared is like a new one", () => {
  for (const offer of OFFERS) {
    const tcb = halfOpen({ timestamps: true, sack: true, windowScale: true }, offer);
    const fresh = newTcb(tcb);
    clear(tcb);
    const { env, params, congestion } = tcb;
    tcb.become(params, congestion, 0, NOWHERE);
    expect(told(tcb)).toEqual(told(fresh));
    expect(tcb.env).toBe(env);
  }
});

test("a connection with any number that has no place in a row keeps its TCB", () => {
  const fresh = halfOpen();
  const names = slotsOf(fresh).map(({ part, name }) => ({ part, name }));
  const kept: string[] = [];
  const stored: string[] = [];
  for (const { part, name } of names) {
    const tcb = halfOpen();
    // Something has come for it, so it is looked at as a whole.
    tcb.segmentsIn = 1;
    const holder = (part === null ? tcb : tcb[part]) as unknown as Record<string, number | boolean>;
    const value = holder[name]!;
    holder[name] = typeof value === "boolean" ? !value : value === 3 ? 4 : 3;
    const changed = told(tcb);
    const halfOpens = new HalfOpens(tcb.env);
    const row = halfOpens.pack(tcb);
    if (row === NO_ROW) {
      kept.push(name);
      continue;
    }
    stored.push(name);
    expect(told(halfOpens.unpack(row))).toEqual(changed);
  }
  expect(kept.length).toBeGreaterThan(150);
  // Counts and truth values that stand for themselves; the other numbers of a row are checked against each other.
  for (const name of ["segmentsIn", "tsOffset", "wl2", "acceptDeferred"]) expect(stored).toContain(name);
});
