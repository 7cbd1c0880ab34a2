/** --packets and --explain: prints the events of a run as lines, one per segment. */
import { type EventSink, jsonLine, type RunEvent } from "#observe/events";
import { clockText } from "#observe/units";
import { Words, type WordsOptions } from "#observe/words";
import { dim, hasView, say } from "./terminal.ts";
import type { Voice } from "./voice.ts";

export interface TellerOptions extends WordsOptions {
  /** Several connections: each line has the number of its connection. */
  readonly isNumbered?: boolean;
  /** Several stacks: each line has the name of its own. */
  readonly isNamed?: boolean;
}

/** A sink that prints what it takes, on the screen or as JSON: the same objects as in the file of --events, with their text. */
export function tellTo(voice: Voice, options: TellerOptions): EventSink {
  const line = lines(options);
  return {
    event(event) {
      const kind = kindOf(event);
      const text = line(event);
      if (text === null || !voice.admits(kind)) return;
      const { name, facts } = factsOf(event);
      voice.tell(name, facts, text, event.time - voice.zero);
    },
  };
}

/** The decisions alone, while somebody wants them. */
export function tellDecisionsTo(voice: Voice, isWanted: () => boolean): EventSink {
  const words = new Words();
  return {
    event(event) {
      const text = words.tell(event);
      if (text === null || kindOf(event) !== "decision" || !isWanted() || !voice.admits("decision")) return;
      const { name, facts } = factsOf(event);
      voice.tell(name, facts, `! ${text}`, event.time - voice.zero);
    },
  };
}

/** The decisions of several stacks, for a dashboard's log. */
export function decisions(): EventSink {
  const words = new Words();
  return {
    event(event) {
      const text = words.tell(event);
      if (text === null || !hasView() || kindOf(event) !== "decision") return;
      say(`${dim(clockText(event.time))}  ${owner(event, { isNamed: true })}! ${text}`);
    },
  };
}

/** Collects lines and writes them in large pieces. */
export interface Printing {
  readonly sink: EventSink;
  /** Writes the rest. */
  end(): void;
}

/** Columns of the names of the stacks: "right". */
const NAME = 5;

/** Characters of lines per write. */
const CHUNK = 1 << 16;

/** The same for a run that nobody else waits for: every line is written, with a time from the run's first event on, or as JSON. */
export function printTo(write: (text: string) => void, isJson: boolean, options: TellerOptions): Printing {
  const line = lines(options);
  let waiting = "";
  const end = () => {
    const text = waiting;
    waiting = "";
    if (text !== "") write(text);
  };
  const event = (event: RunEvent) => {
    const text = line(event);
    if (text === null) return;
    waiting += isJson
      ? `${jsonLine(Object.assign({}, event, { text }))}\n`
      : `${dim(clockText(event.time))}  ${text}\n`;
    if (waiting.length > CHUNK) end();
  };
  return { sink: { event }, end };
}

/** Makes the lines of events, without their times; null: nothing is to be said. */
export function lines(options: TellerOptions): (event: RunEvent) => string | null {
  const words = new Words({ ...options, packets: true });
  return (event) => {
    const text = words.tell(event);
    return text === null ? null : `${owner(event, options)}${sign(event)}${text}`;
  };
}

/** The fields of an event as in its file. */
function factsOf(event: RunEvent): { readonly name: string; readonly facts: Record<string, unknown> } {
  const { time: _, event: name, ...facts } = event;
  if ("cause" in facts && facts.cause === "none") return { name, facts: { ...facts, cause: undefined } };
  return { name, facts };
}

function kindOf(event: RunEvent): string {
  if ("resent" in event && event.resent) return "resent";
  if ("packet" in event || event.event.startsWith("transport:")) return "packet";
  return event.event === "connectivity:state_updated" ? "step" : "decision";
}

/** Of what is no packet: a decision, or a step. */
function sign(event: RunEvent): string {
  if ("packet" in event || event.event === "run:gap") return "";
  if (event.event === "transport:packet_sent" || event.event === "transport:packet_received") return "";
  return event.event === "connectivity:state_updated" ? "· " : "! ";
}

function owner(event: RunEvent, { isNumbered, isNamed }: TellerOptions): string {
  if (!("connection" in event)) return "";
  const number = isNumbered === true && event.connection >= 0 ? `#${event.connection}` : "";
  if (isNamed === true) return `${`${event.who}${number}`.padEnd(NAME)} │ `;
  return number === "" ? "" : `${number} `;
}
