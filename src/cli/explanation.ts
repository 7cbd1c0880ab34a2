import type { Trace } from "#base/trace";
import { EventFile } from "#observe/event-file";
import { eventsOf } from "#observe/events";
import type { OutputError } from "#observe/output-file";
import { counted } from "#observe/units";
import { Words } from "#observe/words";
import type { RecordFile } from "./named-files.ts";
import { tellIncomplete } from "./open-capture.ts";
import type { SessionOptions } from "./session-options.ts";
import type { Voice } from "./voice.ts";

/** Events that the narrator prints anyway: segments and states. */
const TOLD = new Set(["state", "tx", "rx"]);

/** Handles --events, a file of all events, and --explain, which prints every decision. */
export class Explanation {
  readonly #voice: Voice;
  readonly #path: string | undefined;
  readonly file: EventFile | null;
  readonly #words: Words | null;
  /** By how much the trace's clock is ahead of the voice's. */
  readonly #ahead: number;

  /** @param file for the events, unless they go to standard output. @param now the trace's time */
  constructor({ events, explain, endpoint }: SessionOptions, file: RecordFile | null, voice: Voice, now: number) {
    this.#voice = voice;
    this.#path = events;
    this.#ahead = now - voice.now();
    this.#words = explain ? new Words() : null;
    const onEnd = ({ message }: OutputError) => voice.warn({ what: message, why: "", fix: "" });
    const { role, tun, local, remote } = endpoint;
    const about = { role, tun, local: `${local}`, remote: `${remote}` };
    this.file =
      events === undefined ? null : new EventFile({ path: events, open: file?.open, onEnd }, about, this.#ahead);
  }

  get isWanted(): boolean {
    return this.file !== null || this.#words !== null;
  }

  /** Handles the records since the last call. */
  read(trace: Trace): void {
    this.file?.read(trace);
    if (this.#words === null) return;
    for (const event of eventsOf(trace)) {
      const text = this.#words.tell(event);
      if (text === null || TOLD.has(event.event)) continue;
      const { time, event: name, ...facts } = event;
      this.#voice.event(name, facts, `! ${text}`, time - this.#ahead, "decision");
    }
  }

  /** Closes the file and prints its summary. False if it is incomplete because of a write error. */
  async end(): Promise<boolean> {
    const file = this.file;
    if (file === null) return true;
    await file.close();
    const { events, lost, missed, error } = file;
    const facts = { path: this.#path, events, lost, missed };
    if (error !== null) {
      const missing = `${counted(missed, "event")} of ${events + missed} are missing`;
      tellIncomplete("the event file", this.#path, error, missing, this.#voice);
      this.#voice.lines("events", facts, []);
      return false;
    }
    const left = lost > 0 ? `, ${lost} were dropped because the reader was too slow` : "";
    const where = this.#path === "-" ? "standard output" : this.#path;
    this.#voice.lines("events", facts, [`  events  ${events} events written to ${where}${left}`]);
    return true;
  }
}
