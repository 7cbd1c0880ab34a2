/** The demo's two actors and the story that their events make. */
import { createHash, randomFillSync } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { clockText } from "#observe/units";
import { CliError, fileError } from "./cli-error.ts";
import type { Role } from "./endpoint.ts";
import { dim, say, sayProgress, yellow } from "./terminal.ts";
import type { Manner } from "./voice.ts";

/** An event as the actors' JSON lines have it. */
export interface Told {
  readonly at: number;
  readonly event: string;
  readonly text?: string;
  readonly [fact: string]: unknown;
}

/** How long an event waits for an earlier one of the other actor, ms. */
const SETTLE_MS = 60;

/** Puts two streams of events in one order, and tells them as a story or hands them on as JSON. */
export class Stage {
  readonly #manner: Manner;
  readonly #began = Date.now() / 1000;
  #waiting: { readonly role: Role; readonly told: Told }[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly summaries: Partial<Record<Role, Told>> = {};
  /** What either of them warned of. */
  readonly warnings: string[] = [];
  /** What each actor said when it failed. */
  readonly errors: Partial<Record<Role, string>> = {};
  readonly #listeners: ((role: Role, told: Told) => void)[] = [];

  constructor(manner: Manner) {
    this.#manner = manner;
    this.#timer = setInterval(() => this.#flush(Date.now() - SETTLE_MS), SETTLE_MS / 2);
  }

  /** A line of one of them. */
  hear(role: Role, line: string): void {
    let told: Told;
    try {
      told = JSON.parse(line) as Told;
    } catch {
      this.errors[role] = line;
      return;
    }
    if (told.event === undefined) this.errors[role] = [told.what, told.why, told.fix].filter(Boolean).join("; ");
    if (told.event === "summary") this.summaries[role] = told;
    if (told.event !== undefined) this.#waiting.push({ role, told });
    for (const listener of this.#listeners) listener(role, told);
  }

  /** Resolves when that one has said this. */
  heard(role: Role, event: string): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.push((who, told) => {
        if (who === role && told.event === event) resolve();
      });
    });
  }

  end(): void {
    clearInterval(this.#timer);
    this.#flush(Number.POSITIVE_INFINITY);
    sayProgress("");
  }

  #flush(until: number): void {
    const due = this.#waiting.filter(({ told }) => told.at * 1000 <= until).sort((a, b) => a.told.at - b.told.at);
    this.#waiting = this.#waiting.filter(({ told }) => told.at * 1000 > until);
    for (const { role, told } of due) this.#tell(role, told);
  }

  #tell(role: Role, told: Told): void {
    if (this.#manner === "json") {
      say(JSON.stringify({ ...told, role }));
      return;
    }
    if (told.event === "warning") this.warnings.push(`${told.what}`);
    const why = told.why === "" ? "" : `: ${told.why}`;
    const text = told.event === "warning" ? `${yellow("warning")} ${told.what}${why}` : told.text;
    if (text === undefined || told.event === "listen") return;
    // Whoever wants to hear of errors alone hears of warnings, too.
    if (this.#manner === "quiet" && told.event !== "warning") return;
    const line = `${dim(clockText((told.at - this.#began) * 1e6))}  ${role} │ ${text}`;
    if (told.event === "interval") sayProgress(line);
    else say(line);
  }
}

const BLOCK = 1 << 20;

/** Writes `size` random bytes. */
export function writeRandom(path: string, size: number): void {
  const block = Buffer.alloc(Math.min(BLOCK, Math.max(size, 1)));
  const fd = openSync(path, "w");
  try {
    for (let left = size; left > 0; ) left -= writeSync(fd, randomFillSync(block), 0, Math.min(left, block.length));
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const { what, why, exitCode } = fileError(path, code, message, "write");
    throw new CliError(exitCode, what, why, "send less (--size 1M), or put the files elsewhere: TMPDIR=/var/tmp");
  } finally {
    closeSync(fd);
  }
}

/** The SHA-256 of a file, in hexadecimal; "" where it does not exist. */
export function sha256(path: string): string {
  const hash = createHash("sha256");
  const block = Buffer.alloc(BLOCK);
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    for (let n = 0; (n = readSync(fd, block)) > 0; ) hash.update(block.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
