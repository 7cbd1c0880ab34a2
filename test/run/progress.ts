import type { Job, Result } from "./job.ts";

/** Without a terminal a line is printed so often. */
const EVERY_MS = 15_000;
const REDRAW_MS = 250;

/** 4:05 */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}

/** "about 4 minutes", never less than one. */
export function about(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
}

export interface Standing {
  readonly seconds: number;
  /** What the whole is expected to take. */
  readonly expected: number;
  readonly ended: readonly Result[];
  readonly total: number;
  readonly running: readonly Job[];
}

/** `1:15 of about 3:40   63 of 149 files   2104 passed, 0 failed   e2e/kernel, sim/swarm` */
export function progressLine({ seconds, expected, ended, total, running }: Standing): string {
  const sum = (key: "passed" | "failed") => ended.reduce((n, each) => n + each[key], 0);
  const time = seconds <= expected ? `${clock(seconds)} of about ${clock(expected)}` : clock(seconds);
  const names = running.map(({ name }) => name.replace(/^test\/|\.test\.ts$/g, "")).join(", ");
  return `${time}   ${ended.length} of ${total} files   ${sum("passed")} passed, ${sum("failed")} failed   ${names}`;
}

/** Shows how far the run is: one line that changes on a terminal, and a line now and then elsewhere. */
export class Progress {
  readonly #line: () => string;
  readonly #terminal: boolean;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(line: () => string) {
    this.#line = line;
    this.#terminal = process.stderr.isTTY === true && process.env.TERM !== "dumb";
    this.#timer = setInterval(() => this.#show(), this.#terminal ? REDRAW_MS : EVERY_MS);
  }

  /** Prints something else, above the line. */
  print(text: string): void {
    if (this.#terminal) process.stderr.write("\r\x1b[K");
    console.log(text);
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#terminal) process.stderr.write("\r\x1b[K");
  }

  #show(): void {
    const line = this.#line();
    if (this.#terminal) process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    else console.log(line);
  }
}
