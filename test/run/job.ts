import { commandOf, endJob, processesOf } from "./processes.ts";
import { Reading } from "./reading.ts";

/** One process of the test run. */
export interface Job {
  /** The file of tests, or what is checked. */
  readonly name: string;
  /** A check has no tests: it is right or wrong as a whole. */
  readonly kind: "tests" | "check";
  readonly command: readonly string[];
  /** How long it is expected to take. */
  readonly seconds: number;
  /** 1 if it computes all the time, less if it also waits: so many processes can run beside each other. */
  readonly weight: number;
  /** It runs when nothing else does. */
  readonly alone: boolean;
  /** What somebody types to run it once more. */
  readonly replay: string;
}

export interface Failure {
  readonly name: string;
  readonly replay: string;
  readonly reason: readonly string[];
}

export interface Result {
  readonly job: Job;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Seconds of processor time, of the process and of those that it waited for: the same on a busy machine. */
  readonly processor: number;
  readonly failures: readonly Failure[];
  /** Why tests were skipped, as `testUnless` printed it. */
  readonly skips: readonly string[];
  /** All that the process printed. */
  readonly output: string;
}

/** How many of the last lines tell what happened when no test says it. */
const TAIL_LINES = 40;

/** How long the output of a job that has ended may go on. */
const OUTPUT_MS = 5000;

/** All processes of a job have it in their environment, whoever their parent is now. */
const JOB_VARIABLE = "TCPNET_TEST_JOB";

export class RunningJob {
  readonly job: Job;
  readonly result: Promise<Result>;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #id = crypto.randomUUID();
  readonly #began = performance.now();
  #output = "";
  /** Why it was killed, and what ran then. */
  #word = "";
  #ran: string[] = [];

  /** After `limitMs` it is killed, and has failed. */
  constructor(job: Job, cwd: string, limitMs: number) {
    this.job = job;
    const env = { ...process.env, [JOB_VARIABLE]: this.#id };
    this.#child = Bun.spawn([...job.command], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const timer = setTimeout(() => void this.end(`did not end within ${limitMs / 1000} s and was killed`), limitMs);
    this.result = this.#run().finally(() => clearTimeout(timer));
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Kills all processes of the job, which makes it a failure; `word` says why. */
  async end(word: string): Promise<void> {
    if (this.#word === "")
      this.#ran = processesOf(this.#root, this.#variable).map((pid) => `it ran: ${commandOf(pid)}`);
    this.#word ||= word;
    await this.#sweep();
  }

  #sweep(): Promise<void> {
    return endJob(this.#root, this.#variable);
  }

  /** Once the child has been waited for, its number may be another's: only the variable tells then. */
  get #root(): number | null {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : null;
  }

  get #variable(): string {
    return `${JOB_VARIABLE}=${this.#id}`;
  }

  async #run(): Promise<Result> {
    const reading = new Reading(this.job.replay);
    const streams = Promise.all([
      this.#read(this.#child.stdout, () => {}),
      this.#read(this.#child.stderr, (line) => reading.line(line)),
    ]);
    await this.#child.exited;
    // What a test left behind would disturb the next one, and keep its output open.
    await this.#sweep();
    // One that has cleared its environment is not found.
    const isRead = await Promise.race([streams.then(() => true), Bun.sleep(OUTPUT_MS).then(() => false)]);
    if (!isRead) this.#word ||= "left a process behind that keeps its output open";
    return this.#judge(reading);
  }

  async #read(stream: ReadableStream<Uint8Array>, onLine: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      this.#output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(Bun.stripANSI(line));
    }
    onLine(Bun.stripANSI(rest));
  }

  #judge(reading: Reading): Result {
    const { job, seconds } = this;
    const output = this.#output;
    const failures = [...reading.failures];
    const word = this.#word || this.#wentWrong(reading);
    if (word !== "" || reading.failed > failures.length) {
      const reason = [...output.trimEnd().split("\n").slice(-TAIL_LINES), ...this.#ran];
      failures.push({ name: `${job.name} ${word || "failed outside of its tests"}`, replay: job.replay, reason });
    }
    const passed = job.kind === "check" && failures.length === 0 ? 1 : reading.passed;
    const failed = Math.max(reading.failed, failures.length);
    const processor = Number(this.#child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    const { skipped, skips } = reading;
    return { job, passed, failed, skipped, seconds, processor, failures, skips, output };
  }

  /** How it ended if no failed test explains that, or "". */
  #wentWrong(reading: Reading): string {
    const { exitCode, signalCode } = this.#child;
    if (signalCode !== null) return `was killed by ${signalCode}`;
    if (this.job.kind === "check") return exitCode === 0 ? "" : "failed";
    if (!reading.complete) return `ended with exit code ${exitCode} before it counted its tests`;
    if (reading.passed + reading.failed + reading.skipped === 0) return "has no test";
    return exitCode !== 0 && reading.failed === 0 ? `ended with exit code ${exitCode}, though no test failed` : "";
  }
}
