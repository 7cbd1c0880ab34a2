/** What a link did to packets, in words. */
import { type Mark, markByName, markMeaning } from "#base/mark";
import * as marks from "#device/link-marks";
import type { LinkEvent } from "./link-events.ts";
import { segmentLine, segmentName } from "./segment-words.ts";

/** Packets on links whose names are kept; the oldest are forgotten first. */
const PACKETS_MAX = 100_000;

/** By event: the mark whose meaning it has. */
const MARKS: Readonly<Record<string, Mark>> = {
  "link:packet_duplicated": marks.LINK_DUPLICATED,
  "link:packet_reordered": marks.LINK_REORDERED,
  "link:packet_corrupted": marks.LINK_CORRUPTED,
  "link:packet_marked": marks.LINK_MARKED,
};

/** Names each packet by its segment when something happens to it. */
export class LinkWords {
  /** By direction and number. */
  readonly #packets = new Map<string, string>();
  readonly #isWire: boolean;

  /** @param isWire there is no stack that tells of the segments, so that each packet offered to the link is a line */
  constructor(isWire: boolean) {
    this.#isWire = isWire;
  }

  /** A line; null if nothing is to be said: the packet was offered, or delivered. */
  tell(event: LinkEvent): string | null {
    const key = `${event.who} ${event.packet}`;
    if (event.event === "link:packet_offered") {
      const name = "seq" in event ? segmentName(event) : event.text;
      this.#packets.set(key, name);
      if (this.#packets.size > PACKETS_MAX) this.#packets.delete(this.#packets.keys().next().value!);
      if (!this.#isWire) return null;
      const queued = event.queue > 0 ? `${event.queue} before it in the queue` : "";
      if ("seq" in event) return segmentLine(event.who, event, queued);
      return `${event.who} ${event.text}${queued === "" ? "" : `   ${queued}`}`;
    }
    const name = this.#packets.get(key) ?? `packet ${event.packet}`;
    if (event.event === "link:packet_delivered") {
      this.#packets.delete(key);
      return null;
    }
    const isDrop = event.event === "link:packet_dropped";
    if (isDrop) this.#packets.delete(key);
    const mark = isDrop ? markByName(event.cause) : MARKS[event.event];
    return `${isDrop ? "✗" : "·"} ${event.who}  ${name}   ${isDrop ? "the link: " : ""}${markMeaning(mark ?? 0)}`;
  }
}
