import { Histogram, type Percentiles } from "#base/histogram";
import { type Interval, Meter, type StreamTotal } from "./figures.ts";
import type { Parameters } from "./parameters.ts";
import type { RemoteResults } from "./results.ts";
import { type Quota, type Stream, take } from "./streams.ts";
import type { BenchInfo } from "./transport.ts";

export type Role = "client" | "server";

/** How often streams with a limited bandwidth may send, ms. */
const PACING_MS = 2;
/** A last interval that is shorter than this is not shown, s. */
const REST_MIN = 0.05;

/** Reports a running test, as text or as JSON. */
export interface Report {
  /** All data connections are open, and the test starts. */
  started(run: TestRun): void;
  interval(run: TestRun, interval: Interval): void;
  /** The test has ended. @param remote what the other side has counted; null if the test ended before it was sent */
  ended(run: TestRun, remote: RemoteResults | null, failure: Error | null): void;
}

/** One end of a control connection. */
export interface ControlEnds {
  readonly local: { readonly hostname: string; readonly port: number };
  readonly remote: { readonly hostname: string; readonly port: number };
}

/** Shares of one processor, in percent. */
export interface Cpu {
  readonly total: number;
  readonly user: number;
  readonly system: number;
}

/** A running test: its streams, clock and figures. Client and server have one each. */
export class TestRun {
  readonly role: Role;
  readonly parameters: Parameters;
  readonly cookie: string;
  readonly ends: ControlEnds;
  readonly streams: Stream[] = [];
  readonly quota: Quota = { left: Number.POSITIVE_INFINITY, onReached: null };
  /** Times of the requests of one interval; the streams record into it. */
  readonly times = new Histogram();
  readonly #allTimes = new Histogram();
  readonly #report: Report;
  /** Seconds between two intervals; 0: none. */
  readonly #every: number;
  #meter: Meter | null = null;
  #isOmitting = false;
  #started = 0;
  #stopped = 0;
  #ticks = 0;
  readonly #timers = new Set<NodeJS.Timeout>();
  #cpu = { at: 0, user: 0, system: 0 };
  /** Shares of the processor over the test; zeros before its end. */
  cpu: Cpu = { total: 0, user: 0, system: 0 };
  totals: readonly StreamTotal[] = [];
  congestion = "";

  constructor(role: Role, parameters: Parameters, cookie: string, about: RunOptions) {
    this.role = role;
    this.parameters = parameters;
    this.cookie = cookie;
    this.ends = about.ends;
    this.#report = about.report;
    this.#every = about.interval;
  }

  get isRunning(): boolean {
    return this.#meter !== null && this.#stopped === 0;
  }

  /** Times of all requests since the omitted part ended; null without requests, and at the server. */
  get percentiles(): Percentiles | null {
    return this.#allTimes.count === 0 ? null : this.#allTimes.percentiles();
  }

  /** The time that counts, s. */
  get seconds(): number {
    return this.#meter?.elapsed(this.#stopped || performance.now()).total ?? 0;
  }

  /** Streams that send from here, and those that are sent to here. */
  senders(): readonly StreamTotal[] {
    return this.totals.filter(({ stream }) => stream.isSender);
  }

  receivers(): readonly StreamTotal[] {
    return this.totals.filter(({ stream }) => !stream.isSender);
  }

  info(): BenchInfo | null {
    return this.streams.find(({ socket, isOver }) => socket !== null && !isOver)?.socket?.info() ?? null;
  }

  /** Starts clock and streams. */
  start(): void {
    const { omit, num, bandwidth } = this.parameters;
    const now = performance.now();
    this.#started = now;
    this.#meter = new Meter(this.streams, now);
    this.#isOmitting = omit > 0;
    // Data may arrive before the state that starts the test.
    if (omit === 0 && num > 0) this.quota.left = num - this.streams.reduce((n, { bytes }) => n + bytes, 0);
    this.#startCpu(now);
    this.congestion = this.info()?.congestionControl ?? "";
    this.#report.started(this);
    if (bandwidth > 0) this.#pace();
    for (const stream of this.streams) stream.start();
    take(this.quota, 0);
    if (omit > 0) this.after(omit, () => this.#endOmitting());
    this.#tick(now);
  }

  /** Calls `work` after so many seconds, unless the test has stopped. */
  after(seconds: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, seconds * 1000);
    this.#timers.add(timer);
  }

  /** Stops streams and clock, and reports the last interval. */
  stop(): void {
    if (!this.isRunning) return;
    const now = performance.now();
    const meter = this.#meter!;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const stream of this.streams) stream.stop();
    if (meter.elapsed(now).open >= REST_MIN) this.#tell(now);
    else {
      // Too short for a line of its own: it counts only in the sums.
      meter.interval(now, this.#isOmitting, null);
      this.#takeTimes();
    }
    this.#stopped = now;
    this.totals = meter.totals(now);
    this.#endCpu(now);
  }

  /** Reports the result. */
  end(remote: RemoteResults | null, failure: Error | null): void {
    this.stop();
    this.#report.ended(this, remote, failure);
  }

  #endOmitting(): void {
    const now = performance.now();
    if (this.#meter!.elapsed(now).open >= REST_MIN) this.#tell(now);
    this.#isOmitting = false;
    this.#meter!.restart(now);
    this.times.clear();
    this.#allTimes.clear();
    this.#started = now;
    this.#ticks = 0;
    const { num } = this.parameters;
    if (num > 0) this.quota.left = num;
    this.#startCpu(now);
  }

  /** Plans the next interval's end. */
  #tick(now: number): void {
    if (this.#every <= 0) return;
    this.#ticks++;
    const due = this.#started + this.#ticks * this.#every * 1000;
    const planned = this.#started;
    this.after(Math.max(0, due - now) / 1000, () => {
      const at = performance.now();
      // At the end of the omitted part the count starts over.
      if (planned === this.#started && this.#meter!.elapsed(at).open >= REST_MIN) this.#tell(at);
      this.#tick(at);
    });
  }

  #tell(now: number): void {
    const times = this.times.count === 0 ? null : this.times.percentiles();
    this.#takeTimes();
    this.#report.interval(this, this.#meter!.interval(now, this.#isOmitting, times));
  }

  #takeTimes(): void {
    this.#allTimes.add(this.times);
    this.times.clear();
  }

  #pace(): void {
    const began = performance.now();
    const octets = () => ((performance.now() - began) * this.parameters.bandwidth) / 8000;
    const turn = () => {
      const n = octets();
      for (const stream of this.streams) stream.pace(n);
      this.after(PACING_MS / 1000, turn);
    };
    turn();
  }

  #startCpu(now: number): void {
    this.#cpu = { at: now, ...process.cpuUsage() };
  }

  #endCpu(now: number): void {
    const { at, user, system } = this.#cpu;
    const used = process.cpuUsage();
    const share = (us: number) => (now > at ? us / (now - at) / 10 : 0);
    const [u, s] = [share(used.user - user), share(used.system - system)];
    this.cpu = { total: u + s, user: u, system: s };
  }
}

export interface RunOptions {
  readonly ends: ControlEnds;
  readonly report: Report;
  /** Seconds between two intervals; 0: none. */
  readonly interval: number;
}
