import type { Trace } from "#base/trace";
import { EVENT_SCHEMA, eventOf, jsonLine } from "./events.ts";
import { type OutputError, OutputFile, type OutputOptions } from "./output-file.ts";
import type { Units } from "./output-stream.ts";

const LINE_MAX = 4_096;
const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** Lines. Those that are no events begin with their kind: the head, and gaps. */
const LINES: Units = {
  endOf: ({ u8 }, o) => u8.indexOf(NEWLINE, o) + 1,
  isCounted: ({ u8 }, o) => !NO_EVENTS.some((kind) => kind.every((byte, i) => u8[o + i] === byte)),
};
const NO_EVENTS: readonly (readonly number[])[] = ['{"schema":', '{"missing":'].map((text) => [
  ...encoder.encode(text),
]);

/**
 * An event file: NDJSON, a line that names the schema, then one event per line in the order in which they happened. Pictures
 * and reports are made from it.
 */
export class EventFile {
  /** Events in the file; those that the ring or a slow reader left no room for; and those after the file took no more. */
  events = 0;
  lost = 0;
  missed = 0;
  readonly #file: OutputFile;
  readonly #header: string;
  readonly #start: number;
  #overflow = 0;
  /** Events that were left out since the last line. */
  #gap = 0;
  #closed: Promise<void> | undefined;

  /**
   * @param about what else the first line says: who, when, with which options.
   * @param start what the stack's clock showed at `t` 0, µs. @throws OutputError
   */
  constructor(options: OutputOptions, about: Readonly<Record<string, unknown>> = {}, start = 0) {
    this.#file = new OutputFile("the event file", LINES, options);
    this.#start = start;
    this.#header = JSON.stringify({ schema: EVENT_SCHEMA, event: "start", ...about });
    this.#put(this.#header);
  }

  /** Why the file took no more; null: it took all. */
  get error(): OutputError | null {
    return this.#file.error;
  }

  /** Everything that was recorded since the ring was last drained. */
  read(trace: Trace): void {
    for (let i = 0; i < trace.size; i++) this.#event(trace, i);
    const overwritten = trace.lost - this.#overflow;
    this.#overflow = trace.lost;
    this.lost += overwritten;
    this.#gap += overwritten;
    if (this.#gap > 0) this.#tellGap();
  }

  flush(): void {
    this.#file.flush();
  }

  /** Waits until everything so far is written, but not for ever. */
  drain(): Promise<void> {
    return this.#file.drain();
  }

  /** Begins the file anew under its name. Throws OutputError where it cannot be made; then the old one goes on. */
  reopen(): void {
    if (this.#file.reopen()) this.#put(this.#header);
  }

  /** Writes what is left; then the counts are final. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#file.close();
    const { lost, error } = this.#file;
    this.events -= lost;
    if (error === null) this.lost += lost;
    else this.missed += lost;
  }

  #event(trace: Trace, i: number): void {
    if (!this.#file.isOpen) {
      this.missed++;
      return;
    }
    if ((this.#gap === 0 || this.#tellGap()) && this.#put(jsonLine(eventOf(trace, i), this.#start))) {
      this.events++;
    } else if (this.#file.isOpen) {
      this.lost++;
      this.#gap++;
    } else {
      this.missed++;
    }
  }

  /** Where events are missing the file says so, as soon as there is room for that. */
  #tellGap(): boolean {
    if (!this.#put(JSON.stringify({ missing: this.#gap, event: "gap" }))) return false;
    this.#gap = 0;
    return true;
  }

  #put(line: string): boolean {
    const file = this.#file;
    if (!file.room(LINE_MAX)) return false;
    const { written } = encoder.encodeInto(line, file.u8.subarray(file.end, file.end + LINE_MAX - 1));
    file.u8[file.end + written] = NEWLINE;
    file.commit(file.end + written + 1);
    return true;
  }
}
