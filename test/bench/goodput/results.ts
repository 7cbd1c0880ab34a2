/** docs/goodput.json: what was measured, and with which sources. A run that was interrupted goes on from it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { ROOT } from "../../support/root.ts";
import type { Figures } from "./grid.ts";
import type { KernelFigures } from "./kernel.ts";

const FILE = `${ROOT}docs/goodput.json`;
/** The rows beside the kernel are measured on their own: a machine with this kernel is needed. */
const KERNEL_FILE = `${ROOT}docs/goodput-kernel.json`;
/** What decides the figures. */
const SOURCES = [
  "src/{base,wire,ip,tcp,stack}/**/*.ts",
  "src/device/*.ts",
  "src/lab/sim/*.ts",
  "test/bench/goodput/{grid,fairness,kernel}.ts",
];

/** Mbit/s, ms, ms, percent, timeouts. */
export type Row = readonly [goodput: number, median: number, p95: number, resent: number, timeouts: number];

export interface Results {
  /** A hash of the sources, and the commit that was checked out. */
  sources: string;
  commit: string;
  cells: Record<string, Row>;
  /** By what was run: Mbit/s of each flow. */
  sharing: Record<string, readonly number[]>;
  /** Beside the kernel, by controller and link: Mbit/s by seed. */
  beside: Record<string, readonly number[]>;
}

/** Three digits are enough to see a change, and to compare. */
const round = (value: number) => Number(value.toPrecision(3));

export const rowOf = ({ goodput, median, p95, resent, timeouts }: Figures): Row => [
  Number(goodput.toPrecision(4)),
  round(median),
  round(p95),
  round(resent),
  timeouts,
];

function hashOfSources(): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const files = SOURCES.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })]).sort();
  for (const file of files) hasher.update(`${file}\n${readFileSync(ROOT + file, "utf8")}`);
  return hasher.digest("hex").slice(0, 16);
}

/** The results so far. */
export function readResults(): Results {
  return { sources: "", commit: "", cells: {}, sharing: {}, beside: {}, ...read<Results>(FILE) };
}

export function readKernel(): KernelFigures {
  return read(KERNEL_FILE) ?? { system: "", rows: [], sharing: [] };
}

function read<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

/** What other sources gave does not count. */
export function dropStale(results: Results): void {
  const sources = hashOfSources();
  const commit = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: ROOT }).stdout.toString().trim();
  if (results.sources !== sources) Object.assign(results, { sources, commit, cells: {}, sharing: {}, beside: {} });
}

export function writeResults({ sources, commit, cells, sharing, beside }: Results): void {
  const lines = (entries: readonly (readonly [string, unknown])[]) =>
    entries.map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(",\n");
  const parts = [
    `"sources": "${sources}"`,
    `"commit": "${commit}"`,
    `"cells": {\n${lines(Object.entries(cells).sort())}\n  }`,
    `"sharing": {\n${lines(Object.entries(sharing))}\n  }`,
    `"beside": {\n${lines(Object.entries(beside))}\n  }`,
  ];
  writeFileSync(FILE, `{\n  ${parts.join(",\n  ")}\n}\n`);
}

export function writeKernel({ system, rows, sharing }: KernelFigures): void {
  const lines = (list: readonly unknown[]) => list.map((each) => `    ${JSON.stringify(each)}`).join(",\n");
  const parts = [`"system": "${system}"`, `"rows": [\n${lines(rows)}\n  ]`, `"sharing": [\n${lines(sharing)}\n  ]`];
  writeFileSync(KERNEL_FILE, `{\n  ${parts.join(",\n  ")}\n}\n`);
}
