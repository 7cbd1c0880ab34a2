import { clockText, numberText } from "#observe/units";
import type { CliError } from "./cli-error.ts";
import { forUser } from "./program.ts";
import { dim, say, sayProgress, yellow } from "./terminal.ts";

/** How a command speaks: to people, to programs, or of errors alone. */
export type Manner = "plain" | "json" | "quiet";

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

  /** @param out where JSON lines go, if not to where everything goes. */
  constructor(manner: Manner, out: (line: string) => void = say) {
    this.manner = manner;
    this.#out = out;
  }

  /** µs since the command began. */
  now(): number {
    return (performance.now() - this.#began) * 1000;
  }

  /** Headings and other lines without a time; programs hear `facts`. */
  lines(event: string, facts: Facts, lines: readonly string[]): void {
    if (this.manner === "plain") say(...lines);
    else this.#json(event, this.now(), facts, undefined);
  }

  /** Something that happened, now or at `t` µs since the command began. */
  event(event: string, facts: Facts, text: string, t = this.now()): void {
    if (this.manner === "plain") say(`${dim(clockText(t))}  ${text}`);
    else this.#json(event, t, facts, text);
  }

  /** Something that will keep it from working, though nothing has failed yet. */
  warn({ what, why, ...hint }: Pick<CliError, "what" | "why" | "fix">): void {
    const fix = forUser(hint.fix);
    if (this.manner === "json") this.#json("warning", this.now(), { what, why, fix }, undefined);
    else say(`${yellow("warning")} ${what}${why === "" ? "" : `: ${why}`}`, ...(fix === "" ? [] : [`        ${fix}`]));
  }

  /** The line that stands for those that a slow reader left no room for. */
  gap(lines: number): string {
    if (this.manner === "json") return this.#jsonLine("gap", this.now(), { lines }, undefined);
    return `… ${numberText(lines)} ${lines === 1 ? "line" : "lines"} not written: the reader was too slow`;
  }

  /** The line at the bottom of a terminal, redrawn. */
  progress(text: string): void {
    if (this.manner === "plain") sayProgress(text);
  }

  #json(event: string, t: number, facts: Facts, text: string | undefined): void {
    if (this.manner === "json") this.#out(this.#jsonLine(event, t, facts, text));
  }

  #jsonLine(event: string, t: number, facts: Facts, text: string | undefined): string {
    const at = (performance.timeOrigin + this.#began + t / 1000) / 1000;
    const head = { schema: "tcpnet.event/1", t: round6(t / 1e6), at: round6(at), event };
    return JSON.stringify({ ...head, ...facts, ...(text === undefined ? {} : { text }) });
  }
}

function round6(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
