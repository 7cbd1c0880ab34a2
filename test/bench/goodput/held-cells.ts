/** Two dozen cells of the atlas that cost little, as lines of text; held-cells.txt has what a test expects. */
import { ROOT } from "../../support/root.ts";
import { type Cell, CONTROLS, keyOf, measure } from "./grid.ts";
import { rowOf } from "./results.ts";

export const HELD_CELLS = `${ROOT}test/bench/goodput/held-cells.txt`;

/** Links with few packets. */
const LINKS: readonly Omit<Cell, "cc">[] = [
  { rate: 1, rtt: 1, loss: 0, queue: "1" },
  { rate: 1, rtt: 20, loss: 1, queue: "4" },
  { rate: 1, rtt: 100, loss: 10, queue: "1" },
  { rate: 1, rtt: 300, loss: 0, queue: "codel" },
  { rate: 1, rtt: 300, loss: 3, queue: "0.5" },
  { rate: 100, rtt: 20, loss: 0.1, queue: "1" },
];
/** By the rate. A cell of the atlas lasts longer. */
const SECONDS: Readonly<Record<number, number>> = { 1: 12, 100: 2 };

export function cellLines(): string[] {
  return LINKS.flatMap((link) =>
    CONTROLS.map((cc) => {
      const cell = { ...link, cc };
      const [goodput, median, p95, resent, timeouts] = rowOf(measure(cell, SECONDS[cell.rate]));
      return `${keyOf(cell).padEnd(20)} ${goodput} Mbit/s, waiting ${median} / ${p95} ms, resent ${resent} %, timeouts ${timeouts}`;
    }),
  );
}
