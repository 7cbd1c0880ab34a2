import { closeSync } from "node:fs";
import { type EventSink, jsonLine, type RunEvent } from "#observe/events";
import { RecordFile } from "./named-files.ts";
import { OutputClosed, outputFailure, STDOUT, writeWhole } from "./print.ts";

/** Characters of the events per write. */
const CHUNK = 1 << 16;

/** Writes events to a file in large pieces, and waits for a slow reader: for runs that nobody else waits for. */
export class EventWriter implements EventSink {
  readonly #path: string;
  readonly #fd: number;
  #waiting = "";
  /** µs at `t` 0: the time of the first event. */
  #start: number | undefined;
  events = 0;

  /** @param path "-": standard output. Throws CliError. */
  constructor(path: string) {
    this.#path = path === "-" ? "standard output" : path;
    this.#fd = path === "-" ? STDOUT : new RecordFile(path).open();
  }

  event(event: RunEvent): void {
    this.#start ??= event.time;
    if (event.event !== "run:started") this.events++;
    this.#waiting += `${jsonLine(event, this.#start)}\n`;
    if (this.#waiting.length > CHUNK) this.#flush();
  }

  close(): void {
    this.#flush();
    if (this.#fd !== STDOUT) closeSync(this.#fd);
  }

  #flush(): void {
    const text = this.#waiting;
    this.#waiting = "";
    try {
      writeWhole(this.#fd, text);
    } catch (error) {
      const failure = outputFailure(this.#path, error as NodeJS.ErrnoException);
      // If the reader of the events has gone, the rest of the output still has one.
      if (!(failure instanceof OutputClosed)) throw failure;
    }
  }
}
