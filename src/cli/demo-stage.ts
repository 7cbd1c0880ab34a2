/** Merges the events of the demo's host and peer and prints them. */
import { clockText } from "#observe/units";
import { DemoProgress, type Figures } from "./demo-progress.ts";
import type { Role } from "./endpoint.ts";
import { dim, hasView, say, sayData, sayProgress, speechFailure, yellow } from "./terminal.ts";
import type { Manner } from "./voice.ts";

/** An event in the JSON lines of host and peer. */
export interface Message {
  readonly at: number;
  readonly event: string;
  readonly text?: string;
  readonly [fact: string]: unknown;
}

/** How long an event waits for an earlier one of the other program, ms. */
const SETTLE_MS = 60;

/** Not true of a demo, or told otherwise: the demo says where to connect, and SIGHUP ends it. */
const NOT_TOLD = new Set(["listen", "no-reopening"]);

/** Sorts two streams of events by time, and prints them as text or passes them on as JSON. */
export class Stage {
  readonly #manner: Manner;
  /** Seconds since 1970: time 0 of the screen. */
  readonly began = Date.now() / 1000;
  #waiting: { readonly role: Role; readonly message: Message }[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly summaries: Partial<Record<Role, Message>> = {};
  /** How many bytes each of them received and verified. */
  readonly verified: Partial<Record<Role, number>> = {};
  /** Warnings of either program. */
  readonly warnings: string[] = [];
  /** The error of each program. */
  readonly errors: Partial<Record<Role, string>> = {};
  readonly #listeners: ((role: Role, message: Message) => void)[] = [];

  /** Called once if the output cannot be written any more. */
  onUnheard: (() => void) | null = null;
  /** Takes the figures, instead of the progress line. */
  onInterval: ((role: Role, message: Message) => void) | null = null;
  readonly #progress: DemoProgress;

  /** @param size octets that each of them sends */
  constructor(manner: Manner, size: number) {
    this.#manner = manner;
    this.#progress = new DemoProgress(size);
    this.#timer = setInterval(() => this.#flush(Date.now() - SETTLE_MS), SETTLE_MS / 2);
  }

  /** Handles a line of one of them. */
  hear(role: Role, line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      this.errors[role] = line;
      return;
    }
    if (message.event === undefined)
      this.errors[role] = [message.what, message.why, message.fix].filter(Boolean).join("; ");
    if (message.event === "summary") this.summaries[role] = message;
    if (message.event === "verified") this.verified[role] = Number(message.bytes);
    if (message.event === "interval" && this.onInterval !== null) this.onInterval(role, message);
    else if (message.event !== undefined) this.#waiting.push({ role, message });
    for (const listener of this.#listeners) listener(role, message);
  }

  /** Resolves when that program has reported this event. */
  heard(role: Role, event: string): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.push((who, message) => {
        if (who === role && message.event === event) resolve();
      });
    });
  }

  end(): void {
    clearInterval(this.#timer);
    this.#flush(Number.POSITIVE_INFINITY);
    sayProgress("");
  }

  #flush(until: number): void {
    const due = this.#waiting
      .filter(({ message }) => message.at * 1000 <= until)
      .sort((a, b) => a.message.at - b.message.at);
    this.#waiting = this.#waiting.filter(({ message }) => message.at * 1000 > until);
    for (const { role, message } of due) this.#tell(role, message);
    if (speechFailure() === null) return;
    this.onUnheard?.();
    this.onUnheard = null;
  }

  #tell(role: Role, message: Message): void {
    if (this.#manner === "json") {
      sayData(JSON.stringify({ ...message, role }));
      return;
    }
    if (message.event === "warning") this.warnings.push(`${message.what}`);
    const why = message.why === "" ? "" : `: ${message.why}`;
    const text = message.event === "warning" ? `${yellow("warning")} ${message.what}${why}` : message.text;
    if (text === undefined || NOT_TOLD.has(message.event)) return;
    // Decisions are for the dashboard's log.
    if (this.onInterval !== null && message.event.includes(":") && !hasView()) return;
    // --quiet shows warnings, too.
    if (this.#manner === "quiet" && message.event !== "warning") return;
    const time = (message.at - this.began) * 1e6;
    if (message.event === "interval") this.#progress.tell(role, message as unknown as Figures, time);
    else say(`${dim(clockText(time))}  ${role} │ ${text}`);
  }
}
