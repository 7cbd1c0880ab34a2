/** Merges the events of the demo's host and peer and prints them. */
import { clockText } from "#observe/units";
import { DemoProgress, type Received } from "./demo-progress.ts";
import type { Role } from "./endpoint.ts";
import { dim, say, sayData, sayProgress, speechFailure, yellow } from "./terminal.ts";
import type { Manner } from "./voice.ts";

/** An event in the JSON lines of host and peer. */
export interface Told {
  readonly at: number;
  readonly event: string;
  readonly text?: string;
  readonly [fact: string]: unknown;
}

/** How long an event waits for an earlier one of the other program, ms. */
const SETTLE_MS = 60;

/** Sorts two streams of events by time, and prints them as text or passes them on as JSON. */
export class Stage {
  readonly #manner: Manner;
  /** Seconds since 1970: time 0 of the screen. */
  readonly began = Date.now() / 1000;
  #waiting: { readonly role: Role; readonly told: Told }[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly summaries: Partial<Record<Role, Told>> = {};
  /** How many bytes each of them received and verified. */
  readonly verified: Partial<Record<Role, number>> = {};
  /** Warnings of either program. */
  readonly warnings: string[] = [];
  /** The error of each program. */
  readonly errors: Partial<Record<Role, string>> = {};
  readonly #listeners: ((role: Role, told: Told) => void)[] = [];

  /** Called once if the output cannot be written any more. */
  onUnheard: (() => void) | null = null;
  readonly #progress: DemoProgress;

  /** @param size octets that each of them sends */
  constructor(manner: Manner, size: number) {
    this.#manner = manner;
    this.#progress = new DemoProgress(size);
    this.#timer = setInterval(() => this.#flush(Date.now() - SETTLE_MS), SETTLE_MS / 2);
  }

  /** Handles a line of one of them. */
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
    if (told.event === "verified") this.verified[role] = Number(told.bytes);
    if (told.event !== undefined) this.#waiting.push({ role, told });
    for (const listener of this.#listeners) listener(role, told);
  }

  /** Resolves when that program has reported this event. */
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
    if (speechFailure() === null) return;
    this.onUnheard?.();
    this.onUnheard = null;
  }

  #tell(role: Role, told: Told): void {
    if (this.#manner === "json") {
      sayData(JSON.stringify({ ...told, role }));
      return;
    }
    if (told.event === "warning") this.warnings.push(`${told.what}`);
    const why = told.why === "" ? "" : `: ${told.why}`;
    const text = told.event === "warning" ? `${yellow("warning")} ${told.what}${why}` : told.text;
    if (text === undefined || told.event === "listen") return;
    // --quiet shows warnings, too.
    if (this.#manner === "quiet" && told.event !== "warning") return;
    const time = (told.at - this.began) * 1e6;
    if (told.event === "interval") this.#progress.tell(role, told.received as Received, time);
    else say(`${dim(clockText(time))}  ${role} │ ${text}`);
  }
}
