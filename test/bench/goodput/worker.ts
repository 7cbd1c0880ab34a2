/** Measures each k-th of the cells whose keys come on standard input, and prints a line of JSON for each: `[key, row]`. */
import { ALL_CELLS, keyOf, measure } from "./grid.ts";
import { rowOf } from "./results.ts";

const keys = new Set((await Bun.stdin.text()).split("\n"));
for (const cell of ALL_CELLS) {
  const key = keyOf(cell);
  if (keys.has(key)) process.stdout.write(`${JSON.stringify([key, rowOf(measure(cell))])}\n`);
}
