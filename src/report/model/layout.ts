/** Which columns the tables have, and how each is packed. */
import type { Tables } from "./run.ts";

/** time: µs. delta: a 32-bit number, less the one before. u32, u16, u8: as it is; a larger one becomes the largest. */
export type Code = "time" | "delta" | "u32" | "u16" | "u8";

export type ColumnOf = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

interface Layout {
  readonly table: keyof Tables;
  readonly name: string;
  readonly code: Code;
}

const of = (table: keyof Tables, columns: Readonly<Record<string, Code>>): Layout[] =>
  Object.entries(columns).map(([name, code]) => ({ table, name, code }));

export const COLUMNS: readonly Layout[] = [
  ...of("packets", {
    time: "time",
    connection: "delta",
    from: "u8",
    seq: "delta",
    ack: "delta",
    length: "delta",
    window: "delta",
    flags: "u8",
    cause: "u16",
    received: "u16",
    dropped: "u16",
    delivered: "delta",
    arrived: "delta",
    queue: "u16",
    bits: "u8",
  }),
  ...of("metrics", {
    time: "time",
    owner: "delta",
    cwnd: "delta",
    ssthresh: "delta",
    inFlight: "delta",
    window: "delta",
    pacing: "delta",
    cause: "u16",
  }),
  ...of("trips", { time: "time", owner: "delta", sample: "delta", srtt: "delta", rttvar: "delta", rto: "delta" }),
  ...of("happenings", { time: "time", owner: "delta", what: "u8", a: "u32", b: "u32", cause: "u16" }),
  ...of("sacks", { row: "delta", left: "delta", right: "delta" }),
];
