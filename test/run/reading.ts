import type { Failure } from "./job.ts";

/** How many lines of a reason are kept: the first ones have the message, the last ones where it was. */
const FIRST_LINES = 25;
const LAST_LINES = 15;

function shortened(lines: readonly string[]): readonly string[] {
  const between = lines.length - FIRST_LINES - LAST_LINES;
  if (between <= 1) return lines;
  return [...lines.slice(0, FIRST_LINES), `… ${between} more lines …`, ...lines.slice(-LAST_LINES)];
}

/** What `bun test` prints on standard error, line by line: its counts, and for each failure the name and the reason. */
export class Reading {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly failures: Failure[] = [];
  readonly skips: string[] = [];
  /** The counts have come. */
  complete = false;
  readonly #replay: string;
  #since: string[] = [];
  /** bun lists the failures once more behind the last test. */
  #repeated = false;

  /** `replay`: the command that runs the file. */
  constructor(replay: string) {
    this.#replay = replay;
  }

  line(text: string): void {
    const count = /^\s*(\d+) (pass|fail|skip)$/.exec(text);
    const failed = /^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/.exec(text)?.[1];
    if (count !== null) this.#count(Number(count[1]), count[2]!);
    else if (/^\d+ tests? failed:$/.test(text)) this.#repeated = true;
    else if (text.startsWith("SKIPPED ")) this.skips.push(text.slice("SKIPPED ".length));
    else if (failed !== undefined) this.#failure(failed);
    else if (/^ +\^ /.test(text) && this.#since.length === 0) this.#overtime(text.trim());
    else if (text.trim() !== "" && !/^\S+\.test\.ts:$|^\((pass|skip)\) /.test(text)) this.#since.push(text);
  }

  #count(n: number, what: string): void {
    this.complete = true;
    if (what === "pass") this.passed = n;
    else if (what === "fail") this.failed = n;
    else this.skipped = n;
  }

  /** That a test took too long stands behind its name, everything else before it. */
  #overtime(text: string): void {
    const last = this.failures.at(-1);
    if (last === undefined || this.#repeated) return;
    this.failures[this.failures.length - 1] = { ...last, reason: [...last.reason, text.replace("^ ", "")] };
  }

  #failure(name: string): void {
    if (this.#repeated) return;
    // -t takes a regular expression, and a shell reads the line first.
    const own = name.split(" > ").at(-1)!;
    const pattern = own.replace(/[^\w ,:-]/g, ".");
    this.failures.push({ name, replay: `${this.#replay} -t '${pattern}'`, reason: shortened(this.#since) });
    this.#since = [];
  }
}
