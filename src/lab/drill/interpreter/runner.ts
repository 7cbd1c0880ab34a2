import type { Mark } from "#base/mark";
import { numeric, symbol } from "../constants/symbols.ts";
import {
  type Code,
  type Command,
  type Event,
  type Position,
  type Script,
  ScriptError,
  type Syscall,
  Unsupported,
} from "../language/ast.ts";
import { CALL_PATIENCE_USECS, deviation, type Moment, moment, seconds, tolerance } from "../language/timing.ts";
import { constantIn } from "../posix/information.ts";
import type { Outcome } from "../posix/sockets.ts";
import type { SystemTarget, Target, TargetSetup } from "../posix/target.ts";
import { CodeBlocks, type Variables } from "../python/code-blocks.ts";
import { linesOf, type Ran } from "../shell/answer.ts";
import { BenchHost } from "../shell/bench-host.ts";
import { NotUnderstood } from "../shell/expand.ts";
import { Shell } from "../shell/shell.ts";
import { Bench, Failure } from "./bench.ts";
import type { Config } from "./config.ts";
import { expect } from "./expect.ts";
import { inject } from "./inject.ts";

export type Status = "ok" | "fail" | "unsupported" | "error";

/** A packet that crossed the wire during a run. */
export interface Crossing {
  readonly time: number;
  readonly direction: "<" | ">";
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Why it was sent, or what it was for the stack; 0: not known. */
  readonly cause: Mark;
}

export interface Result {
  readonly status: Status;
  readonly position: Position | undefined;
  /** One line that says what is wrong. Empty for "ok". */
  readonly message: string;
  /** Further lines: expected and actual, field by field. */
  readonly details: readonly string[];
  /** Remarks that are not failures. */
  readonly notes: readonly string[];
  readonly packets: readonly Crossing[];
  /** Microseconds of script time. */
  readonly virtualUsecs: number;
}

/** Runs one script with a new engine, in virtual time. Never throws for errors of the script or the engine. */
export function run(script: Script, config: Config, newTarget: (setup: TargetSetup) => Target | SystemTarget): Result {
  const { profile, family, mtu, local, remote, seed } = config;
  const bench = new Bench(config, newTarget({ profile, family, mtu, local, remote, seed }));
  const runner = new Runner(script, bench);
  const end = (
    status: Status,
    position: Position | undefined,
    message: string,
    details: readonly string[] = [],
  ): Result => ({
    status,
    position,
    message,
    details,
    notes: bench.notes,
    packets: bench.packets,
    virtualUsecs: bench.now,
  });
  try {
    runner.all();
    return end("ok", undefined, "");
  } catch (error) {
    if (error instanceof Failure) return end("fail", error.position, error.message, error.details);
    if (error instanceof Unsupported) return end("unsupported", error.position, error.feature);
    if (error instanceof ScriptError) return end("error", error.position, error.message);
    throw error;
  }
}

interface Pending {
  readonly syscall: Syscall;
  readonly began: number;
  readonly end: number;
  readonly attempt: (now: number) => Outcome | undefined;
  outcome: Outcome | undefined;
  finished: number;
}

class Runner {
  #pending: Pending | undefined;
  #previous: { readonly event: Event; readonly at: number } | undefined;
  readonly #snapshots: { readonly code: Code; readonly variables: Variables }[] = [];

  readonly #shell: Shell;

  constructor(
    readonly script: Script,
    readonly bench: Bench,
  ) {
    this.#shell = new Shell(new BenchHost(bench));
    bench.onChange = () => this.#tryPending();
  }

  all(): void {
    try {
      for (const name of this.bench.config.initScripts)
        this.#command(name, { file: this.script.file, line: 1, column: 1 });
      if (this.script.init) this.#command(this.script.init.text, this.script.init.position);
      for (const event of this.script.events) this.#event(event);
      this.#finishPending();
      this.bench.endOfScript(this.script.events.at(-1)?.position);
      this.#code();
    } finally {
      if (this.script.cleanup) this.#cleanup(this.script.cleanup);
    }
  }

