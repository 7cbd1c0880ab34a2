/**
 * A replay file: everything about one run, for a colleague. Its lines are a head, the events (docs/EVENTS.md), the captures in pieces, and an end,
 * by which a file that is not whole is known.
 */
import { type EventSink, jsonLine, type RunEvent } from "./events.ts";
import { BlockWriter, blockLines, ReplayError } from "./replay-blocks.ts";

const SCHEMA = "tcpnet.replay/1";
/** Octets of a capture per line. */
const PIECE = 96 << 10;

/** What a run was. */
export interface ReplayHead {
  /** "tcpnet 0.1.0" */
  readonly program: string;
  readonly command: string;
  readonly arguments: readonly string[];
  /** As they were typed, by their names in camel case. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[]>>;
  /** Files that the flags name, such as traces of links: name and text. */
  readonly files: Readonly<Record<string, string>>;
}

/** How the file ends. */
export interface ReplayEnd {
  readonly events: number;
  /** Of a simulation; null: the run cannot be repeated. */
  readonly digest: string | null;
}

interface Piece {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Keeps the lines in memory, compressed, until the run is over: nobody waits for a disk. */
export class ReplayRecord implements EventSink {
  readonly #blocks = new BlockWriter();
  /** µs at `t` 0: the time of the first event. */
  #start: number | undefined;
  #events = 0;

  constructor(head: ReplayHead) {
    this.#blocks.line(JSON.stringify({ schema: SCHEMA, ...head }));
  }

  event(event: RunEvent): void {
    this.#start ??= event.time;
    this.#events++;
    this.#blocks.line(jsonLine(event, this.#start));
  }

  /** Adds a piece of a capture; the pieces of one follow each other. */
  capture(name: string, data: Uint8Array): void {
    for (let at = 0; at < data.length; at += PIECE) {
      const base64 = Buffer.from(data.subarray(at, at + PIECE)).toString("base64");
      this.#blocks.line(JSON.stringify({ part: "capture", name, base64 }));
    }
  }

  /** The whole file. */
  end(digest: string | null): readonly Uint8Array[] {
    this.#blocks.line(JSON.stringify({ part: "end", events: this.#events, digest }));
    return this.#blocks.end();
  }
}

/** Reads a replay file: the head at once, then its events, then its end. */
export class ReplayReader {
  readonly head: ReplayHead;
  /** Known when all events were read. */
  end: ReplayEnd | null = null;
  /** Names of the captures so far. */
  readonly captures = new Set<string>();
  readonly #lines: Generator<string, void, void>;
  #events = 0;

  /** @param read the next octets of the file, exactly as many unless it ends. Throws ReplayError */
  constructor(read: (n: number) => Uint8Array) {
    this.#lines = blockLines(read);
    this.head = headOf(this.#lines.next().value ?? "");
  }

  /**
   * The lines of the events, in order. Throws ReplayError if the file is damaged or not whole.
   * @param onCapture takes the pieces of captures
   */
  *events(onCapture?: (piece: Piece) => void): Generator<string, void, void> {
    for (const line of this.#lines) {
      if (this.end !== null) throw new ReplayError("it is damaged: something follows its end");
      if (line.startsWith('{"part":')) this.#part(line, onCapture);
      else {
        this.#events++;
        yield line;
      }
    }
    const { end } = this;
    if (end === null) throw new ReplayError("it is not whole: its end is missing");
    if (end.events !== this.#events)
      throw new ReplayError(`it is damaged: ${this.#events} of ${end.events} events are there`);
  }

  #part(line: string, onCapture: ((piece: Piece) => void) | undefined): void {
    const { part, name, base64, events, digest } = JSON.parse(line) as Record<string, unknown>;
    if (part === "end") {
      this.end = { events: Number(events), digest: typeof digest === "string" ? digest : null };
    } else if (part === "capture") {
      this.captures.add(String(name));
      onCapture?.({ name: String(name), data: Buffer.from(String(base64), "base64") });
    }
  }
}

function headOf(line: string): ReplayHead {
  let head: Partial<ReplayHead> & { readonly schema?: unknown } = {};
  try {
    head = JSON.parse(line) as typeof head;
  } catch {
    // Told below.
  }
  const { schema, program, command, arguments: words, flags, files } = head;
  if (typeof schema === "string" && schema.startsWith("tcpnet.replay/") && schema !== SCHEMA)
    throw new ReplayError(`it has the format ${schema}, and this program reads ${SCHEMA}`);
  if (schema !== SCHEMA || typeof command !== "string")
    throw new ReplayError("it is compressed, but no replay file of tcpnet");
  return {
    program: String(program),
    command,
    arguments: Array.isArray(words) ? words.map(String) : [],
    flags: typeof flags === "object" && flags !== null ? flags : {},
    files: typeof files === "object" && files !== null ? files : {},
  };
}
