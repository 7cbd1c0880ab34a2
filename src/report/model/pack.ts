/**
 * The tables as one sequence of octets, for the page. Each column is delta-coded where neighbours are alike, and its octets are sorted by
 * significance, so that gzip finds what repeats: 2,000,000 packets become a few megabytes.
 */
import { COLUMNS, type Code, type ColumnOf } from "./layout.ts";
import type { Tables } from "./run.ts";

/** Where a column is, for the page. */
export interface PackedColumn {
  readonly table: keyof Tables;
  readonly name: string;
  readonly code: Code;
  readonly rows: number;
  /** Octets of its packed form. */
  readonly size: number;
}

export interface Packed {
  readonly columns: readonly PackedColumn[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function pack(tables: Tables): Packed {
  const parts: { readonly column: PackedColumn; readonly bytes: Uint8Array }[] = [];
  for (const { table, name, code } of COLUMNS) {
    const data = (tables[table] as unknown as Record<string, ColumnOf>)[name]!;
    const bytes = packColumn(data, code);
    parts.push({ column: { table, name, code, rows: data.length, size: bytes.length }, bytes });
  }
  const bytes = new Uint8Array(parts.reduce((n, part) => n + part.bytes.length, 0));
  let o = 0;
  for (const part of parts) {
    bytes.set(part.bytes, o);
    o += part.bytes.length;
  }
  return { columns: parts.map(({ column }) => column), bytes };
}

function packColumn(data: ColumnOf, code: Code): Uint8Array {
  if (code === "time") return packTime(data);
  const width = code === "u8" ? 1 : code === "u16" ? 2 : 4;
  const out = new Uint8Array(data.length * width);
  let before = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    const word = code === "delta" ? value - before : value;
    before = value;
    put(out, i, data.length, word, width);
  }
  return out;
}

/** Whole µs as 48 bits, less the time before. */
function packTime(data: ColumnOf): Uint8Array {
  const rows = data.length;
  const out = new Uint8Array(rows * 6);
  let before = 0;
  for (let i = 0; i < rows; i++) {
    const time = Math.round(data[i]!);
    const since = (time - before + TIME_MODULUS) % TIME_MODULUS;
    before = time;
    put(out, i, rows, since % 0x1_0000_0000, 4);
    const high = Math.floor(since / 0x1_0000_0000);
    out[rows * 4 + i] = high & 0xff;
    out[rows * 5 + i] = high >> 8;
  }
  return out;
}

/** Times are taken modulo this, µs: nine years. */
const TIME_MODULUS = 2 ** 48;

/** Puts the octets of a word, the lowest first, each into its own part of the column. */
function put(out: Uint8Array, row: number, rows: number, word: number, width: number): void {
  for (let k = 0; k < width; k++) out[rows * k + row] = (word >>> (8 * k)) & 0xff;
}
