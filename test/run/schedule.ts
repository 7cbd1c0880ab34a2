import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Job } from "./job.ts";

/** Files that run when nothing else does: they compare real time with a kernel's. */
const ALONE = new Set(["test/kernel/kernel.test.ts"]);

/** Seconds of the slow ones on two quiet processors, and of processor time in them, for the first run on a machine; each run measures them anew. */
const KNOWN: Times = {
  "  lint": [5, 5],
  "  types": [5, 5],
  "test/bench/exchange.test.ts": [9, 9],
  "test/bench/hostile.test.ts": [9, 9],
  "test/bench/report.test.ts": [5, 5],
  "test/chaos/chaos.test.ts": [5, 5],
  "test/cli/descriptors.test.ts": [18, 18],
  "test/cli/hostile.test.ts": [8, 8],
  "test/cli/main.test.ts": [7, 7],
  "test/cli/print.test.ts": [9, 9],
  "test/cli/sim.test.ts": [8, 8],
  "test/device/tun.test.ts": [6, 6],
  "test/drill/calls.test.ts": [6, 6],
  "test/drill/mutants.test.ts": [6, 6],
  "test/drill/suite.test.ts": [6, 6],
  "test/driver/tun-driver.test.ts": [9, 9],
  "test/e2e/bench-versus.test.ts": [9, 9],
  "test/e2e/bench.test.ts": [25, 25],
  "test/e2e/capture.test.ts": [14, 14],
  "test/e2e/demo.test.ts": [19, 19],
  "test/e2e/endings.test.ts": [36, 36],
  "test/e2e/forwarding.test.ts": [22, 22],
  "test/e2e/interrupts.test.ts": [11, 11],
  "test/e2e/kernel.test.ts": [22, 22],
  "test/e2e/link-control.test.ts": [16, 16],
  "test/e2e/manners.test.ts": [16, 16],
  "test/e2e/no-loss.test.ts": [20, 20],
  "test/e2e/privileges.test.ts": [8, 8],
  "test/e2e/readme.test.ts": [16, 16],
  "test/e2e/slow-output.test.ts": [14, 14],
  "test/fuzz/fuzz.test.ts": [5, 5],
  "test/kernel/kernel.test.ts": [14, 14],
  "test/mutants/mutants.test.ts": [13, 13],
  "test/netup/boxed.test.ts": [35, 35],
  "test/netup/firewalls.test.ts": [15, 15],
  "test/netup/lab.test.ts": [30, 30],
  "test/newcomer/bare.test.ts": [15, 15],
  "test/node/behaviours.test.ts": [5, 3],
  "test/node/ending.test.ts": [5, 2],
  "test/node/installed.test.ts": [8, 8],
  "test/node/packages.test.ts": [12, 8],
  "test/node/reference.test.ts": [9, 4],
  "test/observe/writer.test.ts": [6, 6],
  "test/run/pool.test.ts": [6, 6],
  "test/sim/goodput.test.ts": [15, 15],
  "test/sim/swarm.test.ts": [8, 8],
  "test/sim/transfer.test.ts": [5, 5],
  "test/stack/allocation.test.ts": [7, 7],
};

/** An unknown file takes about this long, starting bun included, and does not wait. */
const OTHERWISE: Time = [0.5, 0.5];

/** From here on a file counts as slow, and does not run before the quick ones. */
const SLOW = 4;

/** A job that only waits takes this part of the place of one that computes. */
const LIGHTEST = 0.3;

/** Seconds until a job ended, and of processor time in them. */
export type Time = readonly [seconds: number, processor: number];
export type Times = Readonly<Record<string, Time>>;

/** What each job took here last time. What cannot be read is not known: the first run writes it. */
export function readTimes(path: string): Times {
  try {
    const read: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Object.fromEntries(Object.entries(read as object).filter(([, time]) => isTime(time))) as Times;
  } catch {
    return {};
  }
}

function isTime(time: unknown): boolean {
  return Array.isArray(time) && time.length === 2 && time.every((n) => typeof n === "number" && n >= 0);
}

/** Keeps what the next run will expect. */
export function writeTimes(path: string, times: Times): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(times, null, 1)}\n`);
}

/** How a job of this name counts in the plan. */
export function planned(name: string, measured: Times): Pick<Job, "seconds" | "weight" | "alone"> {
  const [seconds, processor] = measured[name] ?? KNOWN[name] ?? OTHERWISE;
  const weight = Math.min(1, Math.max(LIGHTEST, processor / Math.max(seconds, 0.1)));
  return { seconds, weight: Math.round(weight * 100) / 100, alone: ALONE.has(name) };
}

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

/**
 * Takes the next job for which there is room out of those that wait: jobs with a weight of `atOnce` run at a time. Jobs that mostly wait weigh
 * less, and so run beside those that compute. undefined: none fits.
 */
export function takeNext(waiting: Job[], running: Iterable<Job>, atOnce: number): Job | undefined {
  let free = atOnce;
  for (const job of running) free -= weightOf(job, atOnce);
  const i = waiting.findIndex((job) => weightOf(job, atOnce) <= free + 1e-9);
  return i < 0 ? undefined : waiting.splice(i, 1)[0];
}

/** One at a time is one at a time. */
const weightOf = ({ weight }: Job, atOnce: number): number => (atOnce === 1 ? 1 : weight);

/** Seconds that jobs will take with so many at a time. */
export function total(jobs: readonly Job[], atOnce: number): number {
  const { together, alone } = inOrder(jobs);
  const waiting = [...together];
  const running = new Map<Job, number>();
  let now = 0;
  while (waiting.length + running.size > 0) {
    for (let job = takeNext(waiting, running.keys(), atOnce); job; job = takeNext(waiting, running.keys(), atOnce))
      running.set(job, now + job.seconds);
    now = Math.min(...running.values());
    for (const [job, end] of running) if (end <= now) running.delete(job);
  }
  return now + alone.reduce((sum, { seconds }) => sum + seconds, 0);
}
