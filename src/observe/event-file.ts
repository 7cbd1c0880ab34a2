import type { Trace } from "#base/trace";
import { eventOf, jsonLine } from "./events.ts";
import { OutputFile, type OutputOptions } from "./output-file.ts";

/** What the first line of an event file says. */
export const EVENT_SCHEMA = "tcpnet.events/1";

const LINE_MAX = 4_096;
const encoder = new TextEncoder();

/**
 * An event file: NDJSON, a line that names the schema, then one event per line in the order in which they happened. Pictures
 * and reports are made from it.
 */
export class EventFile {
  events = 0;
  /** Events that the ring had no room for, or that a slow reader left no room for. */
  lost = 0;
  readonly #file: OutputFile;
  readonly #header: string;
  #overflow = 0;

  /** @param about what else the first line says: who, when, with which options. @throws OutputError */
  constructor(options: OutputOptions, about: Readonly<Record<string, unknown>> = {}) {
    this.#file = new OutputFile("the event file", options);
    this.#header = JSON.stringify({ schema: EVENT_SCHEMA, ...about });
    this.#put(this.#header);
  }

  /** Everything that was recorded since the ring was last drained. */
  read(trace: Trace): void {
    for (let i = 0; i < trace.size; i++) {
      if (this.#put(jsonLine(eventOf(trace, i)))) this.events++;
      else this.lost++;
    }
    const missed = trace.lost - this.#overflow;
    this.#overflow = trace.lost;
    this.lost += missed;
    if (missed > 0) this.#put(JSON.stringify({ event: "gap", records: missed }));
  }

  flush(): void {
    this.#file.flush();
  }

  reopen(): void {
    if (this.#file.reopen()) this.#put(this.#header);
  }

  close(): void {
    this.#file.close();
  }

  #put(line: string): boolean {
    const file = this.#file;
    if (!file.room(LINE_MAX)) return false;
    const { written } = encoder.encodeInto(line, file.u8.subarray(file.end, file.end + LINE_MAX - 1));
    file.u8[file.end + written] = 0x0a;
    file.commit(file.end + written + 1);
    return true;
  }
}
