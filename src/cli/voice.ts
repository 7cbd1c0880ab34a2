import { EVENT_SCHEMA } from "#observe/events";
import { clockText, numberText } from "#observe/units";
import type { CliError } from "./cli-error.ts";
import { Crowd } from "./crowd.ts";
import { forUser } from "./program.ts";
import { dim, say, sayData, sayProgress, yellow } from "./terminal.ts";

/** The kind of output: text for people, JSON for programs, or errors only. */
export type Manner = "plain" | "json" | "quiet";

/** Kinds of warnings that remotes can cause at will. */
const WARNINGS: ReadonlySet<string> = new Set(["reset", "silent", "failed"]);

/** The facts of an event, for programs. Times are µs, sizes bytes. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * All messages of a running command, on standard error, as text for people or as one JSON object per
 * line (`schema`, `t` in seconds since the start, `at` in seconds since 1970, `event`, the facts, and the same words as `text`).
 */
export class Voice {
  #manner: Manner;
  readonly #began: number;
  readonly #out: (line: string) => void;
  readonly #crowd = new Crowd((kind, count, words) => this.#tellCrowd(kind, count, words));

  /** @param out prints JSON lines; default: like all messages. @param began when the command began, on this thread's clock, ms */
  constructor(manner: Manner, out: (line: string) => void = sayData, began = performance.now()) {
    this.#manner = manner;
    this.#began = began;
    this.#out = out;
  }

  get manner(): Manner {
    return this.#manner;
  }

  /** What was quiet until now speaks: for a summary. */
  speakUp(): void {
    if (this.#manner === "quiet") this.#manner = "plain";
  }

  /** When the command began, ms since 1970. */
  get began(): number {
    return performance.timeOrigin + this.#began;
  }

  /** When the command began, µs of this thread's clock, which is the driver's: events have their times on it. */
  get zero(): number {
    return this.#began * 1000;
  }

  /** µs since the command began. */
  now(): number {
    return (performance.now() - this.#began) * 1000;
  }

  /** Prints headings and other lines without a time; programs get `facts`. */
  lines(event: string, facts: Facts, lines: readonly string[]): void {
    if (this.admits(event)) this.tellLines(event, facts, lines);
  }

  /** Reports an event, now or at `t` µs since the command began. @param kind for counting in `Crowd` */
  event(event: string, facts: Facts, text: string, t = this.now(), kind = event): void {
    if (this.admits(kind)) this.#tell(event, facts, text, t);
  }

  /**
   * Whether to print an event of this kind. If not, it has been counted. For callers that make the text only then, and
   * print it by `tell` or `tellLines`.
   */
  admits(kind: string): boolean {
    return this.manner !== "quiet" && this.#crowd.admits(kind);
  }

  /** Prints an event that was admitted. */
  tell(event: string, facts: Facts, text: string, t = this.now()): void {
    this.#tell(event, facts, text, t);
  }

  /** Prints lines that were admitted. */
  tellLines(event: string, facts: Facts, lines: readonly string[]): void {
    if (this.manner === "plain") say(...lines);
    else this.#json(event, this.now(), facts, undefined);
  }

  /** Counts events of remotes that are not printed one by one. */
  count(event: string, n: number): void {
    if (this.manner !== "quiet") this.#crowd.count(event, n);
  }

  /** Prints the counts now, before a summary follows. */
  tellCounts(): void {
    this.#crowd.flush();
  }

  /**
   * Reports something that will cause problems, though nothing has failed yet.
   * @param kind for warnings that remotes can cause at will: "reset"
   */
  warn({ what, why, ...hint }: Pick<CliError, "what" | "why" | "fix">, kind?: string): void {
    if (kind === undefined || this.#crowd.admits(kind)) this.tellWarning({ what, why, ...hint });
  }

  /** Whether to print a warning of this kind. If not, it has been counted. */
  admitsWarning(kind: string): boolean {
    return this.#crowd.admits(kind);
  }

  tellWarning({ what, why, ...hint }: Pick<CliError, "what" | "why" | "fix">): void {
    const fix = forUser(hint.fix);
    if (this.manner === "json") this.#json("warning", this.now(), { what, why, fix }, undefined);
    else say(`${yellow("warning")} ${what}${why === "" ? "" : `: ${why}`}`, ...(fix === "" ? [] : [`        ${fix}`]));
  }

  /** The line that reports how many lines were dropped because of a slow reader. */
  gap(lines: number): string {
    if (this.manner === "json") return this.#jsonLine("gap", this.now(), { missing: lines }, undefined);
    return `… ${numberText(lines)} ${lines === 1 ? "line" : "lines"} not written: the reader was too slow`;
  }

  /** Redraws the progress line of a terminal. */
  progress(text: string): void {
    if (this.manner === "plain") sayProgress(text);
  }

  #tell(event: string, facts: Facts, text: string, t = this.now()): void {
    if (this.manner === "plain") say(`${dim(clockText(t))}  ${text}`);
    else this.#json(event, t, facts, text);
  }

  #tellCrowd(of: string, count: number, words: string): void {
    if (WARNINGS.has(of) && this.manner !== "json") this.warn({ what: words, why: "", fix: "" });
    else this.#tell("counted", { of, count }, `· ${words}`);
  }

  #json(event: string, t: number, facts: Facts, text: string | undefined): void {
    if (this.manner === "json") this.#out(this.#jsonLine(event, t, facts, text));
  }

  #jsonLine(event: string, t: number, facts: Facts, text: string | undefined): string {
    const at = (performance.timeOrigin + this.#began) * 1000 + t;
    const head = { schema: EVENT_SCHEMA, t: seconds(t), at: seconds(at), event };
    return JSON.stringify({ ...head, ...facts, ...(text === undefined ? {} : { text: Bun.stripANSI(text) }) });
  }
}

/** Whole microseconds as seconds, rounded as event files round them. */
function seconds(us: number): number {
  return Math.round(us) / 1e6;
}
