import type { Trace } from "#base/trace";
import { EventFile } from "#observe/event-file";
import { eventsOf } from "#observe/events";
import { Words } from "#observe/words";
import type { SessionOptions } from "./session-options.ts";
import type { Voice } from "./voice.ts";

/** What the narrator tells anyway: segments and states. */
const TOLD = new Set(["state", "tx", "rx"]);

/** What is made of the stack's events besides the story: a file of all of them, and every decision in words. */
export class Explanation {
  readonly #voice: Voice;
  readonly #path: string | undefined;
  readonly #file: EventFile | null;
  readonly #words: Words | null;
  /** What the trace's clock is ahead of the voice's. */
  readonly #ahead: number;

  /** Begins the file. Throws OutputError. @param now the trace's clock at this moment */
  constructor({ events, explain, endpoint }: SessionOptions, voice: Voice, now: number) {
    this.#voice = voice;
    this.#path = events;
    this.#ahead = now - voice.now();
    this.#words = explain ? new Words() : null;
    const onEnd = ({ message, code }: Error & { code: string }) => {
      if (code !== "EPIPE") voice.warn({ what: message, why: "", fix: "" });
    };
    const { role, tun, local, remote } = endpoint;
    const about = { role, tun, local: `${local}`, remote: `${remote}` };
    this.#file = events === undefined ? null : new EventFile({ path: events, onEnd }, about);
  }

  get isWanted(): boolean {
    return this.#file !== null || this.#words !== null;
  }

  /** Everything recorded since the last time. */
  read(trace: Trace): void {
    this.#file?.read(trace);
    if (this.#words === null) return;
    for (const event of eventsOf(trace)) {
      const text = this.#words.tell(event);
      if (text === null || TOLD.has(event.event)) continue;
      const { time, ...facts } = event;
      this.#voice.event("decision", { ...facts, decision: facts.event }, `! ${text}`, time - this.#ahead);
    }
  }

  /** True if there is a file, which was begun anew. */
  reopen(): boolean {
    this.#file?.reopen();
    return this.#file !== null;
  }

  /** Completes the file, and says what is in it. */
  end(): void {
    const file = this.#file;
    if (file === null) return;
    file.flush();
    file.close();
    const { events, lost } = file;
    const left = lost > 0 ? `, ${lost} left out: the reader was too slow` : "";
    const where = this.#path === "-" ? "standard output" : this.#path;
    this.#voice.lines("events", { path: this.#path, events, lost }, [`  events  ${events} events${left} in ${where}`]);
  }
}
