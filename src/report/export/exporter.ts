/** The record of a run in the formats of other tools, written while it is read. */
import type { EventSink } from "#observe/events";

/** Takes pieces of the result, in order. */
export type Put = (text: string) => void;

export interface Exporter extends EventSink {
  /** Writes what comes after the last event. */
  end(): void;
}
