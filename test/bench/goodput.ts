/**
 * Measures the atlas of goodput, docs/GOODPUT.md, with its pictures:
 *
 *     bun test/bench/goodput.ts              all that is in virtual time; a run that was interrupted goes on
 *     bun test/bench/goodput.ts kernel [N]   N of the kernel's figures that are missing (all), in real time, 50 s each; needs root and iperf3
 *     bun test/bench/goodput.ts held         the cells that a test holds
 *     bun test/bench/goodput.ts document     only writes the document again
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ROOT } from "../support/root.ts";
import { documentOf, SHARED, UNEQUAL } from "./goodput/document.ts";
import { share, shareUnequal, sharingCommand } from "./goodput/fairness.ts";
import { ALL_CELLS, keyOf } from "./goodput/grid.ts";
import { cellLines, HELD_CELLS } from "./goodput/held-cells.ts";
import { measureKernel, ourGoodput, PATHS } from "./goodput/kernel.ts";
import { delayPicture, lossPicture } from "./goodput/pictures.ts";
import {
  dropStale,
  type Results,
  type Row,
  readKernel,
  readResults,
  writeKernel,
  writeResults,
} from "./goodput/results.ts";

const WORKER = `${ROOT}test/bench/goodput/worker.ts`;
/** After so many cells the results are written. */
const SAVE_EVERY = 20;

const [what = "cells", most = "100"] = process.argv.slice(2);
const results = readResults();
const kernel = readKernel();
if (what === "cells") {
  dropStale(results);
  await measureCells(results);
  measureOthers(results);
} else if (what === "kernel") {
  await measureKernel(kernel, Number(most), () => writeKernel(kernel));
} else if (what === "held") {
  writeFileSync(HELD_CELLS, `${cellLines().join("\n")}\n`);
} else if (what !== "document") throw new Error(`cells, kernel, held or document, not ${what}`);
writeFileSync(`${ROOT}docs/GOODPUT.md`, documentOf(results, kernel));
writeFileSync(`${ROOT}docs/goodput-loss.svg`, lossPicture(results.cells));
writeFileSync(`${ROOT}docs/goodput-delay.svg`, delayPicture(results.cells));
const figures = ["goodput", "goodput-kernel"].map((name) => `${ROOT}docs/${name}.json`);
Bun.spawnSync([`${ROOT}node_modules/.bin/biome`, "format", "--write", ...figures], { cwd: ROOT });

/** One process for each processor takes its share of the missing cells. */
async function measureCells(results: Results): Promise<void> {
  const missing = ALL_CELLS.map(keyOf).filter((key) => !(key in results.cells));
  const workers = availableParallelism();
  const begun = performance.now();
  let done = 0;
  const work = async (i: number) => {
    const keys = missing.filter((_, at) => at % workers === i).join("\n");
    const child = Bun.spawn(["nice", "-n", "10", process.execPath, WORKER], {
      stdin: Buffer.from(keys),
      stdout: "pipe",
    });
    for await (const line of linesOf(child.stdout)) {
      const [key, row] = JSON.parse(line) as [string, Row];
      results.cells[key] = row;
      if (++done % SAVE_EVERY !== 0) continue;
      writeResults(results);
      console.log(`${done} of ${missing.length} cells, ${Math.round((performance.now() - begun) / 1000)} s`);
    }
    if ((await child.exited) !== 0) throw new Error("a worker failed");
  };
  await Promise.all(Array.from({ length: workers }, (_, i) => work(i)));
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** How flows share a bottleneck, and what the kernel's figures are compared with. */
function measureOthers(results: Results): void {
  const rounded = (rates: readonly number[]) => rates.map((rate) => Number(rate.toPrecision(4)));
  writeResults(results);
  for (const sharing of SHARED) {
    results.sharing[sharingCommand(sharing)] ??= rounded(share(sharing));
    writeResults(results);
  }
  for (const { key, cc, rtts, queue } of UNEQUAL) {
    results.sharing[key] ??= rounded(shareUnequal(cc, rtts, queue));
    writeResults(results);
  }
  for (const { cc, link } of PATHS) {
    results.beside[`${cc} ${link}`] ??= ourGoodput(cc, link);
    writeResults(results);
  }
}
