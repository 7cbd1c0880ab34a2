/** Rows of a table by the number in one of its columns, so that many connections cost no more than one. */

interface Index {
  /** Where the rows of each number begin, less `least`. */
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
  readonly least: number;
}

const indexes = new WeakMap<Int32Array, Index>();

/** The rows that have `value` in the column, in their order. The column must not change any more. */
export function rowsBy(column: Int32Array, value: number): Uint32Array {
  let index = indexes.get(column);
  if (index === undefined) indexes.set(column, (index = indexOf(column)));
  const { starts, rows, least } = index;
  const i = value - least;
  return i < 0 || i + 1 >= starts.length ? rows.subarray(0, 0) : rows.subarray(starts[i]!, starts[i + 1]!);
}

function indexOf(column: Int32Array): Index {
  let least = 0;
  let most = -1;
  for (const value of column) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const starts = new Uint32Array(most - least + 2);
  for (const value of column) starts[value - least + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const next = starts.slice();
  const rows = new Uint32Array(column.length);
  for (let row = 0; row < column.length; row++) rows[next[column[row]! - least]!++] = row;
  return { starts, rows, least };
}
