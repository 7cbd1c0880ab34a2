import type { RunEvent, RunStarted } from "./events.ts";
import { EVENT_SCHEMA } from "./events.ts";

/** A file is not an event file, or of another version. The message says why, and where. */
export class EventError extends Error {
  override readonly name = "EventError";
}

const PREFIX = EVENT_SCHEMA.slice(0, EVENT_SCHEMA.indexOf("/") + 1);

/** Reads the lines of one event file, in order. */
export class EventLines {
  /** Lines so far, and lines that could not be read: a torn last line, for example. */
  lines = 0;
  broken = 0;
  /** µs since 1970 at `t` 0 of the current run; null: virtual time. */
  epoch: number | null = null;
  readonly #name: string;
  #begun = false;

  /** @param name of the file, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** The event of a line; null for one that cannot be read. Throws EventError if the first line is no header. */
  read(line: string): RunEvent | null {
    this.lines++;
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return this.#bad();
    }
    if (typeof fields !== "object" || fields === null) return this.#bad();
    if (fields.event === "run:started") return this.#start(fields);
    if (!this.#begun) throw this.#foreign(fields);
    if (fields.event === "run:gap") {
      return { event: "run:gap", time: 0, who: "", missing: Number(fields.missing) || 0 };
    }
    const { t, cause = "none", ...rest } = fields;
    if (typeof t !== "number" || typeof rest.event !== "string" || typeof rest.who !== "string") return this.#bad();
    const time = Math.round(t * 1e6);
    const event =
      "connection" in rest || rest.event === "link:packet_dropped" ? { ...rest, cause, time } : { ...rest, time };
    return event as unknown as RunEvent;
  }

  #start({ schema, t: _, event: __, who, epoch, ...about }: Record<string, unknown>): RunStarted {
    if (schema !== EVENT_SCHEMA) throw this.#foreign({ schema });
    this.#begun = true;
    this.epoch = typeof epoch === "number" ? epoch : null;
    return { event: "run:started", time: 0, who: String(who), epoch: this.epoch, about };
  }

  #bad(): null {
    if (!this.#begun) throw new EventError(`${this.#name} is not an event file: its first line is not JSON`);
    this.broken++;
    return null;
  }

  #foreign({ schema, event }: Record<string, unknown>): EventError {
    if (typeof schema === "string" && schema.startsWith(PREFIX))
      return new EventError(
        `${this.#name} has ${event === undefined || schema !== EVENT_SCHEMA ? `the schema ${schema}` : "no beginning"}, and this program reads ${EVENT_SCHEMA}`,
      );
    return new EventError(`${this.#name} is not an event file: its first line names no schema ${EVENT_SCHEMA}`);
  }
}

/** Events of several sources in the order of their time. Within a source their order stays. */
export function* merged(sources: readonly Iterator<RunEvent>[]): Generator<RunEvent, void, void> {
  const heads = sources.map((source) => source.next());
  for (;;) {
    let first = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [i, head] of heads.entries()) {
      if (head.done === true || head.value.time >= earliest) continue;
      earliest = head.value.time;
      first = i;
    }
    if (first < 0) return;
    yield heads[first]!.value;
    heads[first] = sources[first]!.next();
  }
}
