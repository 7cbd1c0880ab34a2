import { EVENT_SCHEMA } from "#observe/events";
import { clockText, numberText } from "#observe/units";
import type { CliError } from "./cli-error.ts";
import { Crowd } from "./crowd.ts";
import { forUser } from "./program.ts";
import { dim, say, sayData, sayProgress, yellow } from "./terminal.ts";

/** How a command speaks: to people, to programs, or of errors alone. */
export type Manner = "plain" | "json" | "quiet";

/** Kinds of warnings that remotes can cause as often as they like. */
const WARNINGS: ReadonlySet<string> = new Set(["reset", "silent", "failed"]);

/** What happened, for programs. Times in it are µs, sizes bytes. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * Everything a running command says, on standard error: each thing once, as words for people or as one JSON object per
 * line (`schema`, `t` in seconds since the start, `at` in seconds since 1970, `event`, the facts, and the same words as `text`).
 */
export class Voice {
  readonly manner: Manner;
  readonly #began = performance.now();

  readonly #out: (line: string) => void;
  readonly #crowd = new Crowd((kind, count, words) => this.#tellCrowd(kind, count, words));

  /** @param out where JSON lines go, if not to where everything goes. */
  constructor(manner: Manner, out: (line: string) => void = sayData) {
    this.manner = manner;
    this.#out = out;
  }

  /** µs since the command began. */
  now(): number {
    return (performance.now() - this.#began) * 1000;
  }

  /** Headings and other lines without a time; programs hear `facts`. */
  lines(event: string, facts: Facts, lines: readonly string[]): void {
    if (this.admits(event)) this.tellLines(event, facts, lines);
  }

  /** Something that happened, now or at `t` µs since the command began. @param kind as which it is counted in a crowd. */
  event(event: string, facts: Facts, text: string, t = this.now(), kind = event): void {
    if (this.admits(kind)) this.#tell(event, facts, text, t);
  }

  /**
   * Whether an event of this kind is told; if not, it has been counted. For whoever makes words and facts only then, and
   * tells them by `tell` or `tellLines`.
   */
  admits(kind: string): boolean {
    return this.manner !== "quiet" && this.#crowd.admits(kind);
  }

  /** Tells an event that was admitted. */
  tell(event: string, facts: Facts, text: string): void {
    this.#tell(event, facts, text);
  }

  /** Tells lines that were admitted. */
  tellLines(event: string, facts: Facts, lines: readonly string[]): void {
    if (this.manner === "plain") say(...lines);
    else this.#json(event, this.now(), facts, undefined);
  }

  /** Some more of what remotes cause, which is not told one by one. */
  count(event: string, n: number): void {
    if (this.manner !== "quiet") this.#crowd.count(event, n);
  }

  /** Tells now what has only been counted: what follows sums it up. */
  tellCounts(): void {
    this.#crowd.flush();
  }

  /**
   * Something that will keep it from working, though nothing has failed yet.
   * @param kind of what remotes can cause as often as they like: "reset".
   */
  warn({ what, why, ...hint }: Pick<CliError, "what" | "why" | "fix">, kind?: string): void {
    if (kind === undefined || this.#crowd.admits(kind)) this.tellWarning({ what, why, ...hint });
  }

  /** Whether a warning of this kind is told; if not, it has been counted. */
  admitsWarning(kind: string): boolean {
    return this.#crowd.admits(kind);
  }

  tellWarning({ what, why, ...hint }: Pick<CliError, "what" | "why" | "fix">): void {
    const fix = forUser(hint.fix);
    if (this.manner === "json") this.#json("warning", this.now(), { what, why, fix }, undefined);
    else say(`${yellow("warning")} ${what}${why === "" ? "" : `: ${why}`}`, ...(fix === "" ? [] : [`        ${fix}`]));
  }

  /** The line that stands for those that a slow reader left no room for. */
  gap(lines: number): string {
    if (this.manner === "json") return this.#jsonLine("gap", this.now(), { missing: lines }, undefined);
    return `… ${numberText(lines)} ${lines === 1 ? "line" : "lines"} not written: the reader was too slow`;
  }

  /** The line at the bottom of a terminal, redrawn. */
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
    const at = (performance.timeOrigin + this.#began + t / 1000) / 1000;
    const head = { schema: EVENT_SCHEMA, t: round6(t / 1e6), at: round6(at), event };
    return JSON.stringify({ ...head, ...facts, ...(text === undefined ? {} : { text: Bun.stripANSI(text) }) });
  }
}

function round6(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
