/**
 * `bun run test`: installs what tests need, then checks style and types and runs every test file, each in a process of its
 * own and some side by side. The last line is `N passed, N failed`.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Job } from "./run/job.ts";
import { allJobs, withoutLong } from "./run/jobs.ts";
import { type Options, readOptions, USAGE } from "./run/options.ts";
import { Pool } from "./run/pool.ts";
import { about, clock, Progress, progressLine } from "./run/progress.ts";
import { readTimes, total, writeTimes } from "./run/schedule.ts";
import { setUp } from "./run/set-up.ts";
import { failureLines, slowest, summary } from "./run/summary.ts";
import { buildCommand, PROGRAM_VARIABLE } from "./support/built-program.ts";
import { packageSets } from "./support/npm.ts";
import { ROOT } from "./support/root.ts";
import { withSbin } from "./support/tools.ts";

const CACHE = join(ROOT, "node_modules/.cache");
const TIMES = join(CACHE, "tcpnet-test-times.json");

/** What no test file may take, however busy the machine is. */
const FILE_LIMIT_MS = 900_000;

/** They install Debian packages of firewalls in boxes. */
const FIREWALL_TESTS = "test/netup/boxed.test.ts";

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
type Signal = keyof typeof SIGNALS;

async function main(options: Options): Promise<number> {
  const measured = readTimes(TIMES);
  const found = allJobs(options.words, measured);
  const jobs = options.all || options.words.length > 0 ? found : withoutLong(found);
  if (jobs.length === 0) {
    console.log(`no test file has ${options.words.join(" or ")} in its path\n0 passed, 1 failed`);
    return 1;
  }
  const expected = total(jobs, options.jobs);
  const side = options.jobs === 1 ? "one at a time" : `${options.jobs} at a time`;
  const source = Object.keys(measured).length > 0 ? "going by the last run here" : "where nothing else runs";
  console.log(`${jobs.length} test files and checks, ${side}: ${about(expected)}, ${source}.`);
  const omitted = found.length - jobs.length;
  if (omitted > 0) console.log(`${omitted} long files are not run: --all runs them, as CI does.`);
  await setUp(
    options.setUp,
    jobs.some(({ name }) => name === FIREWALL_TESTS),
    packageSets().filter((set) => jobs.some(({ name }) => name.startsWith(`test/${set}/`))),
  );
  // Beside the sources, because tests hide /tmp from the program. They start it as other users as well.
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "tcpnet-test-"));
  chmodSync(folder, 0o755);
  try {
    process.env[PROGRAM_VARIABLE] = join(folder, "tcpnet");
    return await runAll(jobs, options.jobs, buildJob(join(folder, "tcpnet")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The program is built once, before every test that may want it. */
function buildJob(program: string): Job {
  const command = buildCommand(program);
  return { name: "build", kind: "check", command, seconds: 2, weight: 1, alone: false, replay: "bun run build" };
}

async function runAll(jobs: readonly Job[], atOnce: number, build: Job): Promise<number> {
  const expected = build.seconds + total(jobs, atOnce);
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const pool = new Pool(ROOT, FILE_LIMIT_MS, (result) => {
    for (const failure of result.failures) progress.print(failureLines(failure).join("\n"));
  });
  const progress = new Progress(() =>
    progressLine({
      seconds: seconds(),
      expected,
      ended: pool.results,
      total: jobs.length + 1,
      running: [...pool.running].map(({ job }) => job),
    }),
  );
  let signal: Signal | undefined;
  onSignal((name) => {
    signal ??= name;
    pool.stop();
  });
  await pool.run([build], 1);
  await pool.run(jobs, atOnce);
  progress.close();
  if (signal !== undefined) {
    console.log(`ended by ${signal} after ${pool.results.length} of ${jobs.length + 1}; nothing of it runs any more`);
    return 128 + SIGNALS[signal];
  }
  keepTimes(pool);
  console.log(`\n${clock(seconds())} in all; the longest: ${slowest(pool.results, 5)}`);
  for (const line of summary(pool.results)) console.log(line);
  return pool.results.some(({ failed }) => failed > 0) ? 1 : 0;
}

function onSignal(work: (signal: Signal) => void): void {
  for (const signal of Object.keys(SIGNALS) as Signal[]) process.on(signal, () => work(signal));
}

/** The next run expects what this one took, but for what failed or was skipped, which takes another time. */
function keepTimes(pool: Pool): void {
  const round = (seconds: number) => Math.round(seconds * 10) / 10;
  const good = pool.results.filter(({ failed }) => failed === 0);
  const times = good.map(({ job, seconds, processor }) => [job.name, [round(seconds), round(processor)]] as const);
  writeTimes(TIMES, { ...readTimes(TIMES), ...Object.fromEntries(times) });
}

const options = readOptions(process.argv.slice(2));
if (options === null) {
  console.log(USAGE);
  process.exit(2);
}
process.env.PATH = withSbin(process.env.PATH);
process.exit(await main(options));
