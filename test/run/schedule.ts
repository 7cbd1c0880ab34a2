import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Job } from "./job.ts";

/** Files that run when nothing else does: they compare real time with a kernel's. */
const ALONE = new Set(["test/kernel/kernel.test.ts"]);

/** Seconds of the slow ones on two quiet processors, for the first run on a machine; each run measures them anew. */
const SECONDS: Readonly<Record<string, number>> = {
  lint: 5,
  types: 5,
  "test/bench/exchange.test.ts": 9,
  "test/bench/hostile.test.ts": 9,
  "test/bench/report.test.ts": 5,
  "test/chaos/chaos.test.ts": 5,
  "test/cli/descriptors.test.ts": 18,
  "test/cli/hostile.test.ts": 8,
  "test/cli/main.test.ts": 7,
  "test/cli/print.test.ts": 9,
  "test/cli/sim.test.ts": 8,
  "test/device/tun.test.ts": 6,
  "test/drill/calls.test.ts": 6,
  "test/drill/mutants.test.ts": 6,
  "test/drill/suite.test.ts": 6,
  "test/driver/tun-driver.test.ts": 9,
  "test/e2e/bench-versus.test.ts": 9,
  "test/e2e/bench.test.ts": 25,
  "test/e2e/capture.test.ts": 14,
  "test/e2e/demo.test.ts": 19,
  "test/e2e/endings.test.ts": 36,
  "test/e2e/forwarding.test.ts": 22,
  "test/e2e/interrupts.test.ts": 11,
  "test/e2e/kernel.test.ts": 22,
  "test/e2e/link-control.test.ts": 16,
  "test/e2e/manners.test.ts": 16,
  "test/e2e/no-loss.test.ts": 20,
  "test/e2e/privileges.test.ts": 8,
  "test/e2e/readme.test.ts": 16,
  "test/e2e/slow-output.test.ts": 14,
  "test/fuzz/fuzz.test.ts": 5,
  "test/kernel/kernel.test.ts": 14,
  "test/mutants/mutants.test.ts": 13,
  "test/netup/boxed.test.ts": 35,
  "test/netup/firewalls.test.ts": 15,
  "test/netup/lab.test.ts": 30,
  "test/newcomer/bare.test.ts": 15,
  "test/observe/writer.test.ts": 6,
  "test/run/pool.test.ts": 6,
  "test/sim/goodput.test.ts": 15,
  "test/sim/swarm.test.ts": 8,
  "test/sim/transfer.test.ts": 5,
  "test/stack/allocation.test.ts": 7,
};

/** An unknown file takes about this long, starting bun included. */
const SECONDS_OTHERWISE = 0.5;

/** From here on a file counts as slow, and does not run before the quick ones. */
const SLOW = 4;

export type Seconds = Readonly<Record<string, number>>;

/** How long each job took here last time. What cannot be read is not known: the first run writes it. */
export function readSeconds(path: string): Seconds {
  try {
    const read: unknown = JSON.parse(readFileSync(path, "utf8"));
    const entries = Object.entries(read as object).filter(([, n]) => typeof n === "number" && n >= 0);
    return Object.fromEntries(entries) as Seconds;
  } catch {
    return {};
  }
}

/** Keeps what the next run will expect. */
export function writeSeconds(path: string, seconds: Seconds): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(seconds, null, 1)}\n`);
}

export const expected = (name: string, measured: Seconds): number =>
  measured[name] ?? SECONDS[name] ?? SECONDS_OTHERWISE;

export const runsAlone = (name: string): boolean => ALONE.has(name);

/**
 * The order in which jobs start. Quick ones first, as they were given, because most mistakes show there; then the slow ones,
 * the longest first, so that none is left over when the others have ended; then, one by one, those that run alone.
 */
export function inOrder(jobs: readonly Job[]): { readonly together: readonly Job[]; readonly alone: readonly Job[] } {
  const together = jobs.filter(({ alone }) => !alone);
  const quick = together.filter(({ seconds }) => seconds < SLOW);
  const slow = together.filter(({ seconds }) => seconds >= SLOW).sort((a, b) => b.seconds - a.seconds);
  return { together: [...quick, ...slow], alone: jobs.filter(({ alone }) => alone) };
}

/** Seconds that jobs will take with so many at a time. */
export function total(jobs: readonly Job[], atOnce: number): number {
  const { together, alone } = inOrder(jobs);
  const busyUntil = new Array<number>(atOnce).fill(0);
  for (const { seconds } of together) busyUntil[busyUntil.indexOf(Math.min(...busyUntil))]! += seconds;
  return Math.max(...busyUntil) + alone.reduce((sum, { seconds }) => sum + seconds, 0);
}