  /** Always runs, and must not replace an earlier error. */
  #cleanup(command: Command): void {
    try {
      this.#command(command.text, command.position);
    } catch (error) {
      if (!(error instanceof Unsupported || error instanceof Failure)) throw error;
      const what = error instanceof Unsupported ? `not understood: ${error.feature}` : "failed";
      this.bench.notes.push(`cleanup command ${what}`);
    }
  }

  #event(event: Event): void {
    const at = moment(event.time, this.#base(event));
    const before = this.#previous?.at ?? 0;
    const body = event.body;
    if (event.time.kind === "absolute" && at.from < before) {
      throw new ScriptError(
        event.position,
        `the time ${seconds(at.from)} is earlier than that of the previous event (${seconds(before)})`,
      );
    }
    if ("direction" in body && body.direction === ">")
      this.#attempt("packet", () => expect(this.bench, event, body, at, at.from - before));
    else if (body.kind === "syscall") this.#attempt("syscall", () => this.#act(event, at));
    else this.#act(event, at);
    this.#previous = { event, at: at.any ? this.bench.now : at.from };
  }

  /** With --non_fatal an error of this kind is noted, and the script continues. */
  #attempt(kind: "packet" | "syscall", act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof Failure) || !this.bench.config.nonFatal.has(kind)) throw error;
      this.bench.notes.push(`${error.position.line}: ${error.message} (not fatal)`);
    }
  }

  /** The time that a relative time counts from: now; for consecutive injected packets, the written time of the previous one. */
  #base(event: Event): number {
    const previous = this.#previous;
    const injected = (e: Event) => "direction" in e.body && e.body.direction === "<";
    return previous && injected(previous.event) && injected(event) ? previous.at : this.bench.now;
  }

  #act(event: Event, at: Moment): void {
    const body = event.body;
    this.bench.runTo(at.from);
    if (body.kind === "command") this.#command(body.text, body.position);
    else if (body.kind === "code") {
      this.#snapshots.push({ code: body, variables: this.bench.information() });
    } else if (body.kind === "syscall") this.#syscall(body, event, at.from);
    else inject(this.bench, body, event);
  }

  #syscall(syscall: Syscall, event: Event, at: number): void {
    this.#finishPending();
    const attempt = this.bench.systemCall(syscall);
    const outcome = attempt(this.bench.now);
    const written = event.time.kind === "absolute" ? 0 : at - (event.time.kind === "relative" ? event.time.from : 0);
    const end = syscall.end === undefined ? undefined : written + syscall.end;
    if (end !== undefined) {
      const pending = { syscall, began: at, end, attempt, outcome, finished: this.bench.now };
      this.#pending = pending;
      this.bench.settle();
      return;
    }
    if (!outcome)
      throw new Failure(syscall.position, `${syscall.name} blocks, but the script expects it to return at once`);
    this.#verify(syscall, outcome);
    this.bench.settle();
  }

  #tryPending(): void {
    const pending = this.#pending;
    if (!pending || pending.outcome) return;
    pending.outcome = pending.attempt(this.bench.now);
    pending.finished = this.bench.now;
    if (pending.outcome?.opened) this.#register(pending.syscall, pending.outcome);
  }

  /** A blocked call must return before the next one begins. */
  #finishPending(): void {
    const pending = this.#pending;
    if (!pending) return;
    const limit = Math.max(this.bench.now, pending.end) + CALL_PATIENCE_USECS;
    while (!pending.outcome && this.bench.step(limit));
    this.#pending = undefined;
    const { syscall, outcome } = pending;
    if (!outcome) throw new Failure(syscall.position, `${syscall.name} still blocks at ${seconds(this.bench.now)}`);
    this.#verify(syscall, outcome);
    const late = deviation(pending.finished, { from: pending.end, to: pending.end, any: false });
    if (Math.abs(late) > tolerance(pending.end - pending.began, this.bench.config)) {
      throw new Failure(syscall.position, `${syscall.name} returned at ${seconds(pending.finished)}`, [
        `expected: ${seconds(pending.end)}`,
        `actual:   ${seconds(pending.finished)}`,
      ]);
    }
  }

  #verify(syscall: Syscall, outcome: Outcome): void {
    const text = (result: number, errno: string | undefined) =>
      `${syscall.name}(…) = ${result}${errno ? ` ${errno}` : ""}`;
    if (syscall.result.kind !== "ellipsis") {
      const wanted = numeric(syscall.result);
      if (wanted === undefined) throw new Unsupported(`result of ${syscall.name}`, syscall.position);
      const sameError =
        syscall.errno === undefined || (outcome.errno !== undefined && symbol(outcome.errno) === this.#errno(syscall));
      const same = outcome.opened ? wanted >= 0 : outcome.result === wanted;
      if (!same || !sameError) {
        throw new Failure(
          syscall.position,
          `${syscall.name} returned ${outcome.opened ? "a descriptor" : outcome.result}`,
          [`expected: ${text(wanted, syscall.errno)}`, `actual:   ${text(outcome.result, outcome.errno)}`],
        );
      }
    }
    if (outcome.faults.length > 0)
      throw new Failure(syscall.position, `${syscall.name}: ${outcome.faults[0]}`, outcome.faults);
    if (outcome.opened) this.#register(syscall, outcome);
  }

  #errno(syscall: Syscall): number {
    const number = symbol(syscall.errno!);
    if (number === undefined) throw new Unsupported(`errno ${syscall.errno}`, syscall.position);
    return number;
  }

  /** Registers the new descriptor under the number that the script expects. */
  #register(syscall: Syscall, outcome: Outcome): void {
    const fd = numeric(syscall.result);
    if (fd === undefined || fd < 0 || !outcome.opened) return;
    // If the number is in use, the old descriptor stays open without a number.
    this.bench.table.set(fd, outcome.opened);
  }

  #command(text: string, position: Position): void {
    const ran = this.#run(text, position);
    if (ran.status !== 0) throw commandFailed(text, ran, position);
    this.bench.settle();
  }

  #run(text: string, position: Position): Ran {
    try {
      return this.#shell.run(text);
    } catch (error) {
      if (error instanceof NotUnderstood) throw new Unsupported(error.message, position);
      throw error;
    }
  }

  /** Code blocks run after the script, each with the values recorded at its time. */
  #code(): void {
    const blocks = new CodeBlocks((name) => constantIn(this.bench.config.profile, name));
    for (const { code, variables } of this.#snapshots) {
      const failure = blocks.run(code.text, variables, code.position);
      for (const line of blocks.printed.splice(0)) this.bench.notes.push(`${code.position.line}: printed ${line}`);
      if (failure !== undefined) throw new Failure(code.position, `assertion failed: ${failure}`);
    }
  }
}

/** How many lines of a command's output or input are shown. */
const LINES_SHOWN = 20;

/** Most scripts compare a counter at the end of a pipeline, so show the counter's value, the last program's input. */
function commandFailed(text: string, { status, text: wrote, refused }: Ran, position: Position): Failure {
  const found = refused ? linesOf(refused.input) : [];
  const one = found.length === 1 ? ` (${refused?.program} was given ${found[0]})` : "";
  const shown = (what: string, lines: readonly string[]) => lines.slice(-LINES_SHOWN).map((line) => `${what}: ${line}`);
  return new Failure(position, `the command failed: ${text.trim().replace(/\s+/g, " ")}${one}`, [
    `its exit status is ${status}`,
    ...(refused && found.length === 0 ? [`${refused.program} was given nothing`] : []),
    ...shown(`${refused?.program} was given`, found),
    ...shown("it wrote", linesOf(wrote)),
  ]);
}
