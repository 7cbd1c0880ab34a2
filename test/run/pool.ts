import { type Job, type Result, RunningJob } from "./job.ts";
import { inOrder, takeNext } from "./schedule.ts";

/** Runs jobs, each in a process of its own, some at a time. */
export class Pool {
  readonly results: Result[] = [];
  readonly running = new Set<RunningJob>();
  readonly #cwd: string;
  readonly #limitMs: number;
  readonly #onEnd: (result: Result) => void;
  #stopped = false;

  /** `limitMs`: what no job may take. `onEnd` is told of each that has ended, but for those that `stop` ended. */
  constructor(cwd: string, limitMs: number, onEnd: (result: Result) => void) {
    this.#cwd = cwd;
    this.#limitMs = limitMs;
    this.#onEnd = onEnd;
  }

  /** Runs these jobs, so many at a time (see `takeNext`), and resolves when all have ended. */
  async run(jobs: readonly Job[], atOnce: number): Promise<void> {
    const { together, alone } = inOrder(jobs);
    const waiting = [...together];
    const working = new Map<Job, Promise<void>>();
    while (!this.#stopped && waiting.length + working.size > 0) {
      const job = takeNext(waiting, working.keys(), atOnce);
      if (job === undefined) await Promise.race(working.values());
      else
        working.set(
          job,
          this.#work(job).finally(() => working.delete(job)),
        );
    }
    await Promise.all(working.values());
    for (const job of alone) await this.#work(job);
  }

  /** Ends all that runs; nothing more begins. `run` resolves when it is done. */
  stop(): void {
    this.#stopped = true;
    for (const each of this.running) void each.end("was stopped");
  }

  async #work(job: Job): Promise<void> {
    if (this.#stopped) return;
    const result = await this.#run(job);
    if (this.#stopped) return;
    this.results.push(result);
    this.#onEnd(result);
  }

  async #run(job: Job): Promise<Result> {
    let running: RunningJob;
    try {
      running = new RunningJob(job, this.#cwd, this.#limitMs);
    } catch (error) {
      return broken(job, "could not be started", error);
    }
    this.running.add(running);
    try {
      return await running.result;
    } catch (error) {
      return broken(job, "could not be watched to its end", error);
    } finally {
      this.running.delete(running);
    }
  }
}

/** The program or the folder is not there any more, or the system has no descriptors left: the other jobs go on. */
function broken(job: Job, what: string, error: unknown): Result {
  const failure = { name: `${job.name} ${what}`, replay: job.replay, reason: [String(error)] };
  const counts = { passed: 0, failed: 1, skipped: 0, seconds: 0, processor: 0 };
  return { job, ...counts, failures: [failure], skips: [], output: "" };
}
