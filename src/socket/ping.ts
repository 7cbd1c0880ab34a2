import { MILLISECOND } from "#base/time";
import type { Address } from "#ip/address";
import { timeText } from "#observe/units";
import { ECHO_COUNT_MAX, ECHO_SIZE_MAX, type EchoOptions, type EchoResult, type EchoRun } from "#stack/echo";
import type { Stack } from "#stack/stack";
import { whole } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { microseconds } from "./options.ts";
import type { PingOptions, PingResult, PingSummary } from "./udp-types.ts";

/** Converts the user's options to the engine's. @throws CallError EINVAL. */
export function echoOptions({ count = 1, interval = 1_000, size = 56, timeout = 5_000 }: PingOptions): EchoOptions {
  return {
    count: whole("count", count, 1, ECHO_COUNT_MAX),
    interval: microseconds("interval", interval),
    size: whole("size", size, 0, ECHO_SIZE_MAX),
    timeout: microseconds("timeout", timeout),
  };
}

/** A ping that runs: collects the results of its echo requests. */
export class Ping {
  /** Who is asked: until it begins, perhaps a name. */
  address: string;
  readonly #engine: Stack;
  readonly #options: EchoOptions;
  readonly #onResult: ((result: PingResult) => void) | undefined;
  readonly #results: PingResult[] = [];
  readonly #summary = new Deferred<PingSummary>();
  #run: EchoRun | null = null;

  constructor(engine: Stack, address: string, options: EchoOptions, onResult?: (result: PingResult) => void) {
    this.#engine = engine;
    this.address = address;
    this.#options = options;
    this.#onResult = onResult;
  }

  get summary(): Promise<PingSummary> {
    return this.#summary.promise;
  }

  /** Begins to ask. @throws CallError EADDRNOTAVAIL, ENOBUFS. */
  begin(remote: Address, local: Address | null): void {
    this.address = remote.toString();
    this.#run = this.#engine.echo.start(remote, this.#options, local, this);
  }

  /** Ends it: the promise rejects. */
  cancel(reason: unknown): void {
    if (this.#run !== null) this.#engine.echo.cancel(this.#run);
    this.#summary.reject(reason);
  }

  /** Results came. True: those were the last. */
  onEvents(): boolean {
    const run = this.#run!;
    const { echo } = this.#engine;
    for (const result of echo.take(run)) this.#add(result);
    if (!echo.isOver(run)) return false;
    this.#summary.resolve(this.#sum(echo.local(run).toString()));
    return true;
  }

  #add(result: EchoResult): void {
    const { sequence, time, ttl } = result;
    const shown: PingResult =
      time >= 0
        ? { sequence, time: time / MILLISECOND, ttl, error: null }
        : { sequence, time: null, ttl: null, error: this.#error(result) };
    this.#results.push(shown);
    const tell = this.#onResult;
    // An exception in a callback must not end the engine's turn.
    if (tell !== undefined) queueMicrotask(() => tell(shown));
  }

  #error(result: EchoResult): ConnectionError {
    const { address } = this;
    if (result.error === 0) {
      return new ConnectionError("ETIMEDOUT", `${address} did not answer within ${timeText(this.#options.timeout)}`);
    }
    const code = this.#engine.echo.errorName(result);
    const from = `ICMP error from ${result.reporter}`;
    if (code === "EMSGSIZE") {
      const { size } = this.#options;
      return new ConnectionError(code, `${size} octets of data are too many for the path to ${address} (${from})`);
    }
    const why = code === "ENETUNREACH" ? ": no route" : code === "EACCES" ? ": forbidden" : "";
    return new ConnectionError(code, `${address} is unreachable (${from}${why})`);
  }

  #sum(localAddress: string): PingSummary {
    const results = this.#results.sort((a, b) => a.sequence - b.sequence);
    const times = results.flatMap(({ time }) => time ?? []);
    const none = times.length === 0;
    return {
      address: this.address,
      localAddress,
      sent: results.length,
      received: times.length,
      min: none ? null : Math.min(...times),
      average: none ? null : times.reduce((sum, time) => sum + time, 0) / times.length,
      max: none ? null : Math.max(...times),
      results,
    };
  }
}
