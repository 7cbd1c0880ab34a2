import { type EventSink, jsonLine, type RunEvent } from "#observe/events";
import { OutputClosed } from "./print.ts";
import { ResultFile } from "./result-file.ts";

/** Writes events to a file in large pieces, and waits for a slow reader: for runs that nobody else waits for. */
export class EventWriter implements EventSink {
  readonly #file: ResultFile;
  /** µs at `t` 0: the time of the first event. */
  #start: number | undefined;
  events = 0;

  /** @param path "-": standard output. Throws CliError. */
  constructor(path: string) {
    this.#file = new ResultFile(path);
  }

  event(event: RunEvent): void {
    this.#start ??= event.time;
    if (event.event !== "run:started") this.events++;
    const line = `${jsonLine(event, this.#start)}\n`;
    this.#unlessClosed(() => this.#file.put(line));
  }

  close(): void {
    this.#unlessClosed(() => this.#file.close());
  }

  /** If the reader of the events has gone, the rest of the program's output still has one. */
  #unlessClosed(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof OutputClosed)) throw error;
    }
  }
}
