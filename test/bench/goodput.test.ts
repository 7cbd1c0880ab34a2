/** The atlas of goodput (docs/GOODPUT.md): some of its cells, its document, and what it is calculated with. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/root.ts";
import { documentOf } from "./goodput/document.ts";
import { jain } from "./goodput/fairness.ts";
import { ALL_CELLS, type Cell, CONTROLS, commandOf, keyOf, measure } from "./goodput/grid.ts";
import { cellLines, HELD_CELLS } from "./goodput/held-cells.ts";
import { delayPicture, lossPicture } from "./goodput/pictures.ts";
import { readKernel, readResults } from "./goodput/results.ts";

test("two dozen cells of the atlas are what they were", () => {
  const held = readFileSync(HELD_CELLS, "utf8").trimEnd().split("\n");
  const now = cellLines();
  expect(now.length).toBe(24);
  const changed = now.flatMap((line, i) => (line === held[i] ? [] : [`was ${held[i] ?? "nothing"}`, `is  ${line}`]));
  if (changed.length > 0)
    throw new Error(
      `Goodput has changed. If that is meant, renew the cells by \`bun test/bench/goodput.ts held\`, and docs/GOODPUT.md by \`just goodput\`.\n${changed.join("\n")}`,
    );
});

test("the command that the atlas gives for a cell replays it", async () => {
  const cell: Cell = { rate: 1, rtt: 100, loss: 1, queue: "1", cc: "bbr" };
  const child = Bun.spawn([...TCPNET, ...commandOf(cell), "--json"], { cwd: ROOT, stdout: "pipe" });
  const { flows, waiting } = JSON.parse(await child.stdout.text());
  const { goodput, p95, timeouts } = measure(cell);
  expect([flows[0].goodput, waiting.there.p95, flows[0].timeouts]).toEqual([goodput * 1e6, p95 * 1000, timeouts]);
});

test("the document and its pictures are what the figures make", () => {
  const results = readResults();
  const text = documentOf(results, readKernel());
  const file = (name: string) => readFileSync(`${ROOT}docs/${name}`, "utf8");
  expect(file("GOODPUT.md")).toBe(text);
  expect(file("goodput-loss.svg")).toBe(lossPicture(results.cells));
  expect(file("goodput-delay.svg")).toBe(delayPicture(results.cells));
  // A row for each loss and queue, by rate and round trip.
  const rows = text.match(/^\| [\d.]+ % \| .*\|$/gm) ?? [];
  expect(rows.length).toBe(ALL_CELLS.length / CONTROLS.length);
});

test("every cell of the atlas was measured", () => {
  const { cells } = readResults();
  expect(ALL_CELLS.map(keyOf).filter((key) => !(key in cells))).toEqual([]);
});

test("Jain's index", () => {
  expect(jain([5, 5, 5])).toBeCloseTo(1);
  expect(jain([1, 0, 0, 0])).toBeCloseTo(0.25);
  expect(jain([1, 3])).toBeCloseTo(0.8);
});
