import type { Trace } from "#base/trace";
import type { Link } from "#device/link";
import { joinObservers } from "#device/link-observers";
import type { EventSink, RunEvent } from "./events.ts";
import { eventsOf } from "./events.ts";
import { FlowTable } from "./flow-table.ts";
import { LinkRecorder } from "./link-events.ts";

const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** A stack's trace, and how far it has been read. */
interface Followed {
  readonly trace: Trace;
  readonly who: string;
  readonly perPacket: boolean;
  read: number;
  drains: number;
  lost: number;
}

/**
 * Brings the events of stacks and links into one order: when a link has one, what the stacks did before it is read first. So a segment is
 * sent, offered to the link, delivered and received, in the file as in life.
 */
export class Recorder {
  readonly #sinks: readonly EventSink[];
  readonly #traces: Followed[] = [];
  readonly #flows = new FlowTable();

  constructor(sinks: readonly EventSink[]) {
    this.#sinks = sinks;
  }

  /**
   * Follows a stack's trace. `read` must be called before it is drained.
   * @param perPacket one event for each packet of the wire, not for each super-segment
   */
  follow(trace: Trace, who: string, perPacket: boolean): void {
    this.#traces.push({ trace, who, perPacket, read: 0, drains: trace.drains, lost: trace.lost });
  }

  /** Observes one direction of a link from now on. @param names by address: what it is called */
  watch(link: Link, who: string, names?: ReadonlyMap<string, string>): void {
    link.observer = joinObservers(link.observer, this.observer(link, who, names));
  }

  /** The same, for a link that has an observer already, which passes on what it sees. */
  observer(link: Pick<Link, "waiting">, who: string, names: ReadonlyMap<string, string> = NO_NAMES): LinkRecorder {
    const recorder = new LinkRecorder({ who, names, flows: this.#flows }, (event) => {
      this.read();
      this.event(event);
    });
    recorder.link = link;
    return recorder;
  }

  /** Takes the new records of all stacks. */
  read(): void {
    for (const each of this.#traces) {
      const { trace, who, perPacket } = each;
      if (each.drains !== trace.drains) {
        each.drains = trace.drains;
        each.read = 0;
      }
      if (each.read < trace.size) {
        const from = each.read;
        each.read = trace.size;
        for (const event of eventsOf(trace, who, perPacket, from)) this.event(event);
      }
      const missing = trace.lost - each.lost;
      if (missing === 0) continue;
      each.lost = trace.lost;
      this.event({ event: "run:gap", time: trace.time[trace.size - 1] ?? 0, who, missing });
    }
  }

  event(event: RunEvent): void {
    for (const sink of this.#sinks) sink.event(event);
  }
}
