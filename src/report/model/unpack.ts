/** The other direction of pack.ts. It runs in the page. */
import type { PackedColumn } from "./pack.ts";
import type { Tables } from "./run.ts";

export function unpack(columns: readonly PackedColumn[], bytes: Uint8Array): Tables {
  const tables: Record<string, Record<string, unknown>> = {};
  let o = 0;
  for (const { table, name, code, rows, size } of columns) {
    const part = bytes.subarray(o, o + size);
    o += size;
    const of = (tables[table] ??= {});
    if (code === "time") of[name] = times(part, rows);
    else if (code === "u8") of[name] = part;
    else if (code === "u16") of[name] = words16(part, rows);
    else of[name] = words32(part, rows, code === "delta", SIGNED.has(name));
  }
  return tables as unknown as Tables;
}

const SIGNED = new Set(["connection", "owner"]);

function words16(part: Uint8Array, rows: number): Uint16Array {
  const out = new Uint16Array(rows);
  for (let i = 0; i < rows; i++) out[i] = part[i]! | (part[rows + i]! << 8);
  return out;
}

function words32(part: Uint8Array, rows: number, isDelta: boolean, isSigned: boolean): Int32Array | Uint32Array {
  const out = isSigned ? new Int32Array(rows) : new Uint32Array(rows);
  let before = 0;
  for (let i = 0; i < rows; i++) {
    const word = part[i]! | (part[rows + i]! << 8) | (part[rows * 2 + i]! << 16) | (part[rows * 3 + i]! << 24);
    before = isDelta ? (before + word) | 0 : word;
    out[i] = before;
  }
  return out;
}

function times(part: Uint8Array, rows: number): Float64Array {
  const out = new Float64Array(rows);
  let before = 0;
  for (let i = 0; i < rows; i++) {
    const low = part[i]! + part[rows + i]! * 0x100 + part[rows * 2 + i]! * 0x1_0000 + part[rows * 3 + i]! * 0x100_0000;
    const high = part[rows * 4 + i]! + part[rows * 5 + i]! * 0x100;
    before = (before + low + high * 0x1_0000_0000) % 2 ** 48;
    out[i] = before;
  }
  return out;
}
