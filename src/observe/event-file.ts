import { type EventSink, jsonLine, type RunEvent, type RunStarted } from "./events.ts";
import { type OutputError, OutputFile, type OutputOptions } from "./output-file.ts";
import type { Units } from "./output-stream.ts";

const LINE_MAX = 4_096;
const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** Lines. Those other than events (the header and gaps) begin with their kind. */
const LINES: Units = {
  endOf: ({ u8 }, o) => u8.indexOf(NEWLINE, o) + 1,
  isCounted: ({ u8 }, o) => !NO_EVENTS.some((kind) => kind.every((byte, i) => u8[o + i] === byte)),
};
const NO_EVENTS: readonly (readonly number[])[] = ['{"schema":', '{"missing":'].map((text) => [
  ...encoder.encode(text),
]);

/**
 * An event file: NDJSON, a line that names the schema and the run, then one event per line in the order in which they happened. The stack
 * never waits: if a slow reader leaves no room, events are omitted, and a line says how many.
 */
export class EventFile implements EventSink {
  /** Events in the file; events omitted because the ring was full or the reader slow; events after writing failed. */
  events = 0;
  lost = 0;
  missed = 0;
  readonly #file: OutputFile;
  readonly #header: string;
  readonly #start: number;
  /** Events omitted since the last line. */
  #gap = 0;
  #closed: Promise<void> | undefined;

  /** @param about the first line: who, when, with which options. Its time is `t` 0. @throws OutputError */
  constructor(options: OutputOptions, about: RunStarted) {
    this.#file = new OutputFile("the event file", LINES, options);
    this.#start = about.time;
    this.#header = jsonLine(about, about.time);
    this.#put(this.#header);
  }

  /** Why writing failed; null if it did not. */
  get error(): OutputError | null {
    return this.#file.error;
  }

  event(event: RunEvent): void {
    if (event.event === "run:gap") {
      this.lost += event.missing;
      this.#gap += event.missing;
      this.#tellGap();
      return;
    }
    if (!this.#file.isOpen) {
      this.missed++;
      return;
    }
    if ((this.#gap === 0 || this.#tellGap()) && this.#put(jsonLine(event, this.#start))) {
      this.events++;
    } else if (this.#file.isOpen) {
      this.lost++;
      this.#gap++;
    } else {
      this.missed++;
    }
  }

  flush(): void {
    this.#file.flush();
  }

  /** Waits until everything so far is written, with a time limit. */
  drain(): Promise<void> {
    return this.#file.drain();
  }

  /** Makes a new file under the same name. Throws OutputError if that fails; then the old one stays in use. */
  reopen(): void {
    if (this.#file.reopen()) this.#put(this.#header);
  }

  /** Writes the rest and closes the file. Then the counts are final. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#gap > 0) this.#tellGap();
    await this.#file.close();
    const { lost, error } = this.#file;
    this.events -= lost;
    if (error === null) this.lost += lost;
    else this.missed += lost;
  }

  /** Writes a line about missing events as soon as there is room for it. */
  #tellGap(): boolean {
    if (!this.#put(JSON.stringify({ missing: this.#gap, event: "run:gap" }))) return false;
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
