import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Job } from "./job.ts";

/** Files that run when nothing else does: they compare real time with a kernel's. */
const ALONE = new Set(["test/kernel/kernel.test.ts"]);

/** Seconds of the slow ones on two quiet processors, and of processor time in them, for the first run on a machine; each run measures them anew. */
const KNOWN: Times = {
  "  lint": [5, 5],
  "  types": [5, 5],
  lint: [8, 6],
  "test/bench/exchange.test.ts": [8, 8],
  "test/bench/goodput.test.ts": [6, 5],
  "test/bench/hostile.test.ts": [10, 2],
  "test/bench/report.test.ts": [6, 6],
  "test/chaos/control.test.ts": [4, 0],
  "test/chaos/record.test.ts": [4, 2],
  "test/cli/bench.test.ts": [7, 4],
  "test/cli/captures.test.ts": [18, 8],
  "test/cli/descriptors.test.ts": [35, 11],
  "test/cli/drill.test.ts": [4, 3],
  "test/cli/explain.test.ts": [4, 4],
  "test/cli/hostile.test.ts": [19, 12],
  "test/cli/main.test.ts": [14, 7],
  "test/cli/narrow.test.ts": [11, 12],
  "test/cli/packets.test.ts": [6, 2],
  "test/cli/print.test.ts": [9, 10],
  "test/cli/pump.test.ts": [5, 2],
  "test/cli/replay.test.ts": [7, 4],
  "test/cli/sim.test.ts": [15, 12],
  "test/cli/user-controller.test.ts": [6, 6],
  "test/cli/web.test.ts": [6, 1],
  "test/device/tun.test.ts": [16, 7],
  "test/drill/calls.test.ts": [18, 14],
  "test/drill/mutants.test.ts": [6, 6],
  "test/drill/suite.test.ts": [9, 8],
  "test/driver/tun-driver.test.ts": [10, 2],
  "test/e2e/bench-versus.test.ts": [9, 9],
  "test/e2e/bench.test.ts": [25, 18],
  "test/e2e/capture.test.ts": [21, 15],
  "test/e2e/crowd.test.ts": [4, 4],
  "test/e2e/demo.test.ts": [32, 19],
  "test/e2e/endings.test.ts": [43, 13],
  "test/e2e/forwarding.test.ts": [24, 18],
  "test/e2e/interrupts.test.ts": [16, 5],
  "test/e2e/kernel.test.ts": [16, 11],
  "test/e2e/link-control.test.ts": [26, 12],
  "test/e2e/manners.test.ts": [12, 6],
  "test/e2e/no-loss.test.ts": [23, 13],
  "test/e2e/packets.test.ts": [4, 2],
  "test/e2e/privileges.test.ts": [13, 7],
  "test/e2e/queues.test.ts": [6, 5],
  "test/e2e/readme.test.ts": [16, 2],
  "test/e2e/run.test.ts": [22, 11],
  "test/e2e/slow-disk.test.ts": [4, 2],
  "test/e2e/slow-output.test.ts": [34, 13],
  "test/e2e/sudo.test.ts": [6, 3],
  "test/e2e/system-calls.test.ts": [5, 5],
  "test/e2e/tun-fd.test.ts": [5, 4],
  "test/e2e/udp.test.ts": [7, 5],
  "test/e2e/watch.test.ts": [60, 22],
  "test/explain/kernel.test.ts": [4, 2],
  "test/explain/truth.test.ts": [11, 8],
  "test/fuzz/fuzz.test.ts": [7, 7],
  "test/kernel/kernel.test.ts": [14, 14],
  "test/lessons/lessons.test.ts": [9, 8],
  "test/mutants/mutants.test.ts": [40, 40],
  "test/netup/boxed.test.ts": [100, 52],
  "test/netup/firewalls.test.ts": [18, 7],
  "test/netup/lab.test.ts": [40, 30],
  "test/newcomer/bare.test.ts": [15, 15],
  "test/node/behaviours.test.ts": [6, 3],
  "test/node/installed.test.ts": [30, 20],
  "test/node/over-tun.test.ts": [6, 4],
  "test/node/packages.test.ts": [60, 40],
  "test/node/reference.test.ts": [30, 20],
  "test/observe/capture-file.test.ts": [8, 2],
  "test/observe/readers.test.ts": [7, 2],
  "test/observe/writer.test.ts": [5, 1],
  "test/package/package.test.ts": [90, 80],
  "test/report/diff.test.ts": [7, 5],
  "test/report/page.test.ts": [45, 20],
  "test/report/verdict.test.ts": [6, 4],
  "test/run/pool.test.ts": [11, 2],
  "test/run/run.test.ts": [6, 3],
  "test/sim/goodput.test.ts": [80, 60],
  "test/sim/prediction.test.ts": [8, 8],
  "test/sim/swarm-on.test.ts": [18, 18],
  "test/sim/swarm.test.ts": [17, 14],
  "test/sim/transfer.test.ts": [8, 11],
  "test/socket/cost.test.ts": [9, 7],
  "test/socket/options.test.ts": [21, 14],
  "test/socket/sleep.test.ts": [4, 3],
  "test/socket/stack-group.test.ts": [20, 7],
  "test/stack/allocation.test.ts": [25, 18],
  "test/stack/half-open.test.ts": [6, 6],
  "test/stack/hostile-cost.test.ts": [4, 3],
  "test/stack/limits.test.ts": [8, 6],
  "test/stack/time-wait.test.ts": [16, 10],
  "test/tcp/congestion/suite.test.ts": [16, 9],
  "test/tcp/receive/right-sizing.test.ts": [10, 6],
  types: [14, 10],
};

/** An unknown file takes about this long, starting bun included, and does not wait. */
const OTHERWISE: Time = [0.5, 0.5];

/** From here on a file counts as slow, and does not run before the quick ones. */
const SLOW = 4;

/** A job that only waits takes this part of the place of one that computes. */
const LIGHTEST = 0.5;

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
